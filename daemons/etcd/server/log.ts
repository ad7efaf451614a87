import type { LogLevel } from '../config/levels.ts'

/** How much a line weighs: those of the original. */
export type Weight = 'debug' | 'info' | 'notice' | 'warn' | 'error' | 'critical'

const LETTERS: Readonly<Record<Weight, string>> = {
  debug: 'D',
  info: 'I',
  notice: 'N',
  warn: 'W',
  error: 'E',
  critical: 'C',
}
const RANKS: Readonly<Record<Weight, number>> = {
  debug: 0,
  info: 1,
  notice: 1,
  warn: 2,
  error: 3,
  critical: 4,
}
const ZAP_LEVELS: Readonly<Record<Weight, string>> = {
  debug: 'debug',
  info: 'info',
  notice: 'info',
  warn: 'warn',
  error: 'error',
  critical: 'fatal',
}

/** Whether a line of that weight is written at a level. */
export function isWritten(weight: Weight, level: LogLevel): boolean {
  return RANKS[weight] >= RANKS[level]
}

/**
 * A line as the original's two loggers write it, which tools read: `2026-11-23 15:50:15.324000 I | etcdmain: text`, or
 * JSON. What breaks a line is escaped, so that nothing from outside can write lines of its own.
 *
 * @param atMs milliseconds since 1970
 * @param from the part of the program that speaks
 */
export function formatLine(
  logger: 'capnslog' | 'zap',
  atMs: number,
  weight: Weight,
  from: string,
  text: string,
): string {
  const iso = new Date(atMs).toISOString()
  if (logger === 'zap') {
    const line = { level: ZAP_LEVELS[weight], ts: iso, caller: from, msg: text }
    return `${JSON.stringify(line)}\n`
  }
  const time = `${iso.slice(0, 10)} ${iso.slice(11, 23)}000`
  return `${time} ${LETTERS[weight]} | ${from}: ${escapeControls(text)}\n`
}

function escapeControls(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f]/g, char => JSON.stringify(char).slice(1, -1))
}
