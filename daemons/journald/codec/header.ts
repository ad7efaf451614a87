import { readCount, readId } from './bytes.ts'
import { JournalError } from './errors.ts'

/** A hash table: where its buckets begin, and their bytes. */
export interface TableSpan {
  offset: number
  size: number
}

/** The header of a journal file. What an old version does not have is undefined. */
export interface JournalHeader {
  compatibleFlags: number
  incompatibleFlags: number
  state: 'offline' | 'online' | 'archived'
  fileId: string
  machineId: string
  tailBootId: string
  seqnumId: string
  headerSize: number
  arenaSize: number
  dataTable: TableSpan
  fieldTable: TableSpan
  tailObjectOffset: number
  objects: number
  entries: number
  tailSeqnum: bigint
  headSeqnum: bigint
  entryArrayOffset: number
  headRealtime: bigint
  tailRealtime: bigint
  tailMonotonic: bigint
  /** Since 187. */
  data: number | undefined
  fields: number | undefined
  /** Since 189. */
  tags: number | undefined
  entryArrays: number | undefined
  /** Since 246. */
  dataChainDepth: number | undefined
  fieldChainDepth: number | undefined
  /** Since 252. */
  tailEntryArrayOffset: number | undefined
  tailEntryArrayItems: number | undefined
  /** Since 254. */
  tailEntryOffset: number | undefined
  /** Hashes are siphash24 by the file's ID, not Jenkins'. */
  isKeyed: boolean
  /** Offsets in entries and arrays have 32 bits. */
  isCompact: boolean
  /** It holds tags of forward secure sealing. They are not checked here. */
  isSealed: boolean
}

/** Bytes of the header as systemd 257 writes it. */
export const HEADER_BYTES = 272
/** Bytes of the first version's header. */
export const HEADER_BYTES_MIN = 208
const HEADER_BYTES_MAX = 65536
const SIGNATURE = Buffer.from('LPKSHHRH', 'latin1')
const STATES = ['offline', 'online', 'archived'] as const

/** Bits of `incompatibleFlags`: who does not know one of them must not read the file. */
export const INCOMPATIBLE = { xz: 1, lz4: 2, keyed: 4, zstd: 8, compact: 16 } as const
const INCOMPATIBLE_KNOWN = 31
/** Bits of `compatibleFlags`. */
export const COMPATIBLE = { sealed: 1, tailBootId: 2, sealedContinuous: 4 } as const
const BUCKET_BYTES = 16

/**
 * Reads the header of a journal file.
 *
 * @param bytes the beginning of the file, up to HEADER_BYTES of it
 * @throws JournalError when it is none, or one that is not known here
 */
export function parseHeader(bytes: Buffer): JournalHeader {
  if (bytes.length < 8 || !bytes.subarray(0, 8).equals(SIGNATURE))
    throw new JournalError('not-journal', 'is no journal file')
  if (bytes.length < HEADER_BYTES_MIN)
    throw new JournalError('truncated', `ends within its header, after ${bytes.length} bytes`)
  const headerSize = readCount(bytes, 88)
  if (headerSize < HEADER_BYTES_MIN || headerSize > HEADER_BYTES_MAX || headerSize % 8 !== 0)
    throw new JournalError('corrupt', `has a header of ${headerSize} bytes`)
  const incompatibleFlags = bytes.readUInt32LE(12)
  const unknown = incompatibleFlags & ~INCOMPATIBLE_KNOWN
  if (unknown !== 0)
    throw new JournalError(
      'unsupported',
      `uses features that are not known (flags 0x${(unknown >>> 0).toString(16)})`,
    )
  const state = STATES[bytes.readUInt8(16)]
  if (state === undefined) throw new JournalError('corrupt', `has the unknown state ${bytes.readUInt8(16)}`)
  const compatibleFlags = bytes.readUInt32LE(8)
  const has = (end: number): boolean => headerSize >= end && bytes.length >= end
  const later = (at: number): number | undefined => (has(at + 8) ? readCount(bytes, at) : undefined)
  const later32 = (at: number): number | undefined => (has(at + 4) ? bytes.readUInt32LE(at) : undefined)
  const header: JournalHeader = {
    compatibleFlags,
    incompatibleFlags,
    state,
    fileId: readId(bytes, 24),
    machineId: readId(bytes, 40),
    tailBootId: readId(bytes, 56),
    seqnumId: readId(bytes, 72),
    headerSize,
    arenaSize: readCount(bytes, 96),
    dataTable: { offset: readCount(bytes, 104), size: readCount(bytes, 112) },
    fieldTable: { offset: readCount(bytes, 120), size: readCount(bytes, 128) },
    tailObjectOffset: readCount(bytes, 136),
    objects: readCount(bytes, 144),
    entries: readCount(bytes, 152),
    tailSeqnum: bytes.readBigUInt64LE(160),
    headSeqnum: bytes.readBigUInt64LE(168),
    entryArrayOffset: readCount(bytes, 176),
    headRealtime: bytes.readBigUInt64LE(184),
    tailRealtime: bytes.readBigUInt64LE(192),
    tailMonotonic: bytes.readBigUInt64LE(200),
    data: later(208),
    fields: later(216),
    tags: later(224),
    entryArrays: later(232),
    dataChainDepth: later(240),
    fieldChainDepth: later(248),
    tailEntryArrayOffset: later32(256),
    tailEntryArrayItems: later32(260),
    tailEntryOffset: later(264),
    isKeyed: (incompatibleFlags & INCOMPATIBLE.keyed) !== 0,
    isCompact: (incompatibleFlags & INCOMPATIBLE.compact) !== 0,
    isSealed: (compatibleFlags & COMPATIBLE.sealed) !== 0,
  }
  checkSpans(header)
  return header
}

function checkSpans(header: JournalHeader): void {
  const end = header.headerSize + header.arenaSize
  for (const { offset, size } of [header.dataTable, header.fieldTable]) {
    if (size === 0) continue // It has not been made yet.
    if (offset % 8 !== 0 || size % BUCKET_BYTES !== 0 || offset < header.headerSize || offset + size > end)
      throw new JournalError('corrupt', 'has a hash table outside of the file', offset)
  }
  for (const offset of [header.entryArrayOffset, header.tailObjectOffset]) {
    if (offset !== 0 && (offset % 8 !== 0 || offset < header.headerSize || offset >= end))
      throw new JournalError('corrupt', 'has its entries outside of the file', offset)
  }
}
