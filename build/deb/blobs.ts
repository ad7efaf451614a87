import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'

/** Kind of cache entries that hold the content of one file, by its SHA-256. */
const BLOBS = 'blobs'

let counter = 0

/**
 * Where the blob with this hash is, or would be. Folders by the first two digits keep each one small enough for
 * file systems that search them one by one.
 */
export function blobPath(cacheRoot: string, sha256: string): string {
  return join(cacheRoot, BLOBS, sha256.slice(0, 2), sha256)
}

/** Whether a blob is there in full. A power cut may leave one short, because blobs are not synced one by one. */
export function hasBlob(cacheRoot: string, sha256: string, size: number): boolean {
  return statSync(blobPath(cacheRoot, sha256), { throwIfNoEntry: false })?.size === size
}

/** What the worker thread wrote that was stopped between a write and its rename. */
export function removePartialBlobs(cacheRoot: string, worker: number): void {
  const folder = join(cacheRoot, 'partial')
  if (!existsSync(folder)) return
  for (const name of readdirSync(folder)) {
    if (name.startsWith(partialName(worker, ''))) rmSync(join(folder, name), { force: true })
  }
}

function partialName(worker: number, rest: string | number): string {
  return `${process.pid}-blob-${worker}-${rest}`
}

/** Stores bytes as a blob, unless it is there. Synchronous: it is called for ten thousands of small files in a row. */
export function keepBlob(
  cacheRoot: string,
  bytes: Uint8Array,
): { path: string; size: number; sha256: string } {
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const path = blobPath(cacheRoot, sha256)
  const size = bytes.length
  if (!hasBlob(cacheRoot, sha256, size)) {
    counter += 1
    const partial = join(cacheRoot, 'partial', partialName(threadId, counter))
    try {
      // Read-only: hard links to it must not become a way to change it.
      writeFileSync(partial, bytes, { mode: 0o444 })
      mkdirSync(join(path, '..'), { recursive: true })
      renameSync(partial, path)
    } catch (error) {
      rmSync(partial, { force: true })
      throw error
    }
  }
  return { path, size, sha256 }
}
