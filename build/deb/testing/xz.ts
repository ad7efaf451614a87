import { crc32 } from 'node:zlib'

/** What a chunk of LZMA2 that is not compressed may hold. */
const CHUNK_BYTES = 0x10000

/**
 * Wraps bytes as .xz data without compressing them, since Node has no encoder (xz-file-format.txt: one block, LZMA2
 * chunks of type "uncompressed", no check).
 */
export function storeXz(bytes: Uint8Array): Buffer {
  const flags = Buffer.from([0, 0])
  const header = Buffer.concat([Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), flags, crc(flags)])
  // Size of the block header in units of 4 less one, no flags, filter LZMA2 (0x21) with one byte: dictionary 4 KiB.
  const blockHeader = Buffer.from([2, 0, 0x21, 1, 0, 0, 0, 0])
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    const chunk = bytes.subarray(at, at + CHUNK_BYTES)
    const size = Buffer.alloc(2)
    size.writeUInt16BE(chunk.length - 1)
    chunks.push(Buffer.from([at === 0 ? 1 : 2]), size, Buffer.from(chunk))
  }
  const block = Buffer.concat([blockHeader, crc(blockHeader), ...chunks, Buffer.from([0])])
  const records = Buffer.concat([Buffer.from([0, 1]), varint(block.length), varint(bytes.length)])
  const index = pad(records)
  const indexWithCrc = Buffer.concat([index, crc(index)])
  const backward = Buffer.alloc(4)
  backward.writeUInt32LE(indexWithCrc.length / 4 - 1)
  const tail = Buffer.concat([backward, flags])
  return Buffer.concat([header, pad(block), indexWithCrc, crc(tail), tail, Buffer.from('YZ')])
}

function crc(bytes: Uint8Array): Buffer {
  const result = Buffer.alloc(4)
  result.writeUInt32LE(crc32(bytes))
  return result
}

function pad(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest])
    bytes.push((rest % 128) | 0x80)
  }
}
