import { openSync, writeSync } from 'node:fs'
import { UserError } from '#lib/errors.ts'
import type { Config } from '../../config/config.ts'
import { formatLine, isWritten, type Weight } from '../log.ts'

const STDOUT = 1
const STDERR = 2
const FILE_MODE = 0o640

/** Writes lines of the log. `from` is the part of the program that speaks. */
export type Log = (weight: Weight, from: string, text: string) => void

/**
 * A logger. Lines are written at once: the last ones before an end matter most.
 *
 * @param settings `logLevel` may change while it runs
 * @throws UserError for a file that cannot be written
 */
export function createLogger(
  settings: Pick<Config, 'logger' | 'logLevel' | 'packageLevels' | 'logOutputs'>,
): Log {
  const descriptors = settings.logOutputs.map(openOutput)
  return (weight, from, text) => {
    if (!isWritten(weight, settings.packageLevels.get(from) ?? settings.logLevel)) return
    const line = formatLine(settings.logger, Date.now(), weight, from, text)
    for (const descriptor of descriptors) writeAll(descriptor, line)
  }
}

function openOutput(output: string): number {
  if (output === 'stderr') return STDERR
  if (output === 'stdout') return STDOUT
  try {
    return openSync(output, 'a', FILE_MODE)
  } catch (error) {
    throw new UserError(`--log-outputs: ${(error as Error).message}`)
  }
}

/** A pipe that nobody reads fast enough costs lines, never the server. */
function writeAll(descriptor: number, line: string): void {
  try {
    writeSync(descriptor, line)
  } catch {
    // EAGAIN of a full pipe, EPIPE of one that nobody reads, a full disk: there is nowhere to say so.
  }
}
