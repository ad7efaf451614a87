import { JournalError } from './errors.ts'

/** A field for the export format and the native protocol. */
export interface PlainField {
  readonly name: string
  readonly value: string | Uint8Array
}

/** Bytes of one entry that is read. */
const ENTRY_BYTES_MAX = 128 * 1024 * 1024
const NEWLINE = 0x0a
const EQUALS = 0x3d
const SIZE_BYTES = 8

/**
 * Fields in the form that the export format and journald's native protocol share: `NAME=value` on a line, or, for a
 * value that has a line end or is no text, the name on a line and then its size and its bytes.
 *
 * In the export format an empty line ends the entry; the native protocol has none, its datagram ends it.
 *
 * @param isPlain whether a value can stand on a line; without it whatever has no line end
 */
export function serializeFields(
  fields: Iterable<PlainField>,
  isPlain: (value: Buffer) => boolean = value => !value.includes(NEWLINE),
): Buffer {
  const pieces: Buffer[] = []
  for (const { name, value } of fields) {
    const bytes =
      typeof value === 'string'
        ? Buffer.from(value, 'utf8')
        : Buffer.from(value.buffer, value.byteOffset, value.length)
    if (isPlain(bytes)) {
      pieces.push(Buffer.from(`${name}=`, 'latin1'), bytes, Buffer.of(NEWLINE))
      continue
    }
    const size = Buffer.alloc(SIZE_BYTES)
    size.writeBigUInt64LE(BigInt(bytes.length))
    pieces.push(Buffer.from(`${name}\n`, 'latin1'), size, bytes, Buffer.of(NEWLINE))
  }
  return Buffer.concat(pieces)
}

/** Reads entries of the export format as they come, whatever pieces they come in. */
export class ExportParser {
  #rest: Buffer = Buffer.alloc(0)
  #fields: { name: string; value: Buffer }[] = []

  /**
   * Takes bytes.
   *
   * @returns entries that are complete now
   * @throws JournalError when that is no export format
   */
  push(bytes: Uint8Array): { name: string; value: Buffer }[][] {
    let buffer = Buffer.concat([this.#rest, bytes])
    const entries: { name: string; value: Buffer }[][] = []
    for (;;) {
      const used = this.#field(buffer)
      if (used === undefined) break
      if (used === 1 && this.#fields.length > 0) {
        entries.push(this.#fields)
        this.#fields = []
      }
      buffer = buffer.subarray(used)
    }
    if (buffer.length > ENTRY_BYTES_MAX)
      throw new JournalError('too-large', `an entry of more than ${ENTRY_BYTES_MAX} bytes`)
    this.#rest = Buffer.from(buffer)
    return entries
  }

  /** Whether nothing is left over, as it must be at the end. */
  get isComplete(): boolean {
    return this.#rest.length === 0 && this.#fields.length === 0
  }

  /** Takes a field, or the empty line behind an entry; gives the bytes of it. */
  #field(buffer: Buffer): number | undefined {
    const lineEnd = buffer.indexOf(NEWLINE)
    if (lineEnd < 0) return undefined
    if (lineEnd === 0) return 1
    const equals = buffer.indexOf(EQUALS)
    if (equals >= 0 && equals < lineEnd) {
      if (equals === 0) throw new JournalError('corrupt', 'a field without a name')
      const value = Buffer.from(buffer.subarray(equals + 1, lineEnd))
      this.#fields.push({ name: buffer.toString('latin1', 0, equals), value })
      return lineEnd + 1
    }
    const start = lineEnd + 1 + SIZE_BYTES
    if (buffer.length < start) return undefined
    const size = buffer.readBigUInt64LE(lineEnd + 1)
    if (size > ENTRY_BYTES_MAX) throw new JournalError('too-large', `a field of ${size} bytes`)
    const end = start + Number(size)
    if (buffer.length <= end) return undefined
    if (buffer[end] !== NEWLINE) throw new JournalError('corrupt', 'a field that does not end where it says')
    this.#fields.push({
      name: buffer.toString('latin1', 0, lineEnd),
      value: Buffer.from(buffer.subarray(start, end)),
    })
    return end + 1
  }
}
