import type { FileEntry, SymlinkEntry } from './entry.ts'
import type { Tree } from './tree.ts'

/** Puts things that the builder makes itself: owned by root, with one time. */
export class Maker {
  readonly tree: Tree
  readonly mtime: number

  constructor(tree: Tree, mtime: number) {
    this.tree = tree
    this.mtime = mtime
  }

  file(path: string, content: string | Uint8Array, attributes: Partial<FileEntry> = {}): void {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content
    this.tree.put({
      ...this.#base(path, 0o644),
      type: 'file',
      content: { kind: 'bytes', bytes },
      ...attributes,
    })
  }

  link(path: string, target: string, attributes: Partial<SymlinkEntry> = {}): void {
    this.tree.put({ ...this.#base(path, 0o777), type: 'symlink', target, ...attributes })
  }

  /** A folder; of one that is there already the attributes are set and the content stays. */
  directory(path: string, mode = 0o755, owner: { uid: number; gid: number } = { uid: 0, gid: 0 }): void {
    this.tree.put({ ...this.#base(path, mode), type: 'directory', ...owner })
  }

  #base(path: string, mode: number) {
    return { path, mode, uid: 0, gid: 0, mtime: this.mtime, origin: 'orlop' }
  }
}
