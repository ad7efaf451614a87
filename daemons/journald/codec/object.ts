import { readCount, readId } from './bytes.ts'
import { JournalError } from './errors.ts'

/** Types of objects. Others are skipped: a later version may have more. */
export const ObjectType = {
  data: 1,
  field: 2,
  entry: 3,
  dataTable: 4,
  fieldTable: 5,
  entryArray: 6,
  tag: 7,
} as const

/** Bits of an object's flags: how the payload of DATA is compressed. */
export const CompressionFlag = { xz: 1, lz4: 2, zstd: 4 } as const
const COMPRESSION_MASK = 7

/** What every object begins with. */
export interface ObjectHead {
  type: number
  flags: number
  /** With the head. */
  size: number
}

/** Bytes of the head. */
export const OBJECT_HEAD_BYTES = 16
/** Bytes of an ENTRY before its items. */
export const ENTRY_HEAD_BYTES = 64
/** Bytes of an ENTRY_ARRAY before its items. */
export const ARRAY_HEAD_BYTES = 24
/** Bytes of a FIELD before its name. */
export const FIELD_HEAD_BYTES = 40
/** Bytes of a TAG. */
export const TAG_BYTES = 64
/** Bytes of a bucket of a hash table. */
export const BUCKET_BYTES = 16
const DATA_HEAD_BYTES = 64
const DATA_HEAD_BYTES_COMPACT = 72

/** Reads the head of an object. */
export function parseObjectHead(bytes: Buffer): ObjectHead {
  return { type: bytes.readUInt8(0), flags: bytes.readUInt8(1), size: readCount(bytes, 8) }
}

/** A DATA object without its payload: one `NAME=value`, and the entries that have it. */
export interface DataHead {
  flags: number
  hash: bigint
  nextHashOffset: number
  nextFieldOffset: number
  /** The first entry that has it. */
  entryOffset: number
  /** The array with the others. */
  entryArrayOffset: number
  entries: number
  payloadOffset: number
  payloadBytes: number
}

/** Bytes of a DATA object before its payload. */
export function dataHeadBytes(isCompact: boolean): number {
  return isCompact ? DATA_HEAD_BYTES_COMPACT : DATA_HEAD_BYTES
}

/** Reads a DATA object up to its payload. */
export function parseDataHead(bytes: Buffer, offset: number, isCompact: boolean): DataHead {
  const { flags, size } = parseObjectHead(bytes)
  const before = dataHeadBytes(isCompact)
  const compression = flags & COMPRESSION_MASK
  if ((compression & (compression - 1)) !== 0)
    throw new JournalError('corrupt', 'data with two compressions', offset)
  return {
    flags: compression,
    hash: bytes.readBigUInt64LE(16),
    nextHashOffset: readCount(bytes, 24),
    nextFieldOffset: readCount(bytes, 32),
    entryOffset: readCount(bytes, 40),
    entryArrayOffset: readCount(bytes, 48),
    entries: readCount(bytes, 56),
    payloadOffset: offset + before,
    payloadBytes: size - before,
  }
}

/** A FIELD object: a name, and the first DATA with it. */
export interface FieldObject {
  hash: bigint
  nextHashOffset: number
  headDataOffset: number
  name: string
}

/** Reads a whole FIELD object. */
export function parseField(bytes: Buffer): FieldObject {
  return {
    hash: bytes.readBigUInt64LE(16),
    nextHashOffset: readCount(bytes, 24),
    headDataOffset: readCount(bytes, 32),
    name: bytes.toString('utf8', FIELD_HEAD_BYTES),
  }
}

/** An ENTRY: its times, and where its data is. */
export interface EntryObject {
  offset: number
  seqnum: bigint
  realtime: bigint
  monotonic: bigint
  bootId: string
  xorHash: bigint
  /** Offsets of its DATA objects, in their order. */
  items: number[]
}

/** Reads a whole ENTRY object. */
export function parseEntry(bytes: Buffer, offset: number, isCompact: boolean): EntryObject {
  const step = isCompact ? 4 : 16
  if ((bytes.length - ENTRY_HEAD_BYTES) % step !== 0)
    throw new JournalError('corrupt', 'an entry with half an item', offset)
  const items: number[] = []
  for (let at = ENTRY_HEAD_BYTES; at < bytes.length; at += step)
    items.push(isCompact ? bytes.readUInt32LE(at) : readCount(bytes, at))
  return {
    offset,
    seqnum: bytes.readBigUInt64LE(16),
    realtime: bytes.readBigUInt64LE(24),
    monotonic: bytes.readBigUInt64LE(32),
    bootId: readId(bytes, 40),
    xorHash: bytes.readBigUInt64LE(56),
    items,
  }
}

/** A TAG of forward secure sealing. */
export interface TagObject {
  seqnum: bigint
  epoch: bigint
  hmac: Buffer
}

/** Reads a whole TAG object. It is not checked here: that takes the key, which is elsewhere. */
export function parseTag(bytes: Buffer): TagObject {
  return {
    seqnum: bytes.readBigUInt64LE(16),
    epoch: bytes.readBigUInt64LE(24),
    hmac: Buffer.from(bytes.subarray(32, 64)),
  }
}
