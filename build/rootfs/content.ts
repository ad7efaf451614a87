import { createHash } from 'node:crypto'
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import type { Content } from './entry.ts'

/** Reads a part of a file: up to `length` bytes from `offset`, fewer at its end. */
export type ReadAt = (offset: number, length: number) => Uint8Array

/** The whole content; for files known to be small. */
export function readContent(content: Content): Uint8Array {
  return content.kind === 'bytes' ? content.bytes : readFileSync(content.path)
}

/** The content as text (UTF-8). */
export function readText(content: Content): string {
  return Buffer.from(readContent(content)).toString('utf8')
}

/** The length in bytes. */
export function sizeOf(content: Content): number {
  return content.kind === 'bytes' ? content.bytes.length : content.size
}

/** SHA-256 of the content, in hex; for blobs it is known and nothing is read. */
export function hashOf(content: Content): string {
  return content.kind === 'bytes' ? createHash('sha256').update(content.bytes).digest('hex') : content.sha256
}

/** Calls `use` with a reader for parts of the content, so that of big files only the needed parts are read. */
export function withReader<T>(content: Content, use: (read: ReadAt) => T): T {
  if (content.kind === 'bytes') {
    const bytes = content.bytes
    return use((offset, length) => bytes.subarray(offset, offset + length))
  }
  const file = openSync(content.path, 'r')
  try {
    return use((offset, length) => {
      const buffer = Buffer.allocUnsafe(length)
      let done = 0
      while (done < length) {
        const count = readSync(file, buffer, done, length - done, offset + done)
        if (count === 0) break
        done += count
      }
      return buffer.subarray(0, done)
    })
  } finally {
    closeSync(file)
  }
}
