import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'

/** A finished file that nobody changes, usually in the cache. */
export interface Blob {
  path: string
  size: number
  /** 64 hex digits. */
  sha256: string
}

/** Hashes a file. */
export async function fileBlob(path: string): Promise<Blob> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash)
  return { path, size: (await stat(path)).size, sha256: hash.digest('hex') }
}
