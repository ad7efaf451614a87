/** Bytes that a round takes. */
const BLOCK = 12
const SEED = 0xdeadbeef

/**
 * Bob Jenkins' lookup3 (hashlittle2) as journals without keyed hashes use it: its first result is the upper half.
 */
export function jenkinsHash(bytes: Uint8Array): bigint {
  const { length } = bytes
  let a = (SEED + length) | 0
  let b = a
  let c = a
  if (length === 0) return join(c, b)
  const word = (at: number): number =>
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  let at = 0
  for (; length - at > BLOCK; at += BLOCK) {
    a = (a + word(at)) | 0
    b = (b + word(at + 4)) | 0
    c = (c + word(at + 8)) | 0
    a = ((a - c) | 0) ^ turn(c, 4)
    c = (c + b) | 0
    b = ((b - a) | 0) ^ turn(a, 6)
    a = (a + c) | 0
    c = ((c - b) | 0) ^ turn(b, 8)
    b = (b + a) | 0
    a = ((a - c) | 0) ^ turn(c, 16)
    c = (c + b) | 0
    b = ((b - a) | 0) ^ turn(a, 19)
    a = (a + c) | 0
    c = ((c - b) | 0) ^ turn(b, 4)
    b = (b + a) | 0
  }
  // The rest, of 1 to 12 bytes; what lies behind the end counts as zero.
  a = (a + word(at)) | 0
  b = (b + word(at + 4)) | 0
  c = (c + word(at + 8)) | 0
  c = ((c ^ b) - turn(b, 14)) | 0
  a = ((a ^ c) - turn(c, 11)) | 0
  b = ((b ^ a) - turn(a, 25)) | 0
  c = ((c ^ b) - turn(b, 16)) | 0
  a = ((a ^ c) - turn(c, 4)) | 0
  b = ((b ^ a) - turn(a, 14)) | 0
  c = ((c ^ b) - turn(b, 24)) | 0
  return join(c, b)
}

function turn(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

function join(high: number, low: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)
}
