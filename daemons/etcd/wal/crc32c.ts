/**
 * CRC-32C (Castagnoli, polynomial 0x1EDC6F41, reflected), eight bytes a step by eight tables.
 *
 * Why not `crc32` of node:zlib, which is native: that is the polynomial of Ethernet. Castagnoli's finds every error of
 * up to five bits in a record of up to 655 bytes, the size of most of ours; Ethernet's only up to 33 bytes. The price,
 * measured on 300 bytes: 0.56 µs here against 0.22 µs there, under one percent of a core at 25,000 records a second.
 *
 * Source: RFC 3720 appendix B.4 (test values); Koopman, 32-bit cyclic redundancy codes (2002); Kounavis and Berry,
 * a systematic approach to building high performance software-based CRC generators (2005).
 */

/** 0x1EDC6F41 with its bits in the other order. */
const POLYNOMIAL = 0x82f63b78
const STEP_BYTES = 8

/** Table k at 256 * k: what a byte does to the remainder after k more bytes of zeros. */
const TABLES = makeTables()

function makeTables(): Int32Array {
  const tables = new Int32Array(256 * STEP_BYTES)
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte
    for (let bit = 0; bit < 8; bit++)
      remainder = (remainder & 1) === 0 ? remainder >>> 1 : (remainder >>> 1) ^ POLYNOMIAL
    tables[byte] = remainder
  }
  for (let at = 256; at < tables.length; at++) {
    const before = tables[at - 256]!
    tables[at] = tables[before & 0xff]! ^ (before >>> 8)
  }
  return tables
}

/**
 * The checksum of what `seed` is the checksum of, followed by `bytes` from `start` up to but not including `end`.
 * Begins with seed 0. From 0 to 2^32-1.
 */
export function crc32c(seed: number, bytes: Uint8Array, start = 0, end = bytes.length): number {
  const tables = TABLES
  let crc = ~seed
  let at = start
  for (const last = end - STEP_BYTES; at <= last; at += STEP_BYTES) {
    const low = crc ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24))
    crc =
      tables[0x700 | (low & 0xff)]! ^
      tables[0x600 | ((low >>> 8) & 0xff)]! ^
      tables[0x500 | ((low >>> 16) & 0xff)]! ^
      tables[0x400 | (low >>> 24)]! ^
      tables[0x300 | bytes[at + 4]!]! ^
      tables[0x200 | bytes[at + 5]!]! ^
      tables[0x100 | bytes[at + 6]!]! ^
      tables[bytes[at + 7]!]!
  }
  for (; at < end; at++) crc = tables[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8)
  return ~crc >>> 0
}
