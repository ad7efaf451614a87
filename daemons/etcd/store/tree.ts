import assert from 'node:assert'
import { KEY_NOT_FOUND, NOT_A_DIRECTORY, StoreError } from './errors.ts'
import { type Due, ExpiryQueue } from './expiry.ts'
import { type Node, newDirectory } from './node.ts'

/** Who must see what changes, before it does, while the tree is being saved. */
export interface Saver {
  /** A node at `path` is about to leave the tree, alone or with what is in it, or to be replaced. */
  beforeLeave(path: string, node: Node): void
  /** A directory is about to get another time of expiry. */
  beforeDue(directory: Node): void
}

/** The nodes by path and what of them expires. It knows places, not the rules of operations. */
export class Tree {
  readonly root: Node
  readonly expiries = new ExpiryQueue()
  /** Undefined while nobody saves the tree. */
  saver: Saver | undefined = undefined
  /** How often it was saved: each time has a number. */
  saves = 0

  constructor() {
    this.root = newDirectory(0, 0, undefined)
  }

  /** The node at a clean path, undefined when there is none. */
  find(path: string): Node | undefined {
    if (path.length === 1) return this.root
    let node = this.root
    let start = 1
    for (;;) {
      const end = path.indexOf('/', start)
      const name = end < 0 ? path.slice(start) : path.slice(start, end)
      const child = node.children?.get(name)
      if (child === undefined || end < 0) return child
      node = child
      start = end + 1
    }
  }

  /** Why `find` found nothing: the first element that is missing, or the file that is in the way. */
  explain(path: string, index: number): StoreError {
    let node = this.root
    for (let start = 1; ; ) {
      const end = path.indexOf('/', start)
      const to = end < 0 ? path.length : end
      const child = node.children?.get(path.slice(start, to))
      if (child === undefined) return new StoreError(KEY_NOT_FOUND, path.slice(0, to), index)
      assert(end >= 0, 'it is not there')
      if (child.children === undefined) return new StoreError(NOT_A_DIRECTORY, path.slice(0, to), index)
      node = child
      start = end + 1
    }
  }

  /**
   * The directory that a path is in, made with all those above it where they are missing.
   *
   * @returns the StoreError of `explain` when a file is in the way; then nothing was made
   */
  makeParent(path: string, index: number, nextIndex: number): Node | StoreError {
    let node = this.root
    let start = 1
    for (;;) {
      const end = path.indexOf('/', start)
      if (end < 0) return node
      const name = path.slice(start, end)
      let child = node.children!.get(name)
      if (child === undefined) {
        child = newDirectory(nextIndex, nextIndex, undefined)
        node.children!.set(name, child)
      } else if (child.children === undefined) {
        return new StoreError(NOT_A_DIRECTORY, path.slice(0, end), index)
      }
      node = child
      start = end + 1
    }
  }

  /** Puts a node called `name` into `parent`, in place of `old` where there was one. */
  put(parent: Node, path: string, name: string, node: Node, old: Node | undefined): void {
    if (old !== undefined) {
      if (this.saver !== undefined) this.saver.beforeLeave(path, old)
      this.expiries.remove(old.due)
    }
    parent.children!.set(name, node)
    if (node.due !== undefined) this.expiries.add(node.due)
  }

  /** Gives a directory another time of expiry; files get theirs with a new node. */
  setDue(directory: Node, due: Due | undefined): void {
    assert(directory.children !== undefined, 'it is a directory')
    if (this.saver !== undefined) this.saver.beforeDue(directory)
    this.expiries.remove(directory.due)
    directory.due = due
    if (due !== undefined) this.expiries.add(due)
  }

  /** Removes a node with all that is in it. */
  remove(path: string, node: Node): void {
    const parent = this.parentOf(path)
    assert(parent.children!.get(nameOf(path)) === node, 'it is in the tree')
    parent.children!.delete(nameOf(path))
    this.#forget(path, node)
    if (node.children !== undefined) this.#clear(path, node)
  }

  /** The directory of a path that exists. */
  parentOf(path: string): Node {
    const end = path.lastIndexOf('/')
    const parent = end === 0 ? this.root : this.find(path.slice(0, end))
    assert(parent?.children !== undefined, 'what is in the tree is in a directory')
    return parent
  }

  /** Empties a directory that left the tree, level by level: its depth is the user's choice, the stack is not. */
  #clear(path: string, directory: Node): void {
    const left: [string, Node][] = [[path, directory]]
    for (let item = left.pop(); item !== undefined; item = left.pop()) {
      const [above, { children }] = item
      for (const [name, child] of children!) {
        // Only a saver wants to know the paths.
        const below = this.saver === undefined ? '' : `${above}/${name}`
        this.#forget(below, child)
        if (child.children !== undefined) left.push([below, child])
      }
      // The history may hold the directory for long; it shall not hold what was in it.
      children!.clear()
    }
  }

  #forget(path: string, node: Node): void {
    if (this.saver !== undefined) this.saver.beforeLeave(path, node)
    this.expiries.remove(node.due)
  }
}

/** The last element of a path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
