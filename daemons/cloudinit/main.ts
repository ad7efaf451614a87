import { FlagError } from '#lib/cli/flags.ts'
import { describeFailure } from '#lib/errors.ts'
import { runProgram } from './host/program.ts'
import { type Call, helpText, readSettings } from './settings.ts'

/** The original's status for a command line that is wrong. */
const EXIT_USAGE = 2

/**
 * The program `coreos-cloudinit`: configures a machine by what it is told from wherever it is told.
 *
 * @param args without the name of the program
 * @returns the status of the process: 0 when all of it was done, 1 when something was wrong, 2 for a wrong command line
 */
export async function main(args: string[]): Promise<number> {
  const err = (line: string) => void process.stderr.write(`${line}\n`)
  let call: Call
  try {
    call = readSettings(args)
  } catch (error) {
    if (!(error instanceof FlagError)) throw error
    err(`coreos-cloudinit: ${error.message}; see coreos-cloudinit --help`)
    return EXIT_USAGE
  }
  const out = (line: string) => void process.stdout.write(`${line}\n`)
  if (call.kind === 'help') process.stdout.write(helpText())
  if (call.kind === 'version') out('coreos-cloudinit orlop')
  if (call.kind !== 'run') return 0
  const { settings } = call
  // At a boot its lines stand on the console among others.
  const prefix = settings.boot === undefined ? '' : 'coreos-cloudinit: '
  return await runProgram(settings, { out: line => out(prefix + line), err: line => err(prefix + line) })
}

// Called as a file of its own, as tests do; in the binary, its entry calls `main`.
if (import.meta.main)
  void main(process.argv.slice(2)).then(
    status => process.exit(status),
    (error: unknown) => {
      const line = describeFailure(error) ?? (error instanceof Error ? error.stack : String(error))
      process.stderr.write(`coreos-cloudinit: ${line}\n`)
      process.exit(1)
    },
  )
