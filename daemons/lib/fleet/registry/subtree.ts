import type { EtcdNode, KeysResponse } from '../../etcd/types.ts'

const EMPTY: ReadonlyMap<string, string> = new Map()

/**
 * A copy of a directory of the store and all files below it. Files are kept in groups: by the first part of their
 * path within the directory, such as the name of a unit, so that who looks at one unit does not pass all others.
 */
export class Subtree {
  readonly #root: string
  readonly #groups = new Map<string, Map<string, string>>()
  #version = 0

  /** @param root the directory, without a slash at its end */
  constructor(root: string) {
    this.#root = root
  }

  /** Names of the groups that hold a file, in no order. */
  groups(): IterableIterator<string> {
    return this.#groups.keys()
  }

  get size(): number {
    return this.#groups.size
  }

  /** Is another one after each change. */
  get version(): number {
    return this.#version
  }

  /** Files of a group: path within it → value. `''` for a file that is the group itself. */
  group(name: string): ReadonlyMap<string, string> {
    return this.#groups.get(name) ?? EMPTY
  }

  /** Takes a listing in place of everything; undefined is a directory that does not exist. */
  load(directory: EtcdNode | undefined): void {
    this.#version++
    this.#groups.clear()
    if (directory !== undefined) this.#add(directory)
  }

  /**
   * Follows one change.
   *
   * @returns the group it was in, `undefined` when all may have changed
   */
  apply({ action, node }: KeysResponse): string | undefined {
    this.#version++
    const path = this.#relative(node.key)
    const isGone = action === 'delete' || action === 'expire' || action === 'compareAndDelete'
    if (path === undefined || path === '') {
      if (isGone) this.#groups.clear()
      return undefined
    }
    const [group, rest] = split(path)
    if (isGone) this.#remove(group, rest)
    else if (!node.dir) this.#put(group, rest, node.value)
    return group
  }

  #add(node: EtcdNode): void {
    const path = this.#relative(node.key)
    if (!node.dir && path !== undefined && path !== '') {
      const [group, rest] = split(path)
      this.#put(group, rest, node.value)
    }
    for (const child of node.nodes ?? []) this.#add(child)
  }

  #put(group: string, rest: string, value: string): void {
    const files = this.#groups.get(group)
    if (files === undefined) this.#groups.set(group, new Map([[rest, value]]))
    else files.set(rest, value)
  }

  /** A file, or a directory with all in it. */
  #remove(group: string, rest: string): void {
    const files = this.#groups.get(group)
    if (files === undefined) return
    if (rest === '') files.clear()
    else {
      files.delete(rest)
      for (const path of files.keys()) if (path.startsWith(`${rest}/`)) files.delete(path)
    }
    if (files.size === 0) this.#groups.delete(group)
  }

  /** The path within the directory; undefined for one outside, such as a directory above that went as a whole. */
  #relative(key: string): string | undefined {
    if (key === this.#root) return ''
    return key.startsWith(`${this.#root}/`) ? key.slice(this.#root.length + 1) : undefined
  }
}

function split(path: string): [group: string, rest: string] {
  const slash = path.indexOf('/')
  return slash < 0 ? [path, ''] : [path.slice(0, slash), path.slice(slash + 1)]
}
