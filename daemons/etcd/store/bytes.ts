import assert from 'node:assert'
import { UserError } from '#lib/errors.ts'

const VARINT_BYTES_MAX = 8
const START_BYTES = 64 * 1024

/** Bytes that grow: the writing half of the codecs of this folder. Numbers are little-endian base 128 or IEEE 754. */
export class ByteWriter {
  #bytes: Buffer
  #length = 0

  constructor(startBytes: number = START_BYTES) {
    this.#bytes = Buffer.allocUnsafeSlow(startBytes)
  }

  get length(): number {
    return this.#length
  }

  byte(value: number): void {
    this.#need(1)
    this.#bytes[this.#length++] = value
  }

  /** A whole number from 0 to 2^53-1. */
  varint(value: number): void {
    this.#need(VARINT_BYTES_MAX)
    this.#length = writeVarint(this.#bytes, value, this.#length)
  }

  double(value: number): void {
    this.#need(8)
    this.#length = this.#bytes.writeDoubleLE(value, this.#length)
  }

  /** Length in bytes, then UTF-8. */
  text(value: string): void {
    const length = Buffer.byteLength(value)
    this.#need(VARINT_BYTES_MAX + length)
    this.#length = writeText(this.#bytes, value, length, this.#length)
  }

  /** What was written, in memory of its own; then it starts again. */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#length))
    this.#length = 0
    return taken
  }

  #need(count: number): void {
    const wanted = this.#length + count
    if (wanted <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(wanted, 2 * this.#bytes.length))
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#bytes = grown
  }
}

/** Writes a whole number from 0 to 2^53-1 at `at` and gives the place after it. */
export function writeVarint(bytes: Buffer, value: number, at: number): number {
  assert(Number.isSafeInteger(value) && value >= 0, 'a number that can be counted')
  let rest = value
  let place = at
  while (rest >= 0x80) {
    bytes[place++] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  bytes[place++] = rest
  return place
}

/** Bytes that `writeVarint` takes for a number. */
export function sizeOfVarint(value: number): number {
  let size = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size += 1
  return size
}

/** Writes the length, then the text as UTF-8, and gives the place after it. `length` is the text's in bytes. */
export function writeText(bytes: Buffer, value: string, length: number, at: number): number {
  const start = writeVarint(bytes, length, at)
  // As many bytes as characters means ASCII, and those can be copied.
  if (length === value.length) bytes.write(value, start, length, 'latin1')
  else bytes.write(value, start, length, 'utf8')
  return start + length
}

/** The reading half. Everything it does not understand is a `UserError` that begins with `what`. */
export class ByteReader {
  readonly #bytes: Buffer
  readonly #what: string
  #at = 0

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#what = what
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  byte(): number {
    if (this.#at >= this.#bytes.length) this.fail('is cut off')
    return this.#bytes[this.#at++]!
  }

  varint(): number {
    let value = 0
    let scale = 1
    for (let count = 0; count < VARINT_BYTES_MAX; count++) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (byte === 0 && count > 0) this.fail('has a number that is longer than it need be')
        if (!Number.isSafeInteger(value)) this.fail('has a number above 2^53-1')
        return value
      }
      scale *= 0x80
    }
    return this.fail('has a number without end')
  }

  /** A whole number of either sign, in a double. */
  integer(): number {
    if (this.left < 8) this.fail('is cut off')
    const value = this.#bytes.readDoubleLE(this.#at)
    this.#at += 8
    if (!Number.isSafeInteger(value)) this.fail('has a time that is no whole number')
    return value
  }

  text(): string {
    const length = this.varint()
    if (length > this.left) this.fail('is cut off')
    const start = this.#at
    this.#at += length
    return this.#bytes.toString('utf8', start, this.#at)
  }

  /** A byte that says yes (1) or no (0). */
  flag(): boolean {
    const value = this.byte()
    if (value > 1) this.fail(`has ${value} where yes or no belongs`)
    return value === 1
  }

  /** Refuses bytes after the end. */
  end(): void {
    if (this.left > 0) this.fail(`has ${this.left} bytes too many`)
  }

  fail(reason: string): never {
    throw new UserError(`${this.#what} ${reason}`)
  }
}
