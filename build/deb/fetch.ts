import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync, statSync } from 'node:fs'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { errorCode, UserError } from '#lib/errors.ts'
import type { Progress, Task } from '#lib/progress.ts'
import type { Cache } from '../cache/cache.ts'
import type { LockedPackage } from './lock.ts'
import type { Mirrors } from './mirrors.ts'
import { asTransient, NotFoundError, PARALLEL_MAX, Transport } from './transport.ts'

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

/** The transfer of one package. */
class Download {
  readonly #item: LockedPackage
  readonly #transport: Transport
  readonly #cache: Cache
  readonly #signal: AbortSignal
  readonly #task: Task
  /** Bytes already told to the progress bar; a transfer that starts over does not count twice. */
  #told = 0

  constructor(item: LockedPackage, transport: Transport, cache: Cache, signal: AbortSignal, task: Task) {
    this.#item = item
    this.#transport = transport
    this.#cache = cache
    this.#signal = signal
    this.#task = task
  }

  /** @returns whether any of the URLs had the package */
  async run(urls: string[]): Promise<boolean> {
    // Two builders must not write to one file. So the part that an earlier attempt left is taken by renaming it,
    // which only one of them can do, and is put back when this attempt does not finish either.
    const kept = this.#cache.path('debs-partial', this.#item.sha256)
    const partial = this.#cache.partialPath()
    await mkdir(join(kept, '..'), { recursive: true })
    await rename(kept, partial).catch(() => undefined)
    try {
      for (const url of urls) {
        if (!(await this.#fetch(url, partial))) continue
        await this.#cache.adopt('debs', this.#item.sha256, partial)
        return true
      }
      return false
    } catch (error) {
      const code = errorCode(error)
      if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error
      await rm(partial, { force: true }) // leave the user room to act
      throw new UserError(
        `no space left for package ${this.#item.name} (${this.#item.size} bytes) in ${this.#cache.root} (${code})`,
        'free some space, or set ORLOP_CACHE to a folder with more',
      )
    } finally {
      if (existsSync(partial)) await rename(partial, kept).catch(() => undefined)
    }
  }

  /** @returns false when the server has no such file */
  async #fetch(url: string, partial: string): Promise<boolean> {
    let resumed = false
    try {
      await this.#transport.withRetries(this.#signal, async () => {
        const from = statSync(partial, { throwIfNoEntry: false })?.size ?? 0
        resumed ||= from > 0
        if (from < this.#item.size) await this.#transfer(url, partial, from)
      })
    } catch (error) {
      if (error instanceof NotFoundError) return false
      throw error
    }
    const problem = await this.#mismatch(partial)
    if (problem === undefined) return true
    await rm(partial, { force: true })
    // The part kept from before may be what is wrong; a second fault is the server's.
    if (resumed) return await this.#fetch(url, partial)
    throw new UserError(
      `package ${this.#item.name} ${this.#item.version}: ${problem}`,
      `what ${url} gives is not what was locked: it was not used; try another mirror`,
    )
  }

  async #transfer(url: string, partial: string, from: number): Promise<void> {
    const response = await this.#transport.get(url, { from, signal: this.#signal })
    const start = firstByte(response)
    if (response.statusCode === 416 || (start !== 0 && start !== from)) {
      response.destroy()
      await rm(partial, { force: true })
      throw asTransient(url, new Error('the server cannot continue the transfer'), this.#signal)
    }
    const limit = this.#item.size
    let position = start
    const meter = new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        position += chunk.length
        if (position > limit) return done(new Error(`the server sends more than ${limit} bytes`))
        if (position > this.#told) {
          this.#task.advance(position - this.#told)
          this.#told = position
        }
        done(null, chunk)
      },
    })
    try {
      const file = createWriteStream(partial, start === 0 ? { flags: 'w' } : { flags: 'r+', start })
      await pipeline(response, meter, file, { signal: this.#signal })
    } catch (error) {
      if (position > limit) {
        await rm(partial, { force: true })
        throw new UserError(
          `package ${this.#item.name} ${this.#item.version}: ${url} has more than the ${limit} bytes that were locked`,
          'it was not used; try another mirror',
        )
      }
      throw isLocal(error) ? error : asTransient(url, error, this.#signal)
    }
    if (position < limit)
      throw asTransient(url, new Error(`ended after ${position} of ${limit} bytes`), this.#signal)
  }

  async #mismatch(path: string): Promise<string | undefined> {
    const { size } = await stat(path)
    if (size !== this.#item.size) return `it has ${size} bytes, the lock says ${this.#item.size}`
    const found = await hashFile(path)
    return found === this.#item.sha256
      ? undefined
      : `its SHA-256 is ${found}, the lock says ${this.#item.sha256}`
  }
}

/** SHA-256 of a file, in hex. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}

/** Where the body of an answer belongs in the file. */
function firstByte(response: IncomingMessage): number {
  if (response.statusCode !== 206) return 0
  const match = /^bytes (\d+)-/.exec(response.headers['content-range'] ?? '')
  return match === null ? Number.NaN : Number(match[1])
}

/** Whether a failure is of the disk: another attempt would not help. */
function isLocal(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EACCES', 'EROFS', 'EIO', 'ENOENT', 'EMFILE'].includes(errorCode(error) ?? '')
}
