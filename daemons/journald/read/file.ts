import { JournalError } from '../codec/errors.ts'
import { HEADER_BYTES, type JournalHeader, parseHeader } from '../codec/header.ts'
import { jenkinsHash } from '../codec/jenkins.ts'
import {
  ARRAY_HEAD_BYTES,
  BUCKET_BYTES,
  type DataHead,
  dataHeadBytes,
  ENTRY_HEAD_BYTES,
  type EntryObject,
  FIELD_HEAD_BYTES,
  OBJECT_HEAD_BYTES,
  type ObjectHead,
  ObjectType,
  parseDataHead,
  parseEntry,
  parseObjectHead,
  TAG_BYTES,
} from '../codec/object.ts'
import { sipHash24 } from '../codec/siphash.ts'
import { DataCache } from './cache.ts'
import { decompress, PAYLOAD_BYTES_MAX } from './decompress.ts'
import type { ByteSource } from './source.ts'

/** An entry is larger only when it is none: that is some 16 thousand fields. */
const ENTRY_BYTES_MAX = 256 * 1024
/** Objects in one bucket of a hash table. Journals are rotated when it gets to 100. */
const CHAIN_MAX = 4096

/** Bytes that an object of a type has at least. */
const SIZE_MIN: Record<number, number> = {
  [ObjectType.data]: dataHeadBytes(false) + 1,
  [ObjectType.field]: FIELD_HEAD_BYTES + 1,
  [ObjectType.entry]: ENTRY_HEAD_BYTES,
  [ObjectType.dataTable]: OBJECT_HEAD_BYTES,
  [ObjectType.fieldTable]: OBJECT_HEAD_BYTES,
  [ObjectType.entryArray]: ARRAY_HEAD_BYTES,
  [ObjectType.tag]: TAG_BYTES,
}

/** One `NAME=value` of an entry. */
export interface Field {
  readonly name: string
  readonly value: Buffer
}

/**
 * A journal file, object by object. It shows the file as it was at the last refresh: what a writer has added since is
 * not seen. Every offset is checked before it is followed; what is wrong is a JournalError.
 */
export class JournalFile {
  /** For messages. */
  readonly path: string
  readonly #source: ByteSource
  readonly #cache = new DataCache<Field>()
  #header: JournalHeader
  /** How often it has changed: what was found before holds no more. */
  #generation = 0

  private constructor(path: string, source: ByteSource, header: JournalHeader) {
    this.path = path
    this.#source = source
    this.#header = header
  }

  /**
   * Opens a file, whose source is then its own.
   *
   * @throws JournalError when it is no journal that is known here
   */
  static async open(path: string, source: ByteSource): Promise<JournalFile> {
    const file = new JournalFile(path, source, parseHeader(await source.readFresh(0, HEADER_BYTES)))
    // A file grows before its header says so: one that seems too short may have grown since it was looked at.
    if (file.isTruncated) await source.refresh()
    return file
  }

  get header(): JournalHeader {
    return this.#header
  }

  /** Bytes that the file has. */
  get size(): number {
    return this.#source.size
  }

  get generation(): number {
    return this.#generation
  }

  /** Whether the file ends before its header says. The rest of it can be read. */
  get isTruncated(): boolean {
    return this.#source.size < this.#header.headerSize + this.#header.arenaSize
  }

  /**
   * Looks whether the file has changed.
   *
   * @returns true when it has more entries than before
   */
  async refresh(): Promise<boolean> {
    if (this.#header.state === 'archived') return false
    const header = parseHeader(await this.#source.readFresh(0, HEADER_BYTES))
    const before = this.#header
    if (header.fileId !== before.fileId || header.entries < before.entries)
      throw new JournalError('corrupt', 'has become another file')
    if (header.entries === before.entries) {
      // Nothing to see: so what is at hand stays. A file that is archived now was so at its last entry.
      this.#header = { ...before, state: header.state }
      return false
    }
    await this.#source.refresh()
    this.#header = header
    this.#generation++
    return true
  }

  async close(): Promise<void> {
    await this.#source.close()
  }

  /** The entry at an offset. */
  async entry(offset: number): Promise<EntryObject> {
    const { size } = this.#headNow(offset, ObjectType.entry) ?? (await this.#head(offset, ObjectType.entry))
    if (size > ENTRY_BYTES_MAX) throw new JournalError('too-large', `an entry of ${size} bytes`, offset)
    const bytes = this.#source.peek(offset, size) ?? (await this.#bytes(offset, size))
    return parseEntry(bytes, offset, this.#header.isCompact)
  }

  /** The head of the DATA at an offset. */
  async dataHead(offset: number): Promise<DataHead> {
    const { isCompact } = this.#header
    const { size } = this.#headNow(offset, ObjectType.data) ?? (await this.#head(offset, ObjectType.data))
    const before = dataHeadBytes(isCompact)
    if (size <= before) throw new JournalError('corrupt', `data of ${size} bytes`, offset)
    return parseDataHead(
      this.#source.peek(offset, before) ?? (await this.#bytes(offset, before)),
      offset,
      isCompact,
    )
  }

  /** The field in the DATA at an offset, when it was read before. */
  knownField(offset: number): Field | undefined {
    return this.#cache.get(offset)
  }

  /** The field in the DATA at an offset. */
  async field(offset: number): Promise<Field> {
    const known = this.#cache.get(offset)
    if (known !== undefined) return known
    const payload = await this.#payload(await this.dataHead(offset), offset)
    const equals = payload.indexOf(0x3d)
    if (equals < 1) throw new JournalError('corrupt', 'data without a name', offset)
    // Copied, because the bytes belong to a block of the file.
    const field = {
      name: payload.toString('latin1', 0, equals),
      value: Buffer.from(payload.subarray(equals + 1)),
    }
    this.#cache.set(offset, field, payload.length)
    return field
  }

  /** Finds the DATA that is exactly these bytes, `NAME=value`, by the hash table. */
  async findData(data: Buffer): Promise<DataHead | undefined> {
    const { dataTable, isKeyed, fileId, tailObjectOffset } = this.#header
    const buckets = Math.floor(dataTable.size / BUCKET_BYTES)
    if (buckets === 0) return undefined
    const hash = isKeyed ? sipHash24(data, Buffer.from(fileId, 'hex')) : jenkinsHash(data)
    const bucket = dataTable.offset + Number(hash % BigInt(buckets)) * BUCKET_BYTES
    let offset = await this.#offset(bucket)
    for (let visited = 0; offset !== 0; visited++) {
      if (visited >= CHAIN_MAX)
        throw new JournalError('corrupt', 'a bucket of the hash table without end', bucket)
      // A writer has been here since the file was looked at.
      if (offset > tailObjectOffset) return undefined
      const head = await this.dataHead(offset)
      if (head.hash === hash && (head.flags !== 0 || head.payloadBytes === data.length)) {
        if ((await this.#payload(head, offset)).equals(data)) return head
      }
      if (head.nextHashOffset !== 0 && head.nextHashOffset <= offset)
        throw new JournalError('corrupt', 'a bucket of the hash table that runs in a circle', offset)
      offset = head.nextHashOffset
    }
    return undefined
  }

  /** How many items an ENTRY_ARRAY has room for, and where the next one is (0 for none). */
  async entryArray(offset: number): Promise<{ capacity: number; next: number }> {
    const { size } = await this.#head(offset, ObjectType.entryArray)
    const capacity = Math.floor((size - ARRAY_HEAD_BYTES) / this.#itemBytes)
    const next = await this.#offset(offset + OBJECT_HEAD_BYTES)
    // Arrays are only ever appended, so this holds, and ends every walk.
    if (next !== 0 && next <= offset)
      throw new JournalError('corrupt', 'a chain of entry arrays that runs in a circle', offset)
    return { capacity, next }
  }

  /** An item of an ENTRY_ARRAY: the offset of an entry, or 0 when there is none yet. */
  async arrayItem(offset: number, index: number): Promise<number> {
    const at = offset + ARRAY_HEAD_BYTES + index * this.#itemBytes
    if (!this.#header.isCompact) return await this.#offset(at)
    return (this.#source.peek(at, 4) ?? (await this.#bytes(at, 4))).readUInt32LE(0)
  }

  get #itemBytes(): number {
    return this.#header.isCompact ? 4 : 8
  }

  async #payload(head: DataHead, offset: number): Promise<Buffer> {
    if (head.payloadBytes > PAYLOAD_BYTES_MAX)
      throw new JournalError('too-large', `data of ${head.payloadBytes} bytes`, offset)
    return await decompress(await this.#bytes(head.payloadOffset, head.payloadBytes), head.flags)
  }

  async #head(offset: number, type: number): Promise<ObjectHead> {
    this.#checkOffset(offset)
    return this.#checkHead(await this.#bytes(offset, OBJECT_HEAD_BYTES), offset, type)
  }

  /** Without a turn of the event loop, when the bytes are at hand. */
  #headNow(offset: number, type: number): ObjectHead | undefined {
    this.#checkOffset(offset)
    const bytes = this.#source.peek(offset, OBJECT_HEAD_BYTES)
    return bytes === undefined || bytes.length < OBJECT_HEAD_BYTES
      ? undefined
      : this.#checkHead(bytes, offset, type)
  }

  #checkOffset(offset: number): void {
    if (offset % 8 !== 0 || offset < this.#header.headerSize)
      throw new JournalError('corrupt', 'an offset that is none of an object', offset)
  }

  #checkHead(bytes: Buffer, offset: number, type: number): ObjectHead {
    const head = parseObjectHead(bytes)
    if (head.type !== type)
      throw new JournalError('corrupt', `an object of type ${head.type} instead of ${type}`, offset)
    if (head.size < (SIZE_MIN[type] ?? 0) || offset + head.size > this.#source.size)
      throw new JournalError('corrupt', `an object of ${head.size} bytes`, offset)
    return head
  }

  async #offset(at: number): Promise<number> {
    const bytes = this.#source.peek(at, 8) ?? (await this.#bytes(at, 8))
    const high = bytes.readUInt32LE(4)
    if (high >= 2 ** 21) throw new JournalError('corrupt', 'an offset outside of the file', at)
    return high * 2 ** 32 + bytes.readUInt32LE(0)
  }

  async #bytes(offset: number, length: number): Promise<Buffer> {
    const bytes = await this.#source.read(offset, length)
    if (bytes.length < length) throw new JournalError('truncated', 'ends within an object', offset)
    return bytes
  }
}
