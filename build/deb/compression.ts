import { type PassThrough, Readable, type Transform } from 'node:stream'
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
      return Readable.fromWeb(new XzReadableStream(Readable.toWeb(source) as never) as never)
  }
}

/** Decompresses .xz data held in memory. */
export async function unxz(bytes: Uint8Array): Promise<Buffer> {
  return await buffer(decompress(Readable.from([bytes]), 'xz'))
}

function pipeInto(source: Readable, target: Transform | PassThrough): Readable {
  source.on('error', error => target.destroy(error))
  return source.pipe(target)
}
