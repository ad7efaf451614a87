import { posix } from 'node:path'
import type { TreeEntry } from '../rootfs/entry.ts'

/** What only people read, and what is large: the tools tree does without. */
const PRUNED =
  /^usr\/share\/(doc|man|locale|info|lintian|bug|bash-completion|zsh|applications|icons|perl5|pixmaps)(\/|$)/
/** Folders that Debian moved below usr. */
const MERGED = /^(bin|sbin|lib|lib32|lib64|libx32)(\/|$)/

/**
 * Lays the packages of the tools out as one tree: path → entry, parents before children. Absolute links are made
 * relative so that they stay within the tree. A later package's file replaces an earlier one's.
 */
export function layOut(packages: readonly { entries: readonly TreeEntry[] }[]): Map<string, TreeEntry> {
  const tree = new Map<string, TreeEntry>()
  for (const { entries } of packages) {
    for (const entry of entries) {
      const path = entry.path.replace(MERGED, 'usr/$&')
      if (
        PRUNED.test(path) ||
        (MERGED.test(entry.path) && entry.type === 'symlink' && !entry.path.includes('/'))
      )
        continue
      if (entry.type === 'character' || entry.type === 'block') continue
      if (entry.type === 'directory' && tree.has(path)) continue
      tree.set(
        path,
        entry.type === 'symlink'
          ? { ...entry, path, target: relativeTarget(path, entry.target) }
          : { ...entry, path },
      )
    }
  }
  return new Map([...tree].sort(([a], [b]) => (a < b ? -1 : 1)))
}

function relativeTarget(path: string, target: string): string {
  if (!target.startsWith('/')) return target
  const inTree = target.slice(1).replace(MERGED, 'usr/$&')
  return posix.relative(posix.dirname(path), inTree)
}
