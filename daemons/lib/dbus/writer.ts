import { alignmentOf, parseSignature, type Type } from './signature.ts'
import { DBusFormatError, type DBusValue, type Variant } from './types.ts'

const INITIAL_BYTES = 256

/** Marshals values, little endian (D-Bus specification, "Marshaling"). */
export class Writer {
  #bytes = Buffer.alloc(INITIAL_BYTES)
  #at = 0

  /** What was written. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#at)
  }

  /** @throws DBusFormatError for a value that is not of its type */
  values(signature: string, values: readonly DBusValue[]): void {
    const types = parseSignature(signature)
    if (types.length !== values.length)
      throw new DBusFormatError(`signature ${signature} is of ${types.length} values, not ${values.length}`)
    for (const [index, type] of types.entries()) this.value(type, values[index]!)
  }

  align(boundary: number): void {
    const end = Math.ceil(this.#at / boundary) * boundary
    this.#room(end - this.#at)
    this.#bytes.fill(0, this.#at, end)
    this.#at = end
  }

  value(type: Type, value: DBusValue): void {
    const { code, parts } = type
    this.align(alignmentOf(code))
    if (code === 'a') this.#array(parts[0]!, asList(value))
    else if (code === '(' || code === '{') this.#fields(parts, asList(value))
    else if (code === 'v') this.#variant(value)
    else if (code === 's' || code === 'o') this.#string(asText(value))
    else if (code === 'g') this.#signature(asText(value))
    else this.#number(code, value)
  }

  #fields(types: readonly Type[], fields: readonly DBusValue[]): void {
    if (fields.length !== types.length)
      throw new DBusFormatError('a structure with other fields than its type')
    for (const [index, type] of types.entries()) this.value(type, fields[index]!)
  }

  #array(element: Type, values: readonly DBusValue[]): void {
    const lengthAt = this.#at
    this.#number('u', 0)
    this.align(alignmentOf(element.code))
    const start = this.#at
    for (const value of values) this.value(element, value)
    this.#bytes.writeUInt32LE(this.#at - start, lengthAt)
  }

  #variant(value: DBusValue): void {
    if (!isVariant(value)) throw new DBusFormatError('a variant needs its signature')
    const types = parseSignature(value.signature)
    if (types.length !== 1) throw new DBusFormatError('a variant holds one value')
    this.#signature(value.signature)
    this.value(types[0]!, value.value)
  }

  #string(text: string): void {
    if (text.includes('\0')) throw new DBusFormatError('a string with a zero byte')
    const length = Buffer.byteLength(text)
    this.#number('u', length)
    this.#room(length + 1)
    this.#bytes.write(text, this.#at)
    this.#at += length
    this.#bytes[this.#at++] = 0
  }

  #signature(text: string): void {
    this.#room(text.length + 2)
    this.#bytes[this.#at++] = text.length
    this.#at += this.#bytes.write(text, this.#at, 'latin1')
    this.#bytes[this.#at++] = 0
  }

  #number(code: string, value: DBusValue): void {
    this.#room(8)
    const bytes = this.#bytes
    if (code === 'x') this.#at = bytes.writeBigInt64LE(BigInt(value as bigint), this.#at)
    else if (code === 't') this.#at = bytes.writeBigUInt64LE(BigInt(value as bigint), this.#at)
    else if (code === 'b') this.#at = bytes.writeUInt32LE(value === true ? 1 : 0, this.#at)
    else if (typeof value !== 'number') throw new DBusFormatError(`a value of type ${code} is a number`)
    else if (code === 'y') this.#at = bytes.writeUInt8(value, this.#at)
    else if (code === 'n') this.#at = bytes.writeInt16LE(value, this.#at)
    else if (code === 'q') this.#at = bytes.writeUInt16LE(value, this.#at)
    else if (code === 'i') this.#at = bytes.writeInt32LE(value, this.#at)
    else if (code === 'd') this.#at = bytes.writeDoubleLE(value, this.#at)
    else this.#at = bytes.writeUInt32LE(value, this.#at)
  }

  #room(count: number): void {
    if (this.#at + count <= this.#bytes.length) return
    const bytes = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#at + count))
    this.#bytes.copy(bytes)
    this.#bytes = bytes
  }
}

function asList(value: DBusValue): readonly DBusValue[] {
  if (!Array.isArray(value)) throw new DBusFormatError('an array or a structure is a list')
  return value
}

function asText(value: DBusValue): string {
  if (typeof value !== 'string') throw new DBusFormatError('a string, path or signature is a text')
  return value
}

function isVariant(value: DBusValue): value is Variant {
  return typeof value === 'object' && !Array.isArray(value)
}
