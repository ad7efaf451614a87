import { type Node, viewOfDirectory } from './node.ts'

/** What happened, as it stands on the wire. */
export type Action =
  | 'get'
  | 'set'
  | 'create'
  | 'update'
  | 'delete'
  | 'compareAndSwap'
  | 'compareAndDelete'
  | 'expire'

/** A change of the store: result of an operation, part of the history, and what watchers are told. Never changes. */
export class Event {
  readonly action: Action
  /** Where it happened, with the prefix. */
  readonly path: string
  /** The index it took. */
  readonly index: number
  /** After the change. */
  readonly node: Node
  /** Before it; undefined when there was nothing. */
  readonly prevNode: Node | undefined
  /** Only the time of expiry was renewed: kept in the history, told to nobody. */
  readonly refresh: boolean
  /** Its JSON as bytes once somebody wanted them: one for all watchers. Owned by render.ts. */
  bytes: Buffer | undefined

  constructor(
    action: Action,
    path: string,
    index: number,
    node: Node,
    prevNode: Node | undefined,
    refresh: boolean,
  ) {
    this.action = action
    this.path = path
    this.index = index
    this.node = node
    this.prevNode = prevNode
    this.refresh = refresh
    this.bytes = undefined
  }
}

/** A node as an event may keep it: files as they are, directories without what is in them. */
export function viewOf(node: Node): Node {
  if (node.children === undefined) return node
  return viewOfDirectory(node.createdIndex, node.modifiedIndex, node.due)
}

/** HTTP status of a successful change (specification §2). */
export function statusOfEvent(event: Event): number {
  const isNew = event.action === 'create' || (event.action === 'set' && event.prevNode === undefined)
  return isNew ? 201 : 200
}
