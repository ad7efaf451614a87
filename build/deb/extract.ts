import type { Header } from 'tar-stream'
import type { DirectoryEntry, TreeEntry } from '../rootfs/entry.ts'
import { openDeb, walkTar } from './archive.ts'

/** What a .deb holds, with the content of files handed elsewhere. */
export interface Extracted {
  /** The fields of its control file, named as there (`Installed-Size`); continuation lines keep their newline. */
  control: Record<string, string>
  /** Files that belong to the administrator, without the leading slash. */
  conffiles: string[]
  /** In the order of the archive. The root folder itself is left out. */
  entries: TreeEntry[]
}

/** Keeps the content of a file somewhere and gives the path. */
export type KeepContent = (bytes: Buffer) => { path: string; size: number; sha256: string }

/** Where pax headers hold extended attributes, as GNU tar and libarchive write them. */
const PAX_XATTR = 'SCHILY.xattr.'

/**
 * Unpacks a .deb.
 *
 * @param origin the package's name, for `TreeEntry.origin`
 * @throws SyntaxError or Error telling what is wrong with the archive; system errors of reading and keeping
 */
export async function extractDeb(path: string, origin: string, keep: KeepContent): Promise<Extracted> {
  const members = await openDeb(path)
  const control = await extractControl(path, members.control)
  const entries = new Map<string, TreeEntry>()
  await walkTar(path, members.data, (header, bytes) => {
    const entry = toEntry(header, bytes, origin, entries, keep)
    if (entry !== undefined) entries.set(entry.path, entry)
  })
  return { ...control, entries: [...entries.values()] }
}

async function extractControl(
  path: string,
  member: Parameters<typeof walkTar>[1],
): Promise<{ control: Record<string, string>; conffiles: string[] }> {
  const files = new Map<string, string>()
  await walkTar(path, member, (header, bytes) => {
    files.set(cleanPath(header.name), bytes.toString('utf8'))
  })
  const control = files.get('control')
  if (control === undefined) throw new SyntaxError('it has no control file')
  return { control: parseFields(control), conffiles: parseConffiles(files.get('conffiles') ?? '') }
}

function toEntry(
  header: Header,
  bytes: Buffer,
  origin: string,
  earlier: Map<string, TreeEntry>,
  keep: KeepContent,
): TreeEntry | undefined {
  const path = cleanPath(header.name)
  if (path === '') return undefined
  const xattrs = readXattrs(header)
  const attributes: Omit<DirectoryEntry, 'type'> = {
    path,
    mode: header.mode & 0o7777,
    uid: header.uid,
    gid: header.gid,
    mtime: Math.floor(header.mtime.getTime() / 1000),
    ...(xattrs === undefined ? {} : { xattrs }),
    origin,
  }
  switch (header.type) {
    case 'file':
    case 'contiguous-file':
      return { ...attributes, type: 'file', content: { kind: 'blob', ...keep(bytes) } }
    case 'directory':
      return { ...attributes, type: 'directory' }
    case 'symlink':
      return { ...attributes, type: 'symlink', target: header.linkname }
    case 'link':
      return linked(path, cleanPath(header.linkname), earlier)
    case 'character-device':
    case 'block-device':
      return {
        ...attributes,
        type: header.type === 'block-device' ? 'block' : 'character',
        major: header.devmajor,
        minor: header.devminor,
      }
    default:
      throw new SyntaxError(`${path} is a ${header.type}, which no package should hold`)
  }
}

/** A hard link becomes a file of its own with the same content. */
function linked(path: string, target: string, earlier: Map<string, TreeEntry>): TreeEntry {
  const file = earlier.get(target)
  if (file?.type !== 'file')
    throw new SyntaxError(`${path} is a hard link to ${target}, which is no earlier file`)
  return { ...file, path }
}

function cleanPath(name: string): string {
  const parts = name.split('/').filter(part => part !== '' && part !== '.')
  if (parts.includes('..')) throw new SyntaxError(`it has a path with '..': ${name}`)
  return parts.join('/')
}

function readXattrs(header: Header): Record<string, Uint8Array> | undefined {
  const pax = header.pax as Record<string, string> | null | undefined
  let xattrs: Record<string, Uint8Array> | undefined
  for (const [key, value] of Object.entries(pax ?? {})) {
    if (!key.startsWith(PAX_XATTR)) continue
    const name = key.slice(PAX_XATTR.length)
    // tar-stream decodes values as UTF-8, which cannot be undone for other bytes. Debian's packages have none.
    if (value.includes('\ufffd')) throw new SyntaxError(`${header.name}: attribute ${name} is not text`)
    xattrs ??= {}
    xattrs[name] = new TextEncoder().encode(value)
  }
  return xattrs
}

function parseFields(text: string): Record<string, string> {
  const fields: Record<string, string> = {}
  let name = ''
  for (const line of text.split('\n')) {
    const match = /^([^\s:#][^:]*):\s*(.*)$/.exec(line)
    if (match !== null) {
      name = match[1]!
      fields[name] = match[2]!.trimEnd()
    } else if (/^\s+\S/.test(line) && name !== '') {
      fields[name] += `\n${line.trim()}`
    }
  }
  return fields
}

function parseConffiles(text: string): string[] {
  // A line may start with a flag: `remove-on-upgrade /etc/old`, which is no file of this version.
  return text
    .split('\n')
    .filter(line => line.startsWith('/'))
    .map(line => line.slice(1).trim())
}
