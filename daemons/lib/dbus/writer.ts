import { alignmentOf, parseSignature, type Type } from './signature.ts'
import {
  ARRAY_BYTES_MAX,
  DBusFormatError,
  type DBusValue,
  isObjectPath,
  MESSAGE_BYTES_MAX,
  VALUE_DEPTH_MAX,
  type Variant,
} from './types.ts'

const INITIAL_BYTES = 256
/** Least and greatest number of each type of integer. */
const RANGES = new Map<string, readonly [min: number, max: number]>([
  ['y', [0, 0xff]],
  ['n', [-0x8000, 0x7fff]],
  ['q', [0, 0xffff]],
  ['i', [-0x8000_0000, 0x7fff_ffff]],
  ['u', [0, 0xffff_ffff]],
  ['h', [0, 0xffff_ffff]],
])

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
    for (const [index, type] of types.entries()) this.value(type, values[index]!, 0)
  }

  align(boundary: number): void {
    const end = Math.ceil(this.#at / boundary) * boundary
    this.#room(end - this.#at)
    this.#bytes.fill(0, this.#at, end)
    this.#at = end
  }

  value({ code, parts }: Type, value: DBusValue, depth: number): void {
    if (depth > VALUE_DEPTH_MAX) throw new DBusFormatError('values are nested too deeply')
    this.align(alignmentOf(code))
    if (code === 'a') this.#array(parts[0]!, asList(value), depth)
    else if (code === '(' || code === '{') this.#fields(parts, asList(value), depth)
    else if (code === 'v') this.#variant(value, depth)
    else if (code === 's') this.#string(asText(value))
    else if (code === 'o') this.#path(asText(value))
    else if (code === 'g') this.#signature(asText(value))
    else if (code === 'x' || code === 't') this.#long(code, value)
    else this.#number(code, value)
  }

  #fields(types: readonly Type[], fields: readonly DBusValue[], depth: number): void {
    if (fields.length !== types.length)
      throw new DBusFormatError('a structure with other fields than its type')
    for (const [index, type] of types.entries()) this.value(type, fields[index]!, depth + 1)
  }

  #array(element: Type, values: readonly DBusValue[], depth: number): void {
    const lengthAt = this.#at
    this.#number('u', 0)
    this.align(alignmentOf(element.code))
    const start = this.#at
    for (const value of values) this.value(element, value, depth + 1)
    const length = this.#at - start
    if (length > ARRAY_BYTES_MAX) throw new DBusFormatError(`an array of ${length} bytes`)
    this.#bytes.writeUInt32LE(length, lengthAt)
  }

  #variant(value: DBusValue, depth: number): void {
    if (!isVariant(value)) throw new DBusFormatError('a variant needs its signature')
    const types = parseSignature(value.signature)
    if (types.length !== 1) throw new DBusFormatError('a variant holds one value')
    this.#signature(value.signature)
    this.value(types[0]!, value.value, depth + 1)
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

  #path(text: string): void {
    if (!isObjectPath(text)) throw new DBusFormatError(`${JSON.stringify(text)} is no object path`)
    this.#string(text)
  }

  #signature(text: string): void {
    parseSignature(text)
    this.#room(text.length + 2)
    this.#bytes[this.#at++] = text.length
    this.#at += this.#bytes.write(text, this.#at, 'latin1')
    this.#bytes[this.#at++] = 0
  }

  #long(code: 'x' | 't', value: DBusValue): void {
    if (typeof value !== 'bigint') throw new DBusFormatError(`a value of type ${code} is a bigint`)
    if (value !== (code === 'x' ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value)))
      throw new DBusFormatError(`${value} does not fit into type ${code}`)
    this.#room(8)
    if (code === 'x') this.#at = this.#bytes.writeBigInt64LE(value, this.#at)
    else this.#at = this.#bytes.writeBigUInt64LE(value, this.#at)
  }

  #number(code: string, value: DBusValue): void {
    const number = numberOf(code, value)
    this.#room(8)
    const bytes = this.#bytes
    if (code === 'y') this.#at = bytes.writeUInt8(number, this.#at)
    else if (code === 'n') this.#at = bytes.writeInt16LE(number, this.#at)
    else if (code === 'q') this.#at = bytes.writeUInt16LE(number, this.#at)
    else if (code === 'i') this.#at = bytes.writeInt32LE(number, this.#at)
    else if (code === 'd') this.#at = bytes.writeDoubleLE(number, this.#at)
    else this.#at = bytes.writeUInt32LE(number, this.#at)
  }

  #room(count: number): void {
    if (this.#at + count <= this.#bytes.length) return
    // Room for one more number than a message may have bytes: how long it is at last is for `encodeMessage` to say.
    if (this.#at + count > MESSAGE_BYTES_MAX + 8) throw new DBusFormatError('a message that is too long')
    const bytes = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#at + count))
    this.#bytes.copy(bytes)
    this.#bytes = bytes
  }
}

/** The number of a value that is one; booleans are 0 and 1. */
function numberOf(code: string, value: DBusValue): number {
  if (code === 'b') {
    if (typeof value !== 'boolean') throw new DBusFormatError('a value of type b is true or false')
    return value ? 1 : 0
  }
  if (typeof value !== 'number') throw new DBusFormatError(`a value of type ${code} is a number`)
  const range = RANGES.get(code)
  if (range !== undefined && !(Number.isInteger(value) && value >= range[0] && value <= range[1]))
    throw new DBusFormatError(`${value} does not fit into type ${code}`)
  return value
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
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
