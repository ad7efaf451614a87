import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync, statSync } from 'node:fs'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { errorCode, UserError } from '#lib/errors.ts'
import type { Task } from '#lib/progress.ts'
import type { Cache } from '../cache/cache.ts'
import type { LockedPackage } from './lock.ts'
import { asTransient, NotFoundError, type Transport } from './transport.ts'

/** The transfer of one package. */
export class Download {
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

/** SHA-256 of a file, in hex. */
async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}
