import { type FileHandle, open } from 'node:fs/promises'

/** How much is copied at once, and how fine holes are kept. */
const CHUNK_BYTES = 1 << 20
const HOLE_BYTES = 1 << 16
const ZEROS = Buffer.alloc(HOLE_BYTES)

/** Copies a file into another at `offset`; stretches of zeros are skipped, so the target must have a hole there. */
export async function copySparse(source: string, target: FileHandle, offset: number): Promise<void> {
  const file = await open(source, 'r')
  try {
    const buffer = Buffer.alloc(CHUNK_BYTES)
    for (let at = 0; ; ) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, at)
      if (bytesRead === 0) return
      for (let start = 0; start < bytesRead; start += HOLE_BYTES) {
        const piece = buffer.subarray(start, Math.min(start + HOLE_BYTES, bytesRead))
        if (piece.equals(ZEROS.subarray(0, piece.length))) continue
        await writeFully(target, piece, offset + at + start)
      }
      at += bytesRead
    }
  } finally {
    await file.close()
  }
}

/** Writes all bytes at a position. */
export async function writeFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

/** Reads exactly this much. @throws Error when the file ends before */
export async function readExactly(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(buffer, done, length - done, position + done)
    if (bytesRead === 0)
      throw new Error(`the file ends at byte ${position + done}, ${length - done} bytes too early`)
    done += bytesRead
  }
  return buffer
}
