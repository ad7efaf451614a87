import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Header, pack as newPack, type Pack } from 'tar-stream'
import { hashOf, sizeOf } from './content.ts'
import type { Content, TreeEntry } from './entry.ts'
import type { Tree } from './tree.ts'

/** What fits a ustar header's name and linkname fields without tricks. */
const NAME_BYTES_MAX = 100

const BLOCK_BYTES = 512

/** A header as tar-stream takes it. */
export type TarHeader = Partial<Header> & Pick<Header, 'name'>

/**
 * The tree as one tar stream, the same bytes for the same tree: sorted, no user names, times as in the entries.
 * Names that do not fit a plain header and extended attributes travel in pax headers. Files with the same bytes
 * and attributes become hard links to the first, so that a file system stores them once.
 */
export function writeTar(tree: Tree): Readable {
  const pack = newPack()
  writeEntries(pack, tree.list()).then(
    () => pack.finalize(),
    error => pack.destroy(error instanceof Error ? error : new Error(String(error))),
  )
  return Readable.from(pack, { objectMode: false })
}

async function writeEntries(pack: Pack, entries: TreeEntry[]): Promise<void> {
  const firstOf = new Map<string, string>()
  for (const entry of entries) {
    const header = tarHeader(entry)
    const twin = entry.type === 'file' ? twinKey(entry) : undefined
    const first = twin === undefined ? undefined : firstOf.get(twin)
    if (first !== undefined) {
      header.type = 'link'
      header.linkname = first
      header.size = 0
    } else if (twin !== undefined) firstOf.set(twin, header.name)
    const records = paxRecords(header, entry.xattrs ?? {})
    if (records.length > 0) {
      // tar-stream can write text in pax headers only, and attributes are bytes
      pack.push(paxHeader(records, entry.mtime))
      header.name = plainName(header.name)
      if (header.linkname) header.linkname = plainName(header.linkname)
    }
    await writeEntry(
      pack,
      header,
      entry.type === 'file' && header.type === 'file' ? entry.content : undefined,
    )
  }
}

/** Writes a header and its body, and waits until the reader has taken it. */
async function writeEntry(pack: Pack, header: TarHeader, content: Content | undefined): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const sink = pack.entry(header, error => (error ? reject(error) : resolve()))
    if (content?.kind === 'blob') pipeline(createReadStream(content.path), sink).catch(reject)
    else if (content !== undefined) sink.end(content.bytes)
  })
}

/** The header of an entry as tar-stream wants it. Folders end in a slash, the root is `./`. */
export function tarHeader(entry: TreeEntry): TarHeader {
  const { uid, gid, mode } = entry
  const base = { uid, gid, mode, mtime: new Date(entry.mtime * 1000), size: 0 }
  switch (entry.type) {
    case 'directory':
      return { ...base, type: 'directory', name: entry.path === '' ? './' : `${entry.path}/` }
    case 'file':
      return { ...base, type: 'file', name: entry.path, size: sizeOf(entry.content) }
    case 'symlink':
      return { ...base, type: 'symlink', name: entry.path, mode: 0o777, linkname: entry.target }
    default:
      return {
        ...base,
        type: `${entry.type}-device`,
        name: entry.path,
        devmajor: entry.major,
        devminor: entry.minor,
      }
  }
}

/** What two files must share to become one; undefined when the file must stay alone. */
function twinKey(entry: TreeEntry & { type: 'file' }): string | undefined {
  if (sizeOf(entry.content) === 0 || (entry.mode & 0o6000) !== 0 || entry.xattrs !== undefined)
    return undefined
  return `${entry.mode}:${entry.uid}:${entry.gid}:${hashOf(entry.content)}`
}

/** A pax header block (ustar, type x) with its records, padded to whole blocks. */
function paxHeader(records: Uint8Array, mtime: number): Uint8Array {
  const block = Buffer.alloc(BLOCK_BYTES + Math.ceil(records.length / BLOCK_BYTES) * BLOCK_BYTES)
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0')
  block.write('PaxHeader', 0)
  block.write(`0000644\x000000000\x000000000\0${octal(records.length, 11)}\0${octal(mtime, 11)}\0`, 100)
  block.write(`${' '.repeat(8)}x`, 148) // the checksum counts its own field as spaces
  block.write('ustar\x0000', 257)
  const sum = block.subarray(0, BLOCK_BYTES).reduce((total, byte) => total + byte, 0)
  block.write(`${octal(sum, 6)}\0 `, 148)
  block.set(records, BLOCK_BYTES)
  return block
}

/** The pax records an entry needs, as bytes; empty when a plain header says it all. */
export function paxRecords(header: TarHeader, xattrs: Record<string, Uint8Array>): Uint8Array {
  const records: Uint8Array[] = []
  if (!fits(header.name)) records.push(paxRecord('path', Buffer.from(header.name)))
  if (header.linkname && !fits(header.linkname))
    records.push(paxRecord('linkpath', Buffer.from(header.linkname)))
  for (const name of Object.keys(xattrs).sort())
    records.push(paxRecord(`SCHILY.xattr.${name}`, xattrs[name]!))
  return Buffer.concat(records)
}

/** One pax record, `LENGTH KEY=VALUE\n`, where LENGTH counts the whole record with its own digits. */
function paxRecord(key: string, value: Uint8Array): Uint8Array {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')])
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return Buffer.concat([Buffer.from(String(length)), rest])
}

function fits(name: string): boolean {
  return Buffer.byteLength(name) <= NAME_BYTES_MAX && /^[ -~]*$/.test(name)
}

/** The start of a name for the plain header, where pax readers ignore it. */
function plainName(name: string): string {
  return name.replace(/[^ -~]/gu, '_').slice(-NAME_BYTES_MAX)
}
