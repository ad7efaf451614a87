import { endWithReader, processIo } from './host/process.ts'
import { runProgram } from './program.ts'

/**
 * The `fleetctl` command line.
 *
 * @param args without the name of the program
 * @returns the status of the process
 */
export async function main(args: string[]): Promise<number> {
  endWithReader()
  return await runProgram(args, processIo())
}

// Called as a file of its own, as tests do; in the binary, its entry calls `main`.
if (import.meta.main) void main(process.argv.slice(2)).then(status => process.exit(status))
