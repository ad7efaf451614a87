import { UserError } from '#lib/errors.ts'
import type { DirectoryEntry, TreeEntry } from './entry.ts'
import { compileGlob, isGlob } from './glob.ts'

/** How many symbolic links one path may lead through, as in the kernel. */
const LINKS_MAX = 40

/** Where a path leads inside a tree. */
export interface Resolved {
  /** The path without symbolic links. */
  path: string
  /** What is there; undefined when nothing is. */
  entry: TreeEntry | undefined
}

/**
 * A file tree in memory: what will be a file system. Every entry but the root has a folder above it, each path is
 * there once and no path leads through a symbolic link. The order of `list` depends on nothing but the paths.
 */
export class Tree {
  readonly #entries = new Map<string, TreeEntry>()
  readonly #children = new Map<string, Set<string>>()

  /** @param mtime of the root folder, seconds since the epoch */
  constructor(mtime = 0) {
    this.#entries.set('', folder('', { mode: 0o755, mtime, origin: 'orlop' }))
    this.#children.set('', new Set())
  }

  get size(): number {
    return this.#entries.size
  }

  /** The entry at exactly this path; links are not followed. */
  get(path: string): TreeEntry | undefined {
    return this.#entries.get(path)
  }

  has(path: string): boolean {
    return this.#entries.has(path)
  }

  /**
   * Puts an entry, replacing what has its name. Links above it are followed (`bin/ls` lands in `usr/bin/ls` when
   * `bin` is a link to `usr/bin`), missing folders above it are made (root, 0755). Returns the path it landed at.
   *
   * @throws UserError when something above it is no folder, or a folder would be replaced by something else
   */
  put(entry: TreeEntry): string {
    const path = this.landing(entry.path)
    this.#makeFolders(parentOf(path), entry)
    const existing = this.#entries.get(path)
    if (existing?.type === 'directory' && entry.type !== 'directory' && this.children(path).length > 0)
      throw new UserError(
        `${entry.origin} brings ${path} as a ${entry.type} but it is a folder with content (from ${existing.origin})`,
      )
    this.#set(entry.path === path ? entry : { ...entry, path })
    return path
  }

  /** The path at which an entry with this path would land: every link above it followed. */
  landing(path: string): string {
    checkPath(path)
    const above = this.resolve(parentOf(path))
    return above.path === '' ? nameOf(path) : `${above.path}/${nameOf(path)}`
  }

  /**
   * Follows all links in the path, as the kernel would with this tree as the root. A path may lead nowhere: then
   * `entry` is undefined and `path` says where it would be.
   *
   * @throws UserError when links go round in a circle
   */
  resolve(path: string): Resolved {
    const rest = path.split('/').filter(name => name !== '' && name !== '.')
    let at = ''
    let links = 0
    for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
      if (name === '..') {
        at = parentOf(at)
        continue
      }
      const next = at === '' ? name : `${at}/${name}`
      const entry = this.#entries.get(next)
      if (entry?.type !== 'symlink') {
        at = next
        continue
      }
      links += 1
      if (links > LINKS_MAX) throw new UserError(`links in the image go round in a circle at ${path}`)
      if (entry.target.startsWith('/')) at = ''
      rest.unshift(...entry.target.split('/').filter(part => part !== '' && part !== '.'))
    }
    return { path: at, entry: this.#entries.get(at) }
  }

  /** Removes an entry with everything below it; returns whether there was one. */
  remove(path: string): boolean {
    if (path === '') throw new Error('the root of a tree cannot be removed')
    if (!this.#entries.has(path)) return false
    for (const name of [...(this.#children.get(path) ?? [])]) this.remove(`${path}/${name}`)
    this.#entries.delete(path)
    this.#children.delete(path)
    this.#children.get(parentOf(path))?.delete(nameOf(path))
    return true
  }

  /** The paths that match the pattern, sorted. */
  glob(pattern: string): string[] {
    if (!isGlob(pattern)) return this.#entries.has(pattern) ? [pattern] : []
    const glob = compileGlob(pattern)
    return [...this.#entries.keys()].filter(path => path !== '' && glob.test(path)).sort(comparePaths)
  }

  /** Removes all that matches the pattern, with everything below; returns how many entries went. */
  removeGlob(pattern: string): number {
    const before = this.#entries.size
    for (const path of this.glob(pattern)) this.remove(path)
    return before - this.#entries.size
  }

  /** What is directly inside a folder, sorted by name. */
  children(path: string): TreeEntry[] {
    const names = [...(this.#children.get(path) ?? [])].sort(comparePaths)
    return names.map(name => this.#entries.get(path === '' ? name : `${path}/${name}`)!)
  }

  /** Everything, sorted by path, the root first; a folder comes before what is in it. */
  list(): TreeEntry[] {
    return [...this.#entries.values()].sort((a, b) => comparePaths(a.path, b.path))
  }

  #set(entry: TreeEntry): void {
    this.#entries.set(entry.path, entry)
    if (entry.type === 'directory' && !this.#children.has(entry.path))
      this.#children.set(entry.path, new Set())
    if (entry.type !== 'directory') this.#children.delete(entry.path)
    if (entry.path !== '') this.#children.get(parentOf(entry.path))!.add(nameOf(entry.path))
  }

  #makeFolders(path: string, below: TreeEntry): void {
    const existing = this.#entries.get(path)
    if (existing?.type === 'directory') return
    if (existing !== undefined)
      throw new UserError(
        `${below.origin} brings ${below.path} but ${path} is a ${existing.type} (from ${existing.origin})`,
      )
    this.#makeFolders(parentOf(path), below)
    this.#set(folder(path, { mode: 0o755, mtime: below.mtime, origin: below.origin }))
  }
}

/** A folder of root's. */
export function folder(
  path: string,
  attributes: { mode: number; mtime: number; origin: string },
): DirectoryEntry {
  return { type: 'directory', path, uid: 0, gid: 0, ...attributes }
}

/** The path of the folder that holds this one; '' for a name at the top and for the root itself. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? '' : path.slice(0, slash)
}

/** The last name in a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** The order of paths in everything we make: by code units, whatever the locale. */
export function comparePaths(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function checkPath(path: string): void {
  if (path === '') return
  for (const name of path.split('/'))
    if (name === '' || name === '.' || name === '..' || name.includes('\0'))
      throw new UserError(
        `"${path}" is not a path inside an image: no empty, "." or ".." part, no leading slash`,
      )
}
