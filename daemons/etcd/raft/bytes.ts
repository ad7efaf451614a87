import type { MemberId } from './types.ts'

/** Bytes are not what was to be read. The message says of what. */
export class FormatError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'FormatError'
  }
}

const BITS_31 = 2 ** 31

/** How many bytes a number takes: seven bits each. */
export function varintSize(value: number): number {
  let size = 1
  while (value >= BITS_31) {
    value = Math.floor(value / 128)
    size += 1
  }
  while (value >= 128) {
    value >>>= 7
    size += 1
  }
  return size
}

/** The largest size of a number: 53 bits. */
export const VARINT_BYTES_MAX = 8

/** Writes into bytes of a length known before. */
export class ByteWriter {
  readonly #bytes: Uint8Array
  #at: number

  /** Into new bytes of so many, or into `bytes` from `at` on. */
  constructor(bytes: number | Uint8Array, at = 0) {
    this.#bytes = typeof bytes === 'number' ? Buffer.allocUnsafe(bytes) : bytes
    this.#at = at
  }

  get at(): number {
    return this.#at
  }

  byte(value: number): void {
    this.#bytes[this.#at] = value
    this.#at += 1
  }

  /** A whole number from 0 to 2^53 − 1, least significant seven bits first, the top bit of a byte: more follow. */
  varint(value: number): void {
    const bytes = this.#bytes
    let at = this.#at
    while (value >= BITS_31) {
      bytes[at++] = (value % 128) | 128
      value = Math.floor(value / 128)
    }
    while (value >= 128) {
      bytes[at++] = (value & 127) | 128
      value >>>= 7
    }
    bytes[at++] = value
    this.#at = at
  }

  /** Eight bytes, most significant first; nobody is 0. */
  id(id: MemberId | ''): void {
    const split = Math.max(0, id.length - 8)
    this.#word(split === 0 ? 0 : Number.parseInt(id.slice(0, split), 16))
    this.#word(id === '' ? 0 : Number.parseInt(id.slice(split), 16))
  }

  #word(value: number): void {
    const bytes = this.#bytes
    const at = this.#at
    bytes[at] = value >>> 24
    bytes[at + 1] = (value >>> 16) & 255
    bytes[at + 2] = (value >>> 8) & 255
    bytes[at + 3] = value & 255
    this.#at = at + 4
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  /** Bytes behind their length. */
  block(bytes: Uint8Array): void {
    this.varint(bytes.length)
    this.raw(bytes)
  }

  /** What was written. Too little room is a bug of the caller. */
  done(): Uint8Array {
    if (this.#at > this.#bytes.length)
      throw new RangeError(`wrote ${this.#at} bytes into ${this.#bytes.length}`)
    return this.#bytes.subarray(0, this.#at)
  }
}

/** Reads bytes of which nothing is known. What it returns of them shares their memory. */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #what: string
  #at = 0

  /** @param what is read, for messages */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes
    this.#what = what
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  byte(): number {
    if (this.#at >= this.#bytes.length) this.#fail('it ends early')
    return this.#bytes[this.#at++]!
  }

  /** A number as `ByteWriter.varint` writes it; longer forms of the same number are refused. */
  varint(): number {
    let value = 0
    let factor = 1
    for (let count = 0; count < VARINT_BYTES_MAX; count++) {
      const byte = this.byte()
      value += (byte & 127) * factor
      if (byte < 128) {
        if (byte === 0 && count > 0) this.#fail('a number has zeros before it')
        if (value > Number.MAX_SAFE_INTEGER) break
        return value
      }
      factor *= 128
    }
    return this.#fail('a number is above 2^53 - 1')
  }

  id(): MemberId | '' {
    const high = this.#word()
    const low = this.#word()
    if (high === 0) return low === 0 ? '' : low.toString(16)
    return high.toString(16) + low.toString(16).padStart(8, '0')
  }

  /** An id that is somebody's. */
  member(): MemberId {
    const id = this.id()
    return id === '' ? this.#fail('a member has the id 0') : id
  }

  #word(): number {
    const bytes = this.#bytes
    const at = this.#at
    if (at + 4 > bytes.length) this.#fail('it ends early')
    this.#at = at + 4
    return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  }

  /** Bytes behind their length. */
  block(): Uint8Array {
    const length = this.varint()
    if (length > this.left) this.#fail('it ends early')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  /** A count of things that take at least so many bytes each. */
  count(bytesEach: number): number {
    const count = this.varint()
    if (count * bytesEach > this.left) this.#fail('it ends early')
    return count
  }

  /** Nothing may follow. */
  end(): void {
    if (this.left > 0) this.#fail(`${this.left} bytes follow it`)
  }

  #fail(why: string): never {
    throw new FormatError(`Cannot read ${this.#what}: ${why}`)
  }
}
