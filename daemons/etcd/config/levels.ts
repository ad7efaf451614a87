import { UserError } from '#lib/errors.ts'

/** From which weight on lines are written. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

const LEVELS: ReadonlyMap<string, LogLevel> = new Map([
  ['TRACE', 'debug'],
  ['DEBUG', 'debug'],
  ['INFO', 'info'],
  ['NOTICE', 'info'],
  ['WARN', 'warn'],
  ['WARNING', 'warn'],
  ['ERROR', 'error'],
  ['CRITICAL', 'error'],
])

/** A level by the original's word for it (`PUT /config/local/log`), or undefined. */
export function parseLevel(word: string): LogLevel | undefined {
  return LEVELS.get(word.toUpperCase())
}

/**
 * Levels of parts of the program: `etcdserver=WARNING,rafthttp=DEBUG`; `*`, or a level alone, stands for all others.
 *
 * @throws UserError
 */
export function readPackageLevels(text: string): Map<string, LogLevel> {
  const levels = new Map<string, LogLevel>()
  for (const part of text.split(',')) {
    if (part.trim() === '') continue
    const equals = part.indexOf('=')
    const name = equals < 0 ? '*' : part.slice(0, equals).trim()
    const level = parseLevel(part.slice(equals + 1).trim())
    if (level === undefined || name === '')
      throw new UserError(
        `${JSON.stringify(part)} is no PACKAGE=LEVEL`,
        `a level is one of ${[...LEVELS.keys()].join(', ')}`,
      )
    levels.set(name, level)
  }
  return levels
}
