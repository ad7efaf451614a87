import { describeFailure } from '#lib/errors.ts'
import { DiscoveryService } from './host/service.ts'
import { helpText, readSettings } from './settings.ts'

/** How long answers that are under way may take at the end. */
const CLOSE_GRACE_MS = 500

/**
 * The program `discovery`: gives out tokens under which members of new clusters find one another, over any etcd.
 *
 * @param args without the name of the program
 * @returns the status of the process: 0 after SIGTERM or SIGINT, 1 when it cannot listen
 */
export async function main(args: string[]): Promise<number> {
  const settings = readSettings(args, process.env)
  if (settings === undefined) {
    process.stdout.write(helpText())
    return 0
  }
  const log = (line: string) => void process.stderr.write(`${new Date().toISOString()} discovery: ${line}\n`)
  const service = new DiscoveryService(settings, log)
  const port = await service.listen()
  log(`listening on port ${port}, tokens are kept by ${settings.endpoints.join(', ')}`)
  await new Promise<void>(resolve => {
    process.once('SIGTERM', () => resolve())
    process.once('SIGINT', () => resolve())
  })
  await service.close(CLOSE_GRACE_MS)
  return 0
}

// Called as a file of its own, as tests do; in the binary, its entry calls `main`.
if (import.meta.main)
  void main(process.argv.slice(2)).then(
    status => process.exit(status),
    (error: unknown) => {
      const line = describeFailure(error) ?? (error instanceof Error ? error.stack : String(error))
      process.stderr.write(`discovery: ${line}\n`)
      process.exit(1)
    },
  )
