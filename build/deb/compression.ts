import { createReadStream } from 'node:fs'
import { Readable, type Transform } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import xz from 'xz-decompress'

const { XzReadableStream } = xz

/** Compressions that Debian packages and indexes use, by the ending of a name. */
export type Compression = 'none' | 'gz' | 'xz' | 'zst'

/** The plain bytes of a compressed stream. Errors of the source and of the format arrive on the result. */
export function decompress(source: Readable, compression: Compression): Readable {
  switch (compression) {
    case 'none':
      return source
    case 'gz':
      return pipeInto(source, createGunzip())
    case 'zst':
      return pipeInto(source, createZstdDecompress())
    case 'xz':
      return Readable.from(unxzChunks(source), { objectMode: false })
  }
}

/**
 * The plain content of .xz data, given in memory or as the path of a file.
 *
 * @throws Error when it is not .xz data, or ends too early
 */
export async function unxz(source: Uint8Array | string): Promise<Buffer> {
  const stream = typeof source === 'string' ? createReadStream(source) : Readable.from([source])
  return await buffer(decompress(stream, 'xz'))
}

/** Errors of liblzma (lzma/base.h) that bad data causes; the decoder tells the number only. */
const XZ_ERRORS: Record<string, string> = {
  5: 'is no .xz data',
  6: 'uses an unknown feature of .xz',
  7: 'is damaged .xz data',
  8: 'is .xz data that ends too early',
}

async function* unxzChunks(source: Readable): AsyncGenerator<Uint8Array> {
  const plain = new XzReadableStream(Readable.toWeb(source) as ReadableStream<Uint8Array>)
  try {
    for await (const chunk of plain as AsyncIterable<Uint8Array>) yield chunk
  } catch (error) {
    const code = /failed with error code (\d+)/.exec((error as Error).message)?.[1]
    throw code === undefined
      ? error
      : new Error(XZ_ERRORS[code] ?? `cannot be decompressed (xz error ${code})`)
  } finally {
    source.destroy()
  }
}

function pipeInto(source: Readable, target: Transform): Readable {
  source.on('error', error => target.destroy(error))
  return source.pipe(target)
}
