import type { Log } from '../log.ts'

/** Writes lines to stderr; with verbosity also those for finding faults. */
export function stderrLog(verbosity: number): Log {
  const write = (level: string, line: string): void => void process.stderr.write(`${level} fleetd: ${line}\n`)
  return {
    debug: line => {
      if (verbosity > 0) write('DEBUG', line)
    },
    info: line => write('INFO', line),
    warn: line => write('WARN', line),
    error: line => write('ERROR', line),
  }
}
