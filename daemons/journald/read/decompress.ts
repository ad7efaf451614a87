import { promisify } from 'node:util'
import { zstdDecompress, zstdDecompressSync } from 'node:zlib'
import { readCount } from '../codec/bytes.ts'
import { JournalError } from '../codec/errors.ts'
import { decodeLz4 } from '../codec/lz4.ts'
import { CompressionFlag } from '../codec/object.ts'

/** A field that is larger is not given: no writer makes one, and memory is bounded. */
export const PAYLOAD_BYTES_MAX = 64 * 1024 * 1024
/** Up to there, waiting for another thread takes longer than the work. */
const SYNC_BYTES_MAX = 16 * 1024

/**
 * The plain payload of a DATA object.
 *
 * @param flags of the object; 0 for a payload that is plain already
 * @throws JournalError when it cannot be decompressed, or is larger than PAYLOAD_BYTES_MAX
 */
export async function decompress(payload: Buffer, flags: number): Promise<Buffer> {
  try {
    switch (flags) {
      case 0:
        return payload
      case CompressionFlag.zstd:
        return await unzstd(payload)
      case CompressionFlag.lz4:
        return unlz4(payload)
      case CompressionFlag.xz:
        return await unxz(payload)
      default:
        throw new JournalError('corrupt', `data with two compressions (flags ${flags})`)
    }
  } catch (error) {
    if (error instanceof JournalError) throw error
    const cause = error instanceof Error ? error : new Error(String(error))
    if ('code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge()
    throw new JournalError('corrupt', `data that cannot be decompressed (${cause.message})`, undefined, {
      cause,
    })
  }
}

async function unzstd(payload: Buffer): Promise<Buffer> {
  const options = { maxOutputLength: PAYLOAD_BYTES_MAX }
  if (payload.length <= SYNC_BYTES_MAX) return zstdDecompressSync(payload, options)
  return await promisify(zstdDecompress)(payload, options)
}

/** The journal writes the plain size before the block. */
function unlz4(payload: Buffer): Buffer {
  if (payload.length <= 8) throw new JournalError('corrupt', 'LZ4 data without data')
  const size = readCount(payload, 0)
  if (size > PAYLOAD_BYTES_MAX) throw tooLarge()
  return decodeLz4(payload.subarray(8), size)
}

/** Old journals only: so the decoder is loaded when one is met. */
async function unxz(payload: Buffer): Promise<Buffer> {
  const { default: xz } = await import('xz-decompress')
  const source = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(payload)
      controller.close()
    },
  })
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of new xz.XzReadableStream(source) as AsyncIterable<Uint8Array>) {
    bytes += piece.length
    if (bytes > PAYLOAD_BYTES_MAX) throw tooLarge()
    pieces.push(Buffer.from(piece))
  }
  return Buffer.concat(pieces)
}

function tooLarge(): JournalError {
  return new JournalError('too-large', `data of more than ${PAYLOAD_BYTES_MAX} bytes`)
}
