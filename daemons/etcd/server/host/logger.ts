import { writeSync } from 'node:fs'
import type { LogLevel } from '../../config/config.ts'
import { formatLine, isWritten, type Weight } from '../log.ts'

/** Writes lines of the log. `from` is the part of the program that speaks. */
export type Log = (weight: Weight, from: string, text: string) => void

/** A logger to standard error. Lines are written at once: the last ones before an end matter most. */
export function createLogger(settings: { logger: 'capnslog' | 'zap'; logLevel: LogLevel }): Log {
  return (weight, from, text) => {
    if (!isWritten(weight, settings.logLevel)) return
    writeAll(formatLine(settings.logger, Date.now(), weight, from, text))
  }
}

/** A pipe that nobody reads fast enough costs lines, never the server. */
function writeAll(line: string): void {
  try {
    writeSync(2, line)
  } catch {
    // EAGAIN of a full pipe, EPIPE of one that nobody reads: there is nowhere to say so.
  }
}
