import assert from 'node:assert'
import { ByteWriter } from './bytes.ts'
import type { Event } from './event.ts'
import type { Due } from './expiry.ts'
import type { Node } from './node.ts'
import * as records from './records.ts'
import type { StoreState } from './store.ts'
import { nameOf, type Saver, type Tree } from './tree.ts'

/** A chunk ends when it has so many bytes, or has looked at so many nodes and events. */
const CHUNK_BYTES = 64 * 1024
const CHUNK_STEPS_MAX = 2000

/** Something that left the tree before it was its turn. */
interface Gone {
  path: string
  node: Node
}

/** A directory that is being walked. */
interface Level {
  name: string
  node: Node
  children: Iterator<[string, Node]>
}

/**
 * Writes the store as it is now, chunk by chunk, while operations go on. Nothing is copied in advance:
 *
 * 1. A file never changes, and every change has a higher index than all before. So a node of the tree belongs to the
 *    snapshot if its modifiedIndex is not above the index at which the snapshot began; newer ones are passed over.
 * 2. The walk uses the live maps. What was put in or taken out behind or before it does not disturb it.
 * 3. What belongs to the snapshot and has not been written is noted when it leaves the tree, once: the node holds the
 *    number of the snapshot that has it. The notes are written after the walk.
 * 4. Of a directory only the time of expiry changes in place; the first old one is noted.
 *
 * So an operation pays a comparison for each node it replaces or removes, and memory grows by what is removed at most.
 */
export class SnapshotWriter implements Saver {
  readonly index: number
  readonly #tree: Tree
  readonly #number: number
  readonly #history: readonly Event[]
  readonly #out = new ByteWriter(2 * CHUNK_BYTES)
  readonly #oldDues = new Map<Node, Due | undefined>()
  readonly #gone: Gone[] = []
  readonly #levels: Level[] = []
  #step: 'begin' | 'walk' | 'gone' | 'history' | 'done' = 'begin'
  #written = 0
  /** Place in what `#step` goes through. */
  #at = 0

  /** Begins at the present state; only one may be under way. */
  constructor(state: StoreState) {
    assert(state.tree.saver === undefined, 'one snapshot at a time')
    this.index = state.index
    this.#tree = state.tree
    this.#tree.saves += 1
    this.#number = this.#tree.saves
    this.#tree.saver = this
    this.#history = state.history.list()
  }

  /** The next chunk, undefined after the last. All chunks one after the other are the snapshot. */
  next(): Buffer | undefined {
    if (this.#step === 'done') return undefined
    const out = this.#out
    for (let byte = 0; byte < records.FRAME_HEADER_BYTES; byte++) out.byte(0)
    for (let steps = 0; steps < CHUNK_STEPS_MAX && out.length < CHUNK_BYTES; steps++) {
      if (!this.#advance()) break
    }
    const chunk = out.take()
    chunk.writeUInt32LE(chunk.length - records.FRAME_HEADER_BYTES, 0)
    return chunk
  }

  /** Gives up; the tree no longer minds it. */
  abandon(): void {
    this.#step = 'done'
    if (this.#tree.saver === this) this.#tree.saver = undefined
  }

  beforeLeave(path: string, node: Node): void {
    if (!this.#owes(node)) return
    node.savedBy = this.#number
    this.#gone.push({ path, node })
  }

  beforeDue(directory: Node): void {
    if (this.#owes(directory) && !this.#oldDues.has(directory)) this.#oldDues.set(directory, directory.due)
  }

  #owes(node: Node): boolean {
    return node.savedBy !== this.#number && node.modifiedIndex <= this.index
  }

  /** Writes one thing; false after the last. */
  #advance(): boolean {
    switch (this.#step) {
      case 'begin':
        this.#begin()
        return true
      case 'walk':
        this.#walk()
        return true
      case 'gone':
        this.#writeGone()
        return true
      case 'history':
        return this.#writeHistory()
      case 'done':
        return false
    }
  }

  #begin(): void {
    this.#out.byte(records.TAG_BEGIN)
    this.#out.text(records.SNAPSHOT_MAGIC)
    this.#out.varint(this.index)
    this.#levels.push({ name: '', node: this.#tree.root, children: this.#tree.root.children!.entries() })
    this.#step = 'walk'
  }

  #walk(): void {
    const level = this.#levels.at(-1)
    if (level === undefined) {
      // All that belongs to it is written or noted.
      this.#tree.saver = undefined
      this.#sortGone()
      this.#step = 'gone'
      return
    }
    const { done, value } = level.children.next()
    if (done === true) {
      this.#levels.pop()
      if (this.#levels.length > 0) this.#out.byte(records.TAG_LEAVE)
      return
    }
    const [name, node] = value
    if (!this.#owes(node)) return
    node.savedBy = this.#number
    this.#writeNode(name, node)
    if (node.children !== undefined) this.#levels.push({ name, node, children: node.children.entries() })
  }

  /** Directories first, those above before those below, so that the reader has a place for each node. */
  #sortGone(): void {
    const rank = ({ path, node }: Gone): number => (node.children === undefined ? Infinity : path.length)
    this.#gone.sort((a, b) => {
      const [left, right] = [rank(a), rank(b)]
      return left === right ? 0 : left - right
    })
  }

  #writeGone(): void {
    const item = this.#gone[this.#at++]
    if (item === undefined) {
      this.#gone.length = 0
      this.#at = 0
      this.#step = 'history'
      return
    }
    const { path, node } = item
    this.#out.byte(records.TAG_AT)
    this.#out.text(path.slice(0, path.lastIndexOf('/')) || '/')
    this.#writeNode(nameOf(path), node)
  }

  #writeHistory(): boolean {
    const event = this.#history[this.#at++]
    if (event !== undefined) {
      this.#out.byte(records.TAG_EVENT)
      records.writeEvent(this.#out, event)
      return true
    }
    this.#out.byte(records.TAG_END)
    this.#out.varint(this.#written)
    this.#step = 'done'
    return false
  }

  #writeNode(name: string, node: Node): void {
    this.#written += 1
    this.#out.byte(node.children === undefined ? records.TAG_FILE : records.TAG_ENTER)
    this.#out.text(name)
    const due = this.#oldDues.has(node) ? this.#oldDues.get(node) : node.due
    records.writeNode(this.#out, node, due)
  }
}
