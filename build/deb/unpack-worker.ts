import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { parentPort } from 'node:worker_threads'
import { errorCode } from '#lib/errors.ts'
import { keepBlob } from './blobs.ts'
import { type Extracted, extractDeb } from './extract.ts'

/** What a worker is asked: unpack this .deb. */
export interface UnpackOrder {
  path: string
  name: string
  sha256: string
  cacheRoot: string
}

/** What it answers. */
export type UnpackAnswer =
  | { extracted: Extracted }
  /** The .deb is not what it should be. */
  | { damaged: string }
  /** The machine failed. `code` is of the system error. */
  | { failed: string; code: string | undefined; path: string | undefined }

parentPort?.on('message', async (order: UnpackOrder) => {
  parentPort?.postMessage(await answer(order))
})

async function answer(order: UnpackOrder): Promise<UnpackAnswer> {
  try {
    const hash = createHash('sha256')
    await pipeline(createReadStream(order.path, { highWaterMark: 1 << 20 }), hash)
    const found = hash.digest('hex')
    if (found !== order.sha256) return { damaged: `its SHA-256 is ${found}, the lock says ${order.sha256}` }
    return { extracted: await extractDeb(order.path, order.name, bytes => keepBlob(order.cacheRoot, bytes)) }
  } catch (error) {
    const code = errorCode(error)
    const message = error instanceof Error ? error.message : String(error)
    // System errors have a code such as ENOSPC; codes of zlib and of Node's streams say that the data is bad.
    const isSystem = code !== undefined && /^E[A-Z0-9]+$/.test(code)
    if (!isSystem) return { damaged: message }
    const path = error instanceof Error && 'path' in error ? String(error.path) : undefined
    return { failed: message, code, path }
  }
}
