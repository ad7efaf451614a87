import { get32, get64, lastNonzero, put32, put64 } from './bytes.ts'
import { crc32c } from './crc32c.ts'

/*
 * The log is a chain of frames. One frame is one group commit: all records that were written and synced together. So a
 * frame was acknowledged as a whole or not at all, and the next frame is written only after this one was synced:
 * whatever stands behind a frame proves that it had been durable. This is what tells a torn write from corruption
 * (tail.ts).
 *
 *   0   body bytes         32 bit, without padding, at least 1
 *   4   zero sectors       32 bit, pieces of sectors in this frame that hold only zeros by right
 *   8   number             64 bit, of the frame in the log, from 1, without gaps, over all segments
 *   16  offset             32 bit, of this header in its segment: a frame in a wrong place is noticed
 *   20  previous           32 bit, the check of the frame before: an old frame in the right place is noticed
 *   24  body checksum      32 bit, CRC-32C of body and padding
 *   28  check              32 bit, CRC-32C of bytes 0 to 27; as it covers `previous`, it stands for the chain so far
 *   32  body, then padding of END_MARK up to the next multiple of 32, at least one byte
 *
 * A frame begins at a multiple of 32, so a header lies in one sector: there, or lost, never in parts.
 */

/** Bytes of a frame's header, and what a frame's place and length are multiples of. */
export const HEADER_BYTES = 32
/** What a disk writes whole or not at all. Disks with larger sectors lose several of these together. */
export const SECTOR_BYTES = 512
/** Most bytes of a body. Larger than the largest append with everything that can wait beside it (log.ts). */
export const BODY_BYTES_MAX = 48 * 1024 * 1024
/** High half of the largest number, 2^53-1. */
const NUMBER_HIGH_MAX = 0x1f_ffff
/** Fills the frame up. Four bits are set, so that no single flipped bit makes the end of a frame look unwritten. */
export const END_MARK = 0xa5

/** Where the chain of frames stands: what the next one continues. */
export interface Chain {
  /** Number of the last frame; 0 before the first. */
  number: number
  /** Its check; 0 before the first. */
  check: number
}

/** A frame's header. */
export interface FrameHeader {
  bodyBytes: number
  zeroSectors: number
  number: number
  offset: number
  previous: number
  bodyChecksum: number
  check: number
}

/** Bytes that a frame takes in the file. */
export function frameBytes(bodyBytes: number): number {
  return HEADER_BYTES + Math.floor(bodyBytes / HEADER_BYTES + 1) * HEADER_BYTES
}

/**
 * Completes a frame whose body stands in `buffer` from HEADER_BYTES on; the buffer has room for the padding.
 *
 * @param offset of the frame in its segment
 * @returns the check, which the next frame continues
 */
export function sealFrame(buffer: Uint8Array, bodyBytes: number, chain: Chain, offset: number): number {
  if (bodyBytes < 1 || bodyBytes > BODY_BYTES_MAX) throw new RangeError(`a frame of ${bodyBytes} bytes`)
  if (offset % HEADER_BYTES !== 0) throw new RangeError(`a frame at ${offset}`)
  const end = frameBytes(bodyBytes)
  buffer.fill(END_MARK, HEADER_BYTES + bodyBytes, end)
  put32(buffer, 0, bodyBytes)
  put64(buffer, 8, chain.number + 1)
  put32(buffer, 16, offset)
  put32(buffer, 20, chain.check)
  put32(buffer, 24, crc32c(0, buffer, HEADER_BYTES, end))
  put32(buffer, 4, zeroSectorsIn(buffer, 0, end, offset))
  const check = crc32c(0, buffer, 0, HEADER_BYTES - 4)
  put32(buffer, 28, check)
  return check
}

/** The header at `at`, or undefined when there is none: zeros, or bytes that its check does not fit. */
export function readHeader(bytes: Uint8Array, at: number): FrameHeader | undefined {
  if (bytes.length < at + HEADER_BYTES) return undefined
  const check = get32(bytes, at + 28)
  if (crc32c(0, bytes, at, at + HEADER_BYTES - 4) !== check) return undefined
  const bodyBytes = get32(bytes, at)
  if (bodyBytes < 1 || bodyBytes > BODY_BYTES_MAX || get32(bytes, at + 12) > NUMBER_HIGH_MAX) return undefined
  return {
    bodyBytes,
    zeroSectors: get32(bytes, at + 4),
    number: get64(bytes, at + 8),
    offset: get32(bytes, at + 16),
    previous: get32(bytes, at + 20),
    bodyChecksum: get32(bytes, at + 24),
    check,
  }
}

/** Whether the frame whose header was read at `at` holds the body that its header speaks of. */
export function isBodyWhole(bytes: Uint8Array, at: number, header: FrameHeader): boolean {
  const end = at + frameBytes(header.bodyBytes)
  return end <= bytes.length && crc32c(0, bytes, at + HEADER_BYTES, end) === header.bodyChecksum
}

/**
 * How many pieces of sectors in `bytes` from `start` to before `end` hold only zeros, where `start` stands at `offset`
 * of the file. More of them than there were in the write tells that sectors of it are missing.
 */
export function zeroSectorsIn(bytes: Uint8Array, start: number, end: number, offset: number): number {
  let count = 0
  let at = start
  while (at < end) {
    const next = Math.min(end, at + SECTOR_BYTES - ((offset + at - start) % SECTOR_BYTES))
    // The last byte of a piece is rarely zero, so this looks at one byte for most.
    if (lastNonzero(bytes, at, next) < 0) count += 1
    at = next
  }
  return count
}
