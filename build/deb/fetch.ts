import { statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { UserError } from '#lib/errors.ts'
import type { Progress } from '#lib/progress.ts'
import type { Cache } from '../cache/cache.ts'
import { Download } from './download.ts'
import type { LockedPackage } from './lock.ts'
import type { Mirrors } from './mirrors.ts'
import { PARALLEL_MAX, Transport } from './transport.ts'

/** What fetching needs. */
export interface FetchContext {
  cache: Cache
  /** A function is asked only when something must be fetched: a full cache needs no mirror. */
  mirrors: Mirrors | (() => Promise<Mirrors>)
  progress: Progress
  signal?: AbortSignal | undefined
  /** For tests that do not want to wait. */
  transport?: Transport
}

/** Locked packages are no longer on the mirror: a newer version has taken their place. */
export class SupersededError extends UserError {
  readonly code = 'SUPERSEDED'
  /** All packages that are missing. */
  readonly packages: LockedPackage[]

  constructor(packages: LockedPackage[]) {
    const names = packages.map(item => `${item.name} ${item.version}`).join(', ')
    const has = packages.length === 1 ? 'has' : 'have'
    super(
      `${names} ${has} left the mirror (superseded)`,
      'run `npm run orlop -- lock` to refresh image/packages.lock.json',
    )
    this.name = 'SupersededError'
    this.packages = packages
  }
}

/**
 * Makes sure that every package is in the cache (kind `debs`, key SHA-256), downloading what is missing, several at
 * a time. A broken transfer is continued where it stopped, also by a later call.
 *
 * @returns SHA-256 → path of the verified .deb
 * @throws SupersededError when the mirror lacks some, after all others were fetched; UserError for anything else
 */
export async function fetchPackages(
  packages: LockedPackage[],
  context: FetchContext,
): Promise<Map<string, string>> {
  const { cache } = context
  const paths = new Map<string, string>()
  const missing: LockedPackage[] = []
  for (const item of packages) {
    if (paths.has(item.sha256)) continue
    const path = cache.path('debs', item.sha256)
    paths.set(item.sha256, path)
    const info = statSync(path, { throwIfNoEntry: false })
    if (info?.size === item.size) continue
    if (info !== undefined) await rm(path, { force: true }) // cut short by a power cut
    missing.push(item)
  }
  if (missing.length > 0) await fetchMissing(missing, context)
  return paths
}

async function fetchMissing(missing: LockedPackage[], context: FetchContext): Promise<void> {
  const mirrors = typeof context.mirrors === 'function' ? await context.mirrors() : context.mirrors
  const transport = context.transport ?? new Transport({ proxy: mirrors.proxy })
  const total = missing.reduce((sum, item) => sum + item.size, 0)
  const task = context.progress.begin('Downloading packages', { total, unit: 'bytes' })
  // One failure stops the others, so that nothing goes on behind an error that was reported.
  const stop = new AbortController()
  const signal = context.signal === undefined ? stop.signal : AbortSignal.any([context.signal, stop.signal])
  const gone: LockedPackage[] = []
  let failure: unknown
  // The biggest first: then no connection is left alone with it at the end.
  const queue = [...missing].sort((a, b) => b.size - a.size || (a.name < b.name ? -1 : 1))
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      try {
        signal.throwIfAborted()
        const download = new Download(item, transport, context.cache, signal, task)
        if (!(await download.run(urlsOf(item, mirrors)))) gone.push(item)
      } catch (error) {
        failure ??= error
        stop.abort(error)
        return
      }
    }
  }
  try {
    await Promise.all(Array.from({ length: PARALLEL_MAX }, worker))
    if (failure !== undefined) throw failure
    if (gone.length > 0) throw new SupersededError(gone.sort((a, b) => (a.name < b.name ? -1 : 1)))
    task.end(`${missing.length} packages`)
  } finally {
    if (context.transport === undefined) transport.close()
  }
}

/** Where a package may be: a point release moves what the security archive had into the main one. */
function urlsOf(item: LockedPackage, mirrors: Mirrors): string[] {
  const urls = [
    `${item.suite.endsWith('-security') ? mirrors.security : mirrors.main}/${escapePath(item.path)}`,
  ]
  if (item.path.startsWith('pool/updates/')) {
    urls.push(`${mirrors.main}/${escapePath(item.path.replace('pool/updates/', 'pool/'))}`)
  }
  return urls
}

/** Versions in pool paths hold `+` and `~`, which are fine in a URL; a `%` would not be. */
function escapePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/').replaceAll('%2B', '+')
}
