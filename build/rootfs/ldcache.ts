import { UserError } from '#lib/errors.ts'

/** One library in the loader's cache: its name, and where it is in the running system. */
export interface CachedLibrary {
  /** The soname, such as `libc.so.6`. */
  name: string
  /** The absolute path. */
  path: string
  /** What it is; see FLAGS_X86_64. */
  flags: number
}

/** ELF, glibc 2, 64-bit x86: FLAG_ELF_LIBC6 | FLAG_X8664_LIB64 of glibc's ldconfig.h. */
export const FLAGS_X86_64 = 0x0303

// Layout, from glibc's sysdeps/generic/dl-cache.h (struct cache_file_new), all little-endian:
//   0  "glibc-ld.so.cache" "1.1"      24  u8 flags: 2 = little-endian
//   20 u32 number of libraries        28..32 padding, u32 offset of extensions, then 3 unused u32
//   48 libraries: s32 flags, u32 name, u32 path (offsets in the file), u32 zero, u64 hwcap
//   then the strings, each ended by a NUL; extensions aligned to 4
const MAGIC = 'glibc-ld.so.cache1.1'
const HEADER_BYTES = 48
const LIBRARY_BYTES = 24
const LITTLE_ENDIAN = 2
const EXTENSION_MAGIC = 0xeaa42174
const LIBRARIES_MAX = 100_000

/**
 * /etc/ld.so.cache in the format of glibc 2.33 and later. The loader searches it by halving, so the order is part
 * of the format: falling by `compareNames`. Equal names keep the order they are given in.
 */
export function encodeCache(libraries: CachedLibrary[]): Uint8Array {
  const sorted = libraries.toSorted((a, b) => compareNames(b.name, a.name))
  const strings: Buffer[] = []
  const offsets = new Map<string, number>()
  let end = HEADER_BYTES + sorted.length * LIBRARY_BYTES
  const place = (text: string) => {
    const known = offsets.get(text)
    if (known !== undefined) return known
    const bytes = Buffer.from(`${text}\0`)
    strings.push(bytes)
    offsets.set(text, end)
    end += bytes.length
    return end - bytes.length
  }
  const head = Buffer.alloc(HEADER_BYTES + sorted.length * LIBRARY_BYTES)
  sorted.forEach(({ name, path, flags }, index) => {
    const at = HEADER_BYTES + index * LIBRARY_BYTES
    head.writeInt32LE(flags, at)
    head.writeUInt32LE(place(name), at + 4)
    head.writeUInt32LE(place(path), at + 8)
  })
  const stringBytes = end - head.length
  const extensionAt = Math.ceil(end / 4) * 4
  head.write(MAGIC, 0, 'latin1')
  head.writeUInt32LE(sorted.length, 20)
  head.writeUInt32LE(stringBytes, 24)
  head.writeUInt8(LITTLE_ENDIAN, 28)
  head.writeUInt32LE(extensionAt, 32)
  const extension = Buffer.alloc(extensionAt - end + 8)
  extension.writeUInt32LE(EXTENSION_MAGIC, extensionAt - end)
  return Buffer.concat([head, ...strings, extension])
}

/**
 * The libraries in a cache file, in its order.
 *
 * @throws UserError when it is no such file, or is cut short
 */
export function decodeCache(bytes: Uint8Array): CachedLibrary[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer.length < HEADER_BYTES || buffer.toString('latin1', 0, MAGIC.length) !== MAGIC)
    throw new UserError('not a loader cache (glibc-ld.so.cache1.1)')
  if (buffer.readUInt8(28) !== LITTLE_ENDIAN) throw new UserError('a loader cache of the other byte order')
  const count = buffer.readUInt32LE(20)
  const stringsAt = HEADER_BYTES + count * LIBRARY_BYTES
  if (count > LIBRARIES_MAX || stringsAt + buffer.readUInt32LE(24) > buffer.length)
    throw new UserError('a loader cache that is cut short')
  const text = (offset: number) => {
    const end = buffer.indexOf(0, offset)
    if (offset < stringsAt || end < 0) throw new UserError('a loader cache with a name outside of it')
    return buffer.toString('utf8', offset, end)
  }
  return Array.from({ length: count }, (_, index) => {
    const at = HEADER_BYTES + index * LIBRARY_BYTES
    return {
      flags: buffer.readInt32LE(at),
      name: text(buffer.readUInt32LE(at + 4)),
      path: text(buffer.readUInt32LE(at + 8)),
    }
  })
}

/**
 * glibc's order of names (`_dl_cache_libcmp`): runs of digits compare as numbers, and a digit is above any other
 * character.
 */
export function compareNames(a: string, b: string): number {
  let i = 0
  let j = 0
  while (i < a.length) {
    const digitA = isDigit(a[i])
    const digitB = isDigit(b[j])
    if (digitA && digitB) {
      const runA = /^\d+/.exec(a.slice(i))![0]
      const runB = /^\d+/.exec(b.slice(j))![0]
      if (Number(runA) !== Number(runB)) return Number(runA) - Number(runB)
      i += runA.length
      j += runB.length
    } else if (digitA || digitB) return digitA ? 1 : -1
    else if (a[i] !== b[j]) return codeAt(a, i) - codeAt(b, j)
    else {
      i += 1
      j += 1
    }
  }
  return codeAt(a, i) - codeAt(b, j)
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= '0' && character <= '9'
}

/** 0 behind the end, as C's strings have it. */
function codeAt(text: string, index: number): number {
  return index < text.length ? text.charCodeAt(index) : 0
}
