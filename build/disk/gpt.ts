import { crc32 } from 'node:zlib'
import { UserError } from '#lib/errors.ts'

/**
 * GUID partition tables, bytes ↔ object (UEFI specification 2.10, chapter 5). Pure: the disk is read and written
 * elsewhere.
 *
 *     sector 0        protective MBR; its first 440 bytes are boot code and not ours
 *     sector 1        primary header
 *     sectors 2–33    primary entries, 128 of 128 bytes
 *     …               partitions, aligned to 1 MiB by the layout
 *     last 33 … 2     backup entries
 *     last sector     backup header
 */

/** Bytes in a sector. Disks with 4096-byte sectors are not supported as boot disks. */
export const SECTOR = 512

/** Number of entries in a table, the minimum that the specification allows. */
export const ENTRY_COUNT = 128

const ENTRY_BYTES = 128
const ENTRY_SECTORS = (ENTRY_COUNT * ENTRY_BYTES) / SECTOR
const HEADER_BYTES = 92
const REVISION = 0x00010000
const SIGNATURE = 'EFI PART'
/** Characters of UTF-16 in a partition's name. */
const NAME_CHARACTERS = 36

/** Sectors before the first and after the last that a partition may use. */
export const FIRST_USABLE = 2 + ENTRY_SECTORS
export const SECTORS_BEHIND = 1 + ENTRY_SECTORS

/** Where boot code ends in sector 0 and what follows it belongs to the partition table. */
export const BOOT_CODE_BYTES = 440

/** One entry of the table. */
export interface GptPartition {
  /** Type and unique GUID in the usual text form, upper case. */
  type: string
  uuid: string
  name: string
  /** First and last sector, both inclusive. */
  firstLba: number
  lastLba: number
  attributes: bigint
}

/** A partition table as people see it. */
export interface Gpt {
  diskUuid: string
  /** Sectors of the whole disk. */
  sectors: number
  partitions: GptPartition[]
}

/** The bytes of a table and the sectors they belong to. */
export interface GptBytes {
  /** Bytes 440 … 511 of sector 0. */
  mbrTail: Uint8Array
  /** Sectors 1 … 33. */
  primary: Uint8Array
  /** The last 33 sectors. */
  backup: Uint8Array
}

/** Writes both copies and the protective MBR. Throws when the table contradicts itself: that is a bug of ours. */
export function encodeGpt(gpt: Gpt): GptBytes {
  const problem = findProblem(gpt)
  if (problem !== undefined) throw new Error(`impossible partition table: ${problem}`)
  const entries = Buffer.alloc(ENTRY_SECTORS * SECTOR)
  for (const [index, partition] of gpt.partitions.entries()) {
    encodeEntry(partition).copy(entries, index * ENTRY_BYTES)
  }
  const last = gpt.sectors - 1
  const primary = encodeHeader(gpt, entries, { own: 1, other: last, entries: 2 })
  const backup = encodeHeader(gpt, entries, { own: last, other: 1, entries: last - ENTRY_SECTORS })
  return {
    mbrTail: encodeProtectiveMbr(gpt.sectors),
    primary: Buffer.concat([primary, entries]),
    backup: Buffer.concat([entries, backup]),
  }
}

function encodeEntry(partition: GptPartition): Buffer {
  const bytes = Buffer.alloc(ENTRY_BYTES)
  guidToBytes(partition.type).copy(bytes, 0)
  guidToBytes(partition.uuid).copy(bytes, 16)
  bytes.writeBigUInt64LE(BigInt(partition.firstLba), 32)
  bytes.writeBigUInt64LE(BigInt(partition.lastLba), 40)
  bytes.writeBigUInt64LE(partition.attributes, 48)
  bytes.write(partition.name, 56, 'utf16le')
  return bytes
}

function encodeHeader(
  gpt: Gpt,
  entries: Buffer,
  at: { own: number; other: number; entries: number },
): Buffer {
  const bytes = Buffer.alloc(SECTOR)
  bytes.write(SIGNATURE, 0, 'latin1')
  bytes.writeUInt32LE(REVISION, 8)
  bytes.writeUInt32LE(HEADER_BYTES, 12)
  bytes.writeBigUInt64LE(BigInt(at.own), 24)
  bytes.writeBigUInt64LE(BigInt(at.other), 32)
  bytes.writeBigUInt64LE(BigInt(FIRST_USABLE), 40)
  bytes.writeBigUInt64LE(BigInt(gpt.sectors - 1 - SECTORS_BEHIND), 48)
  guidToBytes(gpt.diskUuid).copy(bytes, 56)
  bytes.writeBigUInt64LE(BigInt(at.entries), 72)
  bytes.writeUInt32LE(ENTRY_COUNT, 80)
  bytes.writeUInt32LE(ENTRY_BYTES, 84)
  bytes.writeUInt32LE(crc32(entries), 88)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, HEADER_BYTES)), 16) // computed with its own field still zero
  return bytes
}

/** One entry of type 0xEE over the whole disk. Marked active: some BIOSes boot no disk without an active entry. */
function encodeProtectiveMbr(sectors: number): Uint8Array {
  const bytes = Buffer.alloc(SECTOR - BOOT_CODE_BYTES)
  const entry = 446 - BOOT_CODE_BYTES
  bytes[entry] = 0x80
  bytes.set([0x00, 0x02, 0x00], entry + 1)
  bytes[entry + 4] = 0xee
  bytes.set([0xff, 0xff, 0xff], entry + 5)
  bytes.writeUInt32LE(1, entry + 8)
  bytes.writeUInt32LE(Math.min(sectors - 1, 0xffffffff), entry + 12)
  bytes.writeUInt16LE(0xaa55, 510 - BOOT_CODE_BYTES)
  return bytes
}

/** One of the two copies as found on a disk: the table, or what is wrong with it. */
export type GptCopy = { ok: true; gpt: Gpt } | { ok: false; problem: string }

/**
 * Reads the first copy.
 * @param sectors1to33 sectors 1 … 33 of the disk
 * @param sectors size of the disk
 */
export function decodePrimary(sectors1to33: Uint8Array, sectors: number): GptCopy {
  const bytes = Buffer.from(sectors1to33.buffer, sectors1to33.byteOffset, sectors1to33.byteLength)
  if (bytes.length < (1 + ENTRY_SECTORS) * SECTOR)
    return { ok: false, problem: 'the disk ends inside the table' }
  return decodeCopy(bytes.subarray(0, SECTOR), bytes.subarray(SECTOR, (1 + ENTRY_SECTORS) * SECTOR), {
    own: 1,
    entries: 2,
    sectors,
  })
}

/** Reads the second copy from the last 33 sectors of the disk. */
export function decodeBackup(last33: Uint8Array, sectors: number): GptCopy {
  const bytes = Buffer.from(last33.buffer, last33.byteOffset, last33.byteLength)
  if (bytes.length < (1 + ENTRY_SECTORS) * SECTOR)
    return { ok: false, problem: 'the disk ends inside the table' }
  const header = bytes.subarray(ENTRY_SECTORS * SECTOR, (1 + ENTRY_SECTORS) * SECTOR)
  return decodeCopy(header, bytes.subarray(0, ENTRY_SECTORS * SECTOR), {
    own: sectors - 1,
    entries: sectors - 1 - ENTRY_SECTORS,
    sectors,
  })
}

function decodeCopy(
  header: Buffer,
  entries: Buffer,
  at: { own: number; entries: number; sectors: number },
): GptCopy {
  const problem = findHeaderProblem(header, entries, at)
  if (problem !== undefined) return { ok: false, problem }
  const partitions: GptPartition[] = []
  for (let index = 0; index < ENTRY_COUNT; index++) {
    const bytes = entries.subarray(index * ENTRY_BYTES, (index + 1) * ENTRY_BYTES)
    if (bytes.subarray(0, 16).every(byte => byte === 0)) continue
    partitions.push(decodeEntry(bytes))
  }
  const gpt: Gpt = { diskUuid: bytesToGuid(header.subarray(56, 72)), sectors: at.sectors, partitions }
  const contradiction = findProblem(gpt)
  return contradiction === undefined ? { ok: true, gpt } : { ok: false, problem: contradiction }
}

function findHeaderProblem(
  header: Buffer,
  entries: Buffer,
  at: { own: number; entries: number; sectors: number },
): string | undefined {
  if (header.toString('latin1', 0, 8) !== SIGNATURE) return 'no GPT signature'
  if (header.readUInt32LE(8) !== REVISION) return `unknown revision 0x${header.readUInt32LE(8).toString(16)}`
  if (header.readUInt32LE(12) !== HEADER_BYTES) return `header of ${header.readUInt32LE(12)} bytes`
  const unsummed = Buffer.from(header.subarray(0, HEADER_BYTES))
  unsummed.writeUInt32LE(0, 16)
  if (crc32(unsummed) !== header.readUInt32LE(16)) return 'the header does not match its checksum'
  if (header.readBigUInt64LE(24) !== BigInt(at.own))
    return `the header says it stands at sector ${header.readBigUInt64LE(24)}`
  if (header.readUInt32LE(80) !== ENTRY_COUNT || header.readUInt32LE(84) !== ENTRY_BYTES)
    return 'unusual size of the entry table'
  if (header.readBigUInt64LE(72) !== BigInt(at.entries))
    return `the entries stand at sector ${header.readBigUInt64LE(72)}`
  if (crc32(entries) !== header.readUInt32LE(88)) return 'the entries do not match their checksum'
  return undefined
}

function decodeEntry(bytes: Buffer): GptPartition {
  const name = bytes.toString('utf16le', 56, 56 + 2 * NAME_CHARACTERS)
  const end = name.indexOf('\0')
  return {
    type: bytesToGuid(bytes.subarray(0, 16)),
    uuid: bytesToGuid(bytes.subarray(16, 32)),
    name: end < 0 ? name : name.slice(0, end),
    firstLba: Number(bytes.readBigUInt64LE(32)),
    lastLba: Number(bytes.readBigUInt64LE(40)),
    attributes: bytes.readBigUInt64LE(48),
  }
}

function findProblem(gpt: Gpt): string | undefined {
  if (gpt.partitions.length > ENTRY_COUNT) return `${gpt.partitions.length} partitions, ${ENTRY_COUNT} fit`
  const usable = { first: FIRST_USABLE, last: gpt.sectors - 1 - SECTORS_BEHIND }
  const uuids = new Set<string>()
  let end = usable.first - 1
  for (const partition of gpt.partitions.toSorted((a, b) => a.firstLba - b.firstLba)) {
    const { name, firstLba, lastLba, uuid } = partition
    if (name.length > NAME_CHARACTERS)
      return `the name '${name}' is longer than ${NAME_CHARACTERS} characters`
    if (lastLba < firstLba) return `partition ${name} ends before it starts`
    if (firstLba < usable.first || lastLba > usable.last)
      return `partition ${name} lies outside the usable sectors`
    if (firstLba <= end) return `partition ${name} overlaps the one before it`
    if (uuids.has(uuid)) return `partition ${name} has the UUID of another`
    uuids.add(uuid)
    end = lastLba
  }
  return undefined
}

/** The table of a disk whose two copies were read; one good copy is enough, two must agree. */
export function reconcileGpt(
  primary: GptCopy,
  backup: GptCopy,
  name: string,
): { gpt: Gpt; warnings: string[] } {
  if (!primary.ok && !backup.ok) {
    throw new UserError(`${name}: no partition table: ${primary.problem}; backup: ${backup.problem}`)
  }
  const warnings: string[] = []
  if (!primary.ok) warnings.push(`primary partition table: ${primary.problem}`)
  if (!backup.ok) warnings.push(`backup partition table: ${backup.problem}`)
  if (primary.ok && backup.ok && !sameGpt(primary.gpt, backup.gpt))
    warnings.push('the two partition tables differ')
  const good = primary.ok ? primary : backup
  if (!good.ok) throw new Error('unreachable')
  return { gpt: good.gpt, warnings }
}

function sameGpt(a: Gpt, b: Gpt): boolean {
  const text = (gpt: Gpt) =>
    JSON.stringify(gpt, (_key, value) => (typeof value === 'bigint' ? `${value}` : value))
  return text(a) === text(b)
}

/** The 16 bytes of a GUID: the first three groups little-endian, as GPT stores them. */
export function guidToBytes(guid: string): Buffer {
  if (!/^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/.test(guid))
    throw new Error(`not a GUID: ${guid}`)
  return swapGroups(Buffer.from(guid.replaceAll('-', ''), 'hex'))
}

/** The text form, upper case. */
export function bytesToGuid(bytes: Uint8Array): string {
  const hex = swapGroups(Buffer.from(bytes)).toString('hex').toUpperCase()
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

function swapGroups(bytes: Buffer): Buffer {
  bytes.subarray(0, 4).reverse()
  bytes.subarray(4, 6).reverse()
  bytes.subarray(6, 8).reverse()
  return bytes
}
