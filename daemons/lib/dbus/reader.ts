import { alignmentOf, parseSignature, type Type } from './signature.ts'
import { ARRAY_BYTES_MAX, DBusFormatError, type DBusValue, isObjectPath, VALUE_DEPTH_MAX } from './types.ts'

// A mark of byte order at the beginning belongs to the text.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Unmarshals values of either byte order. Every read is checked against the end of the bytes. */
export class Reader {
  readonly #bytes: Buffer
  readonly #isLittle: boolean
  #at: number

  constructor(bytes: Buffer, isLittle: boolean, at = 0) {
    this.#bytes = bytes
    this.#isLittle = isLittle
    this.#at = at
  }

  get at(): number {
    return this.#at
  }

  /** @throws DBusFormatError */
  values(signature: string): DBusValue[] {
    return parseSignature(signature).map(type => this.value(type, 0))
  }

  align(boundary: number): void {
    const end = Math.ceil(this.#at / boundary) * boundary
    for (; this.#at < end; this.#at++) {
      if (this.#bytes[this.#at] !== 0) throw new DBusFormatError('padding that is not zero, or is missing')
    }
  }

  value({ code, parts }: Type, depth: number): DBusValue {
    if (depth > VALUE_DEPTH_MAX) throw new DBusFormatError('values are nested too deeply')
    this.align(alignmentOf(code))
    switch (code) {
      case 'a':
        return this.#array(parts[0]!, depth)
      case '(':
      case '{':
        return parts.map(part => this.value(part, depth + 1))
      case 'v': {
        const signature = this.#signature()
        const types = parseSignature(signature)
        if (types.length !== 1) throw new DBusFormatError('a variant holds one value')
        return { signature, value: this.value(types[0]!, depth + 1) }
      }
      case 's':
        return this.#string()
      case 'o':
        return this.#path()
      case 'g':
        return this.#signature()
      default:
        return this.#number(code)
    }
  }

  #array(element: Type, depth: number): DBusValue[] {
    const length = this.#number('u') as number
    if (length > ARRAY_BYTES_MAX) throw new DBusFormatError(`an array of ${length} bytes`)
    this.align(alignmentOf(element.code))
    const end = this.#at + length
    this.#need(length)
    const values: DBusValue[] = []
    while (this.#at < end) values.push(this.value(element, depth + 1))
    if (this.#at !== end) throw new DBusFormatError('an array that does not end where it says')
    return values
  }

  #string(): string {
    const length = this.#number('u') as number
    this.#need(length + 1)
    const bytes = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length + 1
    if (this.#bytes[this.#at - 1] !== 0) throw new DBusFormatError('a string that does not end')
    if (bytes.includes(0)) throw new DBusFormatError('a string with a zero byte')
    try {
      return utf8.decode(bytes)
    } catch {
      throw new DBusFormatError('a string that is not UTF-8')
    }
  }

  #path(): string {
    const path = this.#string()
    if (!isObjectPath(path)) throw new DBusFormatError('an object path that is none')
    return path
  }

  #signature(): string {
    this.#need(1)
    const length = this.#bytes[this.#at++]!
    this.#need(length + 1)
    const text = this.#bytes.toString('latin1', this.#at, this.#at + length)
    this.#at += length + 1
    if (this.#bytes[this.#at - 1] !== 0) throw new DBusFormatError('a signature that does not end')
    parseSignature(text)
    return text
  }

  #number(code: string): number | bigint | boolean {
    const size = 'xtd'.includes(code) ? 8 : 'nq'.includes(code) ? 2 : code === 'y' ? 1 : 4
    this.#need(size)
    const bytes = this.#bytes
    const at = this.#at
    this.#at += size
    const little = this.#isLittle
    switch (code) {
      case 'y':
        return bytes.readUInt8(at)
      case 'n':
        return little ? bytes.readInt16LE(at) : bytes.readInt16BE(at)
      case 'q':
        return little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at)
      case 'i':
        return little ? bytes.readInt32LE(at) : bytes.readInt32BE(at)
      case 'x':
        return little ? bytes.readBigInt64LE(at) : bytes.readBigInt64BE(at)
      case 't':
        return little ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at)
      case 'd':
        return little ? bytes.readDoubleLE(at) : bytes.readDoubleBE(at)
    }
    const value = little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)
    if (code !== 'b') return value
    if (value > 1) throw new DBusFormatError('a boolean that is neither 0 nor 1')
    return value === 1
  }

  #need(count: number): void {
    if (this.#at + count > this.#bytes.length)
      throw new DBusFormatError('a value goes beyond the end of its message')
  }
}
