import type { TreeEntry } from '../rootfs/entry.ts'

/**
 * The archive that the kernel unpacks as initramfs: cpio "newc" (kernel: Documentation/driver-api/early-userspace/
 * buffer-format.rst). Pure; the caller brings the bytes of the files.
 *
 * Deterministic: names sorted by bytes with every directory before what it holds, inode numbers counted from 1,
 * owner and times as the entries say.
 */

const MAGIC = '070701'
const TYPE_BITS = {
  directory: 0o040000,
  file: 0o100000,
  symlink: 0o120000,
  character: 0o020000,
  block: 0o060000,
}
/** The archive's end is padded to this, as every other writer does. */
const BLOCK = 512

/** An entry with its bytes at hand. */
export interface CpioItem {
  entry: TreeEntry
  /** Of a file; others have none. */
  data?: Uint8Array
}

/** The whole archive. Extended attributes cannot be stored, and are refused rather than lost. */
export function encodeCpio(items: CpioItem[]): Buffer {
  const parts: Uint8Array[] = []
  let inode = 1
  for (const { entry, data } of sortByPath(items)) {
    if (entry.path === '') continue // the kernel brings the root directory itself
    if (entry.xattrs && Object.keys(entry.xattrs).length > 0) {
      throw new Error(`cpio cannot hold the extended attributes of ${entry.path}`)
    }
    const body = bodyOf(entry, data)
    parts.push(encodeHeader(entry, inode++, body.length), body, padding(body.length, 4))
  }
  parts.push(encodeTrailer())
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  parts.push(padding(length, BLOCK))
  return Buffer.concat(parts)
}

function sortByPath(items: CpioItem[]): CpioItem[] {
  const keyed = items.map(item => ({ item, key: Buffer.from(item.entry.path) }))
  keyed.sort((a, b) => Buffer.compare(a.key, b.key))
  for (const [index, { key, item }] of keyed.entries()) {
    const before = keyed[index - 1]
    if (before && Buffer.compare(before.key, key) === 0)
      throw new Error(`twice in the archive: ${item.entry.path}`)
  }
  return keyed.map(({ item }) => item)
}

function bodyOf(entry: TreeEntry, data: Uint8Array | undefined): Uint8Array {
  if (entry.type === 'symlink') return Buffer.from(entry.target)
  if (entry.type !== 'file') return new Uint8Array()
  if (data === undefined) throw new Error(`no content for ${entry.path}`)
  return data
}

function encodeHeader(entry: TreeEntry, inode: number, size: number): Buffer {
  const device = entry.type === 'character' || entry.type === 'block' ? entry : { major: 0, minor: 0 }
  const links = entry.type === 'directory' ? 2 : 1
  const mode = TYPE_BITS[entry.type] | entry.mode
  return encodeRecord(entry.path, [
    inode,
    mode,
    entry.uid,
    entry.gid,
    links,
    entry.mtime,
    size,
    0,
    0,
    device.major,
    device.minor,
  ])
}

function encodeTrailer(): Buffer {
  return encodeRecord('TRAILER!!!', [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0])
}

/** Magic, eleven numbers, length of the name, an unused checksum: each eight hex digits; then the name, padded. */
function encodeRecord(path: string, numbers: number[]): Buffer {
  const name = Buffer.from(`${path}\0`)
  const hex = [...numbers, name.length, 0].map(number => {
    if (!Number.isInteger(number) || number < 0 || number > 0xffffffff)
      throw new Error(`${path}: ${number} does not fit`)
    return number.toString(16).padStart(8, '0')
  })
  const header = Buffer.from(MAGIC + hex.join(''), 'latin1')
  return Buffer.concat([header, name, padding(header.length + name.length, 4)])
}

function padding(length: number, unit: number): Uint8Array {
  return new Uint8Array((unit - (length % unit)) % unit)
}
