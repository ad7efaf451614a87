import { Cache } from '../cache/cache.ts'
import { refreshLock } from '../deb/host/repository.ts'
import type { Command } from './command.ts'

/** `orlop lock`. */
export const lockCommand: Command = {
  name: 'lock',
  summary: 'refresh the list of Debian packages by which images are built',
  usage: '[--json]',
  flags: { json: { type: 'boolean', help: 'what changed as JSON' } },
  operands: { min: 0, max: 0 },
  examples: [
    [
      'npm run orlop -- lock',
      'after Debian released updates, or after a change of image/packages.json; commit image/packages.lock.json',
    ],
  ],
  async run(parsed, context) {
    const { lock, changes } = await refreshLock(context.root, {
      cache: await Cache.open(),
      progress: context.progress,
      signal: context.signal,
    })
    if (parsed.set('json')) {
      context.print(JSON.stringify({ date: lock.date, packages: lock.packages.length, changes }))
      return 0
    }
    for (const change of changes) context.print(change)
    const date = new Date(lock.date * 1000).toISOString().slice(0, 10)
    context.print(
      `${lock.packages.length} packages as of ${date}, ${changes.length === 0 ? 'nothing changed' : `${changes.length} changes`}`,
    )
    return 0
  },
}
