import type { DirectoryEntry, FileEntry, SymlinkEntry, TreeEntry } from './entry.ts'
import { Tree } from './tree.ts'

/** A file for tests. */
export function file(
  path: string,
  content: string | Uint8Array = '',
  more: Partial<FileEntry> = {},
): FileEntry {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  return {
    type: 'file',
    path,
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: 1,
    origin: 'test',
    content: { kind: 'bytes', bytes },
    ...more,
  }
}

/** A symbolic link for tests. */
export function link(path: string, target: string, more: Partial<SymlinkEntry> = {}): SymlinkEntry {
  return { type: 'symlink', path, target, mode: 0o777, uid: 0, gid: 0, mtime: 1, origin: 'test', ...more }
}

/** A folder for tests. */
export function directory(path: string, more: Partial<DirectoryEntry> = {}): DirectoryEntry {
  return { type: 'directory', path, mode: 0o755, uid: 0, gid: 0, mtime: 1, origin: 'test', ...more }
}

/** A tree of these entries. */
export function treeOf(...entries: TreeEntry[]): Tree {
  const tree = new Tree()
  for (const entry of entries) tree.put(entry)
  return tree
}
