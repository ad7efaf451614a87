import { UserError } from '#lib/errors.ts'
import { withReader } from '../rootfs/content.ts'
import { readElf } from '../rootfs/elf.ts'
import type { FileEntry } from '../rootfs/entry.ts'
import type { Tree } from '../rootfs/tree.ts'

/** Where the loader looks without a cache; the initrd has none. */
const LIBRARY_FOLDERS = ['usr/lib/x86_64-linux-gnu', 'usr/lib']

/** A file of the root under the path at which the loader will look for it. */
export interface Needed {
  path: string
  file: FileEntry
}

/**
 * Programs of the root file system with the loader and every library that they name, in a form that works where
 * there is nothing else: no links between library names, no loader cache.
 */
export function programsWithLibraries(root: Tree, programs: string[]): Needed[] {
  const found = new Map<string, FileEntry>()
  const queue = programs.map(path => ({ path, file: fileAt(root, path, 'the initrd') }))
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const { path, file } = next
    if (found.has(path)) continue
    found.set(path, file)
    const elf = withReader(file.content, readElf)
    if (elf === undefined)
      throw new UserError(`${file.path} (from ${file.origin}) is not a program that the initrd can run`)
    if (elf.interpreter !== undefined) {
      // /lib64/ld-linux-…: the initrd has the same links at the top as the root.
      queue.push({
        path: elf.interpreter.replace(/^\/(lib\w*)\//, 'usr/$1/'),
        file: fileAt(root, elf.interpreter, path),
      })
    }
    for (const name of elf.needed) {
      const folder = LIBRARY_FOLDERS.find(
        candidate => root.resolve(`${candidate}/${name}`).entry?.type === 'file',
      )
      if (folder === undefined)
        throw new UserError(`${path} in the initrd needs ${name}, which the root does not have`)
      queue.push({ path: `${folder}/${name}`, file: fileAt(root, `${folder}/${name}`, path) })
    }
  }
  return [...found].map(([path, file]) => ({ path, file })).sort((a, b) => (a.path < b.path ? -1 : 1))
}

function fileAt(root: Tree, path: string, neededBy: string): FileEntry {
  const entry = root.resolve(path).entry
  if (entry?.type === 'file') return entry
  throw new UserError(
    `${neededBy} needs ${path}, which the root file system does not have`,
    'see group root in image/packages.json',
  )
}
