import { UserError } from '#lib/errors.ts'
import type { PackageContents } from '../deb/unpack.ts'
import { hashOf } from './content.ts'
import type { TreeEntry } from './entry.ts'
import { Tree } from './tree.ts'

/** The package that lays out the root: its folders' owners and modes win, as in an installation. */
const LAYOUT_PACKAGE = 'base-files'

/** Folders at the top which are links into usr, in case no package brings the links themselves. */
const USR_MERGED = ['bin', 'sbin', 'lib', 'lib64']

/**
 * Unpacks packages over each other as dpkg would. Old paths (`bin/x`) land in `usr/bin/x`. Times newer than
 * `mtimeMax` (seconds) are cut to it.
 *
 * @throws UserError when two packages bring different things under one name and neither says that it replaces the other
 */
export function mergePackages(packages: PackageContents[], mtimeMax: number): Tree {
  const tree = new Tree(mtimeMax)
  const byName = new Map(packages.map(contents => [contents.package.name, contents]))
  for (const name of USR_MERGED)
    tree.put({
      type: 'symlink',
      path: name,
      target: `usr/${name}`,
      mode: 0o777,
      uid: 0,
      gid: 0,
      mtime: mtimeMax,
      origin: LAYOUT_PACKAGE,
    })
  const first = packages.filter(contents => contents.package.name === LAYOUT_PACKAGE)
  const others = packages.filter(contents => contents.package.name !== LAYOUT_PACKAGE)
  for (const contents of [...first, ...others])
    for (const entry of contents.entries)
      putChecked(tree, { ...entry, mtime: Math.min(entry.mtime, mtimeMax) }, contents, byName)
  return tree
}

function putChecked(
  tree: Tree,
  entry: TreeEntry,
  from: PackageContents,
  byName: Map<string, PackageContents>,
): void {
  if (entry.path === '') return
  const existing = tree.get(tree.landing(entry.path))
  if (existing === undefined) {
    tree.put(entry)
    return
  }
  if (sameThing(tree, existing, entry)) return
  const owner = byName.get(existing.origin)
  if (owner !== undefined && replaces(owner, from.package.name)) return
  if (owner !== undefined && !replaces(from, owner.package.name))
    throw new UserError(
      `packages ${existing.origin} and ${from.package.name} both bring ${entry.path} and they differ`,
      'leave one of them out of image/packages.json',
    )
  tree.put(entry)
}

/** Whether an entry adds nothing to what is there: the same bytes or link, or a folder where one already is. */
function sameThing(tree: Tree, existing: TreeEntry, entry: TreeEntry): boolean {
  if (entry.type === 'directory')
    return existing.type === 'directory' || tree.resolve(existing.path).entry?.type === 'directory'
  if (existing.type === 'symlink' && entry.type === 'symlink') return existing.target === entry.target
  if (existing.type === 'file' && entry.type === 'file')
    return hashOf(existing.content) === hashOf(entry.content) && existing.mode === entry.mode
  return false
}

/** Whether a package's Replaces field names the other; versions in it are taken as true, apt resolved them. */
function replaces(contents: PackageContents, other: string): boolean {
  const names = (contents.control.Replaces ?? '').split(',').map(item => item.trim().split(/[ (:]/, 1)[0])
  return names.includes(other)
}
