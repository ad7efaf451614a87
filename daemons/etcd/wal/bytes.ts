import type { MemberId } from '../raft/types.ts'

// Numbers of log and snapshot files: little endian, never signed.

const WORD = 2 ** 32
/** The high half of 2^53-1, beyond which a number is not exact. */
const HIGH_MAX = 0x1f_ffff
const ID_DIGITS = 16
const ID = /^[1-9a-f][0-9a-f]{0,15}$/

/** Writes the lowest 32 bits of a number. */
export function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}

/** Reads 32 bits. */
export function get32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
}

/**
 * Writes a term, an index or a length in 64 bits.
 *
 * @throws RangeError when it is no whole number from 0 to 2^53-1
 */
export function put64(bytes: Uint8Array, at: number, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} does not fit into the log`)
  put32(bytes, at, value % WORD)
  put32(bytes, at + 4, Math.floor(value / WORD))
}

/**
 * Reads what `put64` wrote.
 *
 * @throws RangeError beyond 2^53-1
 */
export function get64(bytes: Uint8Array, at: number): number {
  const high = get32(bytes, at + 4)
  if (high > HIGH_MAX) throw new RangeError('a number in the log is beyond 2^53-1')
  return high * WORD + get32(bytes, at)
}

/**
 * Writes the id of a member or a cluster in 64 bits; '' (nobody) is 0.
 *
 * @throws RangeError when it is no hex number without padding
 */
export function putId(bytes: Uint8Array, at: number, id: MemberId | ''): void {
  if (id !== '' && !ID.test(id)) throw new RangeError(`${JSON.stringify(id)} is not the id of a member`)
  const digits = id.padStart(ID_DIGITS, '0')
  put32(bytes, at, Number.parseInt(digits.slice(ID_DIGITS / 2), 16))
  put32(bytes, at + 4, Number.parseInt(digits.slice(0, ID_DIGITS / 2), 16))
}

/** Reads what `putId` wrote. */
export function getId(bytes: Uint8Array, at: number): MemberId | '' {
  const low = get32(bytes, at)
  const high = get32(bytes, at + 4)
  if (high === 0) return low === 0 ? '' : low.toString(16)
  return high.toString(16) + low.toString(16).padStart(ID_DIGITS / 2, '0')
}

/** Where the last byte that is not zero stands in `bytes` from `start` to before `end`; -1 when all are zeros. */
export function lastNonzero(bytes: Uint8Array, start: number, end: number): number {
  for (let at = end - 1; at >= start; at--) if (bytes[at] !== 0) return at
  return -1
}
