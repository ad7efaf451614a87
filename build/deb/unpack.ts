import { readFileSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { UserError } from '#lib/errors.ts'
import type { Progress, Task } from '#lib/progress.ts'
import type { Cache } from '../cache/cache.ts'
import type { TreeEntry } from '../rootfs/entry.ts'
import { blobPath, hasBlob, removePartialBlobs } from './blobs.ts'
import type { Extracted } from './extract.ts'
import type { LockedPackage } from './lock.ts'
import type { UnpackAnswer, UnpackOrder } from './unpack-worker.ts'

/** What a package holds. */
export interface PackageContents extends Extracted {
  package: LockedPackage
}

/** What unpacking needs. */
export interface UnpackContext {
  cache: Cache
  progress: Progress
  signal?: AbortSignal | undefined
}

/** Kind of cache entries that tell what a .deb holds, by its SHA-256 and the version of this format. */
const UNPACKED = 'unpacked'
/** To be raised with every change of what an entry says or how. */
const FORMAT = 1
/** Each worker holds a decompressor and the largest file of a package in memory. */
const WORKERS_MAX = 8

/**
 * What packages hold, in the order given. File contents are cache blobs. Each package is unpacked once; later calls
 * only read the index, and unpack again when a blob has vanished.
 *
 * @param debs SHA-256 → path, as `fetchPackages` gives it
 * @throws UserError naming the package that is damaged, or when the disk is full
 */
export async function unpackPackages(
  packages: LockedPackage[],
  debs: Map<string, string>,
  context: UnpackContext,
): Promise<PackageContents[]> {
  const results = packages.map(item => readUnpacked(context.cache, item))
  const missing = packages.filter((_, index) => results[index] === undefined)
  if (missing.length > 0) {
    const extracted = await new UnpackPool(missing, debs, context).run()
    for (const [index, item] of packages.entries()) {
      results[index] ??= { package: item, ...extracted.get(item.sha256)! }
    }
  }
  return results as PackageContents[]
}

/** The index of a package that was unpacked before, if all of its blobs are still there. */
function readUnpacked(cache: Cache, item: LockedPackage): PackageContents | undefined {
  let stored: Extracted
  try {
    stored = JSON.parse(readFileSync(cache.path(UNPACKED, unpackedKey(item)), 'utf8'))
  } catch {
    return undefined // absent, or cut short by a power cut: it is made anew
  }
  for (const entry of stored.entries) {
    if (entry.type !== 'file' || entry.content.kind !== 'blob') continue
    const { sha256, size } = entry.content
    if (!hasBlob(cache.root, sha256, size)) return undefined
    entry.content.path = blobPath(cache.root, sha256)
  }
  for (const entry of stored.entries) restoreXattrs(entry)
  return { package: item, ...stored }
}

function unpackedKey(item: LockedPackage): string {
  return `${item.sha256}-${FORMAT}`
}

/** As JSON: paths of blobs follow from their hash, bytes become base64. */
function serialize(extracted: Extracted): string {
  const entries = extracted.entries.map(entry => ({
    ...entry,
    ...(entry.type === 'file' ? { content: { ...entry.content, path: '' } } : {}),
    ...(entry.xattrs === undefined
      ? {}
      : {
          xattrs: Object.fromEntries(
            Object.entries(entry.xattrs).map(([name, value]) => [name, toBase64(value)]),
          ),
        }),
  }))
  return JSON.stringify({ ...extracted, entries })
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

function restoreXattrs(entry: TreeEntry): void {
  for (const [name, value] of Object.entries(entry.xattrs ?? {})) {
    entry.xattrs![name] = new Uint8Array(Buffer.from(value as unknown as string, 'base64'))
  }
}

/** Unpacks packages in worker threads, as many as the machine has cores. */
class UnpackPool {
  readonly #queue: LockedPackage[]
  readonly #debs: Map<string, string>
  readonly #context: UnpackContext
  readonly #task: Task
  readonly #results = new Map<string, Extracted>()

  constructor(packages: LockedPackage[], debs: Map<string, string>, context: UnpackContext) {
    // The biggest first, so that no core is left alone with it at the end.
    this.#queue = [...new Map(packages.map(item => [item.sha256, item])).values()].sort(
      (a, b) => b.size - a.size,
    )
    this.#debs = debs
    this.#context = context
    const total = this.#queue.reduce((sum, item) => sum + item.size, 0)
    this.#task = context.progress.begin('Unpacking packages', { total, unit: 'bytes' })
  }

  async run(): Promise<Map<string, Extracted>> {
    const count = Math.min(availableParallelism(), WORKERS_MAX, this.#queue.length)
    const packages = this.#queue.length
    const workers = Array.from(
      { length: count },
      () => new Worker(new URL('./unpack-worker.ts', import.meta.url)),
    )
    // Not `Promise.all`: who is told of a failure may end the process, and nothing may be half written by then.
    const ends = await Promise.allSettled(workers.map(worker => this.#drive(worker)))
    await Promise.all(workers.map(worker => this.#stop(worker)))
    const failed = ends.find(end => end.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    this.#task.end(`${packages} packages`)
    return this.#results
  }

  async #stop(worker: Worker): Promise<void> {
    const { threadId } = worker // gone once it has stopped
    await worker.terminate()
    removePartialBlobs(this.#context.cache.root, threadId)
  }

  /** Has one package after the other unpacked; when that fails, the others begin no further one. */
  async #drive(worker: Worker): Promise<void> {
    try {
      await this.#unpackAll(worker)
    } catch (error) {
      this.#queue.length = 0
      throw error
    }
  }

  async #unpackAll(worker: Worker): Promise<void> {
    for (let item = this.#queue.shift(); item !== undefined; item = this.#queue.shift()) {
      const path = this.#debs.get(item.sha256)
      if (path === undefined) throw new Error(`package ${item.name} was not fetched`)
      const answer = await this.#ask(worker, {
        path,
        name: item.name,
        sha256: item.sha256,
        cacheRoot: this.#context.cache.root,
      })
      const extracted = await this.#accept(item, path, answer)
      await this.#store(item, extracted)
      this.#results.set(item.sha256, extracted)
      this.#task.advance(item.size)
    }
  }

  async #ask(worker: Worker, order: UnpackOrder): Promise<UnpackAnswer> {
    const { signal } = this.#context
    signal?.throwIfAborted()
    return await new Promise((resolve, reject) => {
      const onAbort = () => done(() => reject(signal?.reason))
      const onError = (error: unknown) => done(() => reject(error))
      const onMessage = (answer: UnpackAnswer) => done(() => resolve(answer))
      const done = (settle: () => void) => {
        signal?.removeEventListener('abort', onAbort)
        worker.off('error', onError).off('message', onMessage)
        settle()
      }
      signal?.addEventListener('abort', onAbort)
      worker.on('error', onError).on('message', onMessage)
      worker.postMessage(order)
    })
  }

  async #accept(item: LockedPackage, path: string, answer: UnpackAnswer): Promise<Extracted> {
    if ('extracted' in answer) return answer.extracted
    const label = `package ${item.name} ${item.version}`
    if ('damaged' in answer) {
      await rm(path, { force: true })
      throw new UserError(
        `${label}: the copy in the cache is damaged: ${answer.damaged}`,
        'it was removed; run the same command again to fetch it afresh',
      )
    }
    throw new UserError(
      `${label}: cannot unpack${answer.path === undefined ? '' : ` to ${answer.path}`}: ${answer.failed}`,
      answer.code === 'ENOSPC' || answer.code === 'EDQUOT'
        ? 'free some space, or set ORLOP_CACHE to a folder with more'
        : `check the folder ${this.#context.cache.root}`,
    )
  }

  async #store(item: LockedPackage, extracted: Extracted): Promise<void> {
    const { cache } = this.#context
    // There may be one already whose blobs have gone.
    await rm(cache.path(UNPACKED, unpackedKey(item)), { force: true })
    await cache.entry(UNPACKED, unpackedKey(item), path => writeFile(path, serialize(extracted)))
  }
}
