import { UserError } from '#lib/errors.ts'

/**
 * The log of a block device in the format of the kernel's dm-log-writes, as QEMU's `blklogwrites` driver writes it
 * (kernel: Documentation/admin-guide/device-mapper/log-writes.rst; QEMU: block/blklogwrites.c). Bytes ↔ objects,
 * little-endian; the file is read elsewhere.
 *
 *     sector 0       superblock
 *     next sector    entry: what was done; then its data in whole sectors, if it has any
 *     …              entries follow each other without gaps
 */

/** Sector 0 of a log. */
export interface LogHead {
  /** Entries that follow. QEMU updates it at every flush and every `log-super-update-interval` entries. */
  entries: number
  /** Bytes; unit of everything else in the log. */
  sectorSize: number
}

/** One thing that was done to the device. */
export interface LogEntry {
  /** First sector concerned. */
  sector: number
  sectors: number
  /** Everything logged before is on the medium when this one is done. */
  flush: boolean
  /** This write itself is on the medium when it is done. */
  fua: boolean
  /** The sectors read as zeros from now on. */
  discard: boolean
  /** A label that whoever keeps the log put there; its text follows. */
  mark: boolean
  /** Bytes that follow the entry, padded to whole sectors: what was written, or the text of a mark. */
  dataBytes: number
}

const MAGIC = 0x6a736677736872n
const VERSION = 1n
const SUPERBLOCK_BYTES = 28
/** Bytes of an entry; the rest of its sector is padding. */
export const ENTRY_BYTES = 32
const FLAGS = { flush: 1n, fua: 2n, discard: 4n, mark: 8n }
const FLAGS_KNOWN = 15n
const SECTOR_SIZES = [512, 4096]

/** Reads a superblock. @throws UserError saying what makes it none */
export function decodeHead(bytes: Uint8Array): LogHead {
  const view = viewOf(bytes, SUPERBLOCK_BYTES)
  if (view.getBigUint64(0, true) !== MAGIC) throw new UserError('write log: wrong magic number')
  const version = view.getBigUint64(8, true)
  if (version !== VERSION) throw new UserError(`write log: version ${version} is not known`)
  const sectorSize = view.getUint32(24, true)
  if (!SECTOR_SIZES.includes(sectorSize)) throw new UserError(`write log: sectors of ${sectorSize} bytes`)
  return { entries: toNumber(view.getBigUint64(16, true), 'number of entries'), sectorSize }
}

/** Reads an entry. @throws UserError for one that contradicts itself */
export function decodeEntry(bytes: Uint8Array, sectorSize: number): LogEntry {
  const view = viewOf(bytes, ENTRY_BYTES)
  const flags = view.getBigUint64(16, true)
  if ((flags & ~FLAGS_KNOWN) !== 0n) throw new UserError(`write log: unknown flags ${flags}`)
  const has = (flag: bigint) => (flags & flag) !== 0n
  const sectors = toNumber(view.getBigUint64(8, true), 'number of sectors')
  // The field of the length is used for marks only.
  const textBytes = toNumber(view.getBigUint64(24, true), 'length of text')
  const mark = has(FLAGS.mark)
  if (textBytes !== 0 && !mark) throw new UserError(`write log: a write with ${textBytes} bytes of text`)
  return {
    sector: toNumber(view.getBigUint64(0, true), 'sector'),
    sectors,
    flush: has(FLAGS.flush),
    fua: has(FLAGS.fua),
    discard: has(FLAGS.discard),
    mark,
    dataBytes: mark ? textBytes : has(FLAGS.discard) ? 0 : sectors * sectorSize,
  }
}

/** Writes a superblock, one sector long; for made-up logs. */
export function encodeHead(head: LogHead): Uint8Array {
  const bytes = new Uint8Array(head.sectorSize)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, MAGIC, true)
  view.setBigUint64(8, VERSION, true)
  view.setBigUint64(16, BigInt(head.entries), true)
  view.setUint32(24, head.sectorSize, true)
  return bytes
}

/** Writes an entry, one sector long; for made-up logs. */
export function encodeEntry(entry: LogEntry, sectorSize: number): Uint8Array {
  const bytes = new Uint8Array(sectorSize)
  const view = new DataView(bytes.buffer)
  const flags = (['flush', 'fua', 'discard', 'mark'] as const).reduce(
    (sum, name) => (entry[name] ? sum | FLAGS[name] : sum),
    0n,
  )
  view.setBigUint64(0, BigInt(entry.sector), true)
  view.setBigUint64(8, BigInt(entry.sectors), true)
  view.setBigUint64(16, flags, true)
  view.setBigUint64(24, BigInt(entry.mark ? entry.dataBytes : 0), true)
  return bytes
}

function viewOf(bytes: Uint8Array, needed: number): DataView {
  if (bytes.length < needed) throw new UserError(`write log: ends after ${bytes.length} of ${needed} bytes`)
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function toNumber(value: bigint, what: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new UserError(`write log: ${what} ${value} is absurd`)
  return Number(value)
}
