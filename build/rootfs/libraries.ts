import { UserError } from '#lib/errors.ts'
import { readText, sizeOf, withReader } from './content.ts'
import { type Elf, MACHINE_X86_64, readElf } from './elf.ts'
import type { FileEntry } from './entry.ts'
import { type CachedLibrary, encodeCache, FLAGS_X86_64 } from './ldcache.ts'
import { nameOf, type Tree } from './tree.ts'

/** Where the loader looks without being told, before and after the cache; the multiarch folders of amd64. */
const SYSTEM_FOLDERS = ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu', 'lib', 'usr/lib']

/** How deep ld.so.conf may include itself. */
const INCLUDE_DEPTH_MAX = 4

/** Every ELF file of the tree by its path. Only files that may be run or loaded are looked at: not modules. */
export function readElfFiles(tree: Tree): Map<string, Elf> {
  const found = new Map<string, Elf>()
  for (const entry of tree.list()) {
    if (entry.type !== 'file' || !mayBeElf(entry)) continue
    try {
      const elf = withReader(entry.content, readElf)
      if (elf !== undefined) found.set(entry.path, elf)
    } catch (error) {
      throw new UserError(
        `${entry.path} (from ${entry.origin}) is a broken ELF file: ${error instanceof Error ? error.message : error}`,
      )
    }
  }
  return found
}

function mayBeElf(entry: FileEntry): boolean {
  if (entry.path.endsWith('.ko') || sizeOf(entry.content) < 64) return false
  return (entry.mode & 0o111) !== 0 || /\.so(\.|$)/.test(nameOf(entry.path))
}

/** The folders that ld.so.conf names with its includes, then those the loader knows by itself; each once. */
export function libraryFolders(tree: Tree): string[] {
  const folders = [...configured(tree, 'etc/ld.so.conf', 0), ...SYSTEM_FOLDERS]
  return [...new Set(folders)]
}

function configured(tree: Tree, path: string, depth: number): string[] {
  const entry = tree.resolve(path).entry
  if (entry?.type !== 'file' || depth > INCLUDE_DEPTH_MAX) return []
  return readText(entry.content)
    .split('\n')
    .map(line => line.replace(/#.*/, '').trim())
    .filter(line => line !== '')
    .flatMap(line => {
      const include = /^include\s+(\S+)$/.exec(line)?.[1]
      if (include === undefined) return [line.replace(/^\/+|\/+$/g, '')]
      const pattern = include.startsWith('/') ? include.slice(1) : `etc/${include}`
      return tree.glob(pattern).flatMap(found => configured(tree, found, depth + 1))
    })
}

/**
 * The content of /etc/ld.so.cache, as ldconfig would write it for the tree as a root: for each folder the sonames
 * of the libraries in it, the first folder that has a name winning.
 */
export function libraryCache(tree: Tree, elfs: Map<string, Elf>): Uint8Array {
  const libraries = new Map<string, CachedLibrary>()
  const seen = new Set<string>()
  for (const folder of libraryFolders(tree)) {
    const { path: real } = tree.resolve(folder)
    if (seen.has(real)) continue
    seen.add(real)
    for (const child of tree.children(real)) {
      const name = nameOf(child.path)
      if (!/^(lib|ld-).*\.so/.test(name)) continue
      const elf = elfs.get(tree.resolve(child.path).path)
      if (elf === undefined || elf.bits !== 64 || elf.machine !== MACHINE_X86_64) continue
      const soname = elf.soname ?? name
      // a development link (libx.so → libx.so.1) is no name that programs ask for
      if (name !== soname) continue
      if (!libraries.has(soname))
        libraries.set(soname, { name: soname, path: `/${folder}/${name}`, flags: FLAGS_X86_64 })
    }
  }
  return encodeCache([...libraries.values()])
}
