import type { Due } from './expiry.ts'

/** No expiry, where a time in milliseconds is expected. */
export const PERMANENT = 0
/** Children of a directory as events show it: never any. */
const NO_CHILDREN: Map<string, Node> = new Map()

/** Whether a value needs escaping in JSON: found out when it is first rendered, and kept. */
export const UNKNOWN = 0
export const PLAIN = 1
export const SPECIAL = 2

/**
 * A file or a directory; also what an event tells of one. Both have one shape, so that the engine sees one.
 *
 * Invariants:
 * 1. A file never changes: whoever writes it puts a new Node in its place, with a higher modifiedIndex. Events, history
 *    and snapshots may therefore hold it without copying.
 * 2. Of a directory only `children` and `due` change, never an index.
 * 3. `due` of a node in the tree is in the queue of expiries; of a node that was replaced it is out of the queue and
 *    says what the node had.
 */
export class Node {
  /** A file's value; undefined for directories, and in events that tell what is gone. */
  readonly value: string | undefined
  /** A directory's children by name; undefined for files. */
  readonly children: Map<string, Node> | undefined
  readonly createdIndex: number
  readonly modifiedIndex: number
  /** When it expires; undefined when it is permanent. */
  due: Due | undefined
  /** UNKNOWN, PLAIN or SPECIAL. */
  spelling: number
  /** The number of the last snapshot that has it. */
  savedBy: number

  constructor(
    value: string | undefined,
    children: Map<string, Node> | undefined,
    createdIndex: number,
    modifiedIndex: number,
    due: Due | undefined,
  ) {
    this.value = value
    this.children = children
    this.createdIndex = createdIndex
    this.modifiedIndex = modifiedIndex
    this.due = due
    this.spelling = UNKNOWN
    this.savedBy = 0
  }
}

/** A new file. */
export function newFile(value: string, created: number, modified: number, due: Due | undefined): Node {
  return new Node(value, undefined, created, modified, due)
}

/** A new directory without children. */
export function newDirectory(created: number, modified: number, due: Due | undefined): Node {
  return new Node(undefined, new Map(), created, modified, due)
}

/** What an event tells of a directory: no children, and perhaps another index than the tree keeps. */
export function viewOfDirectory(created: number, modified: number, due: Due | undefined): Node {
  return new Node(undefined, NO_CHILDREN, created, modified, due)
}

/** What an event tells of a node that is gone: neither value nor expiry. */
export function viewOfGone(node: Node, index: number): Node {
  return new Node(undefined, node.children && NO_CHILDREN, node.createdIndex, index, undefined)
}
