import type { Entry, SnapshotMeta } from '../../../daemons/etcd/raft/types.ts'
import { hashBytes, mix } from '../world/random.ts'

interface Line {
  term: number
  hash: number
  /** The write that made this very line has been reported as durable. */
  durable: boolean
}

/** A write under way: the lines that it makes durable, and the index of a snapshot that came with it, or 0. */
export interface Write {
  readonly lines: readonly Line[]
  readonly snapshotIndex: number
}

/**
 * The log of a member as its host was told to save it: terms, hashes, and which lines are durable. A line that is
 * replaced and put back is another line, so that a late sync makes nothing durable that is not.
 */
export class Mirror {
  #lines: Line[] = []
  snapshotIndex = 0
  snapshotTerm = 0
  /** Lines up to here are durable. */
  durableIndex = 0
  /** Of a snapshot that is not durable yet, or 0. An older write that becomes durable does not make it so. */
  #snapshotUnderWay = 0

  constructor(start: SnapshotMeta | undefined, entries: readonly Entry[]) {
    this.snapshotIndex = start?.index ?? 0
    this.snapshotTerm = start?.term ?? 0
    this.durable({ lines: this.#take(entries), snapshotIndex: 0 })
    this.durableIndex = this.lastIndex
  }

  get lastIndex(): number {
    return this.snapshotIndex + this.#lines.length
  }

  /** Takes what is to be saved; give the result to `durable` when it is. */
  save(snapshot: SnapshotMeta | undefined, entries: readonly Entry[]): Write {
    if (snapshot !== undefined) {
      this.#lines = []
      this.snapshotIndex = snapshot.index
      this.snapshotTerm = snapshot.term
      this.durableIndex = 0
      this.#snapshotUnderWay = snapshot.index
    }
    return { lines: this.#take(entries), snapshotIndex: snapshot?.index ?? 0 }
  }

  /** These lines are durable now, and a snapshot that came with them. */
  durable(write: Write): void {
    for (const line of write.lines) line.durable = true
    if (write.snapshotIndex === this.#snapshotUnderWay) this.#snapshotUnderWay = 0
    if (this.#snapshotUnderWay !== 0) return
    let index = Math.max(this.durableIndex, this.snapshotIndex)
    while (index < this.lastIndex && this.#lines[index - this.snapshotIndex]!.durable) index += 1
    this.durableIndex = index
  }

  /** Forgets the lines up to `index`. */
  compact(index: number): void {
    if (index <= this.snapshotIndex || index > this.lastIndex) return
    this.snapshotTerm = this.termAt(index)
    this.#lines = this.#lines.slice(index - this.snapshotIndex)
    this.snapshotIndex = index
  }

  /**
   * How far a commit of the core can be looked at here. While many writes are under way the core has entries that were
   * not given out yet, and where they are to stand there may still be those that they replace.
   */
  commitAt(commit: number, termOf: (index: number) => number): number {
    let index = Math.min(commit, this.lastIndex)
    while (index > this.snapshotIndex && this.termAt(index) !== termOf(index)) index -= 1
    return index
  }

  termAt(index: number): number {
    return index === this.snapshotIndex ? this.snapshotTerm : this.#line(index).term
  }

  hashAt(index: number): number {
    return this.#line(index).hash
  }

  #take(entries: readonly Entry[]): readonly Line[] {
    const first = entries[0]
    if (first === undefined) return []
    this.#lines.length = Math.min(this.#lines.length, first.index - this.snapshotIndex - 1)
    this.durableIndex = Math.min(this.durableIndex, first.index - 1)
    const write: Line[] = []
    for (const { term, index, type, data } of entries) {
      if (index !== this.lastIndex + 1)
        throw new Error(`entry ${index} is to be saved behind ${this.lastIndex}`)
      const line = { term, hash: mix(hashBytes(data), type === 'normal' ? 1 : 2), durable: false }
      this.#lines.push(line)
      write.push(line)
    }
    return write
  }

  #line(index: number): Line {
    const line = this.#lines[index - this.snapshotIndex - 1]
    if (line === undefined)
      throw new Error(`entry ${index} is not in a log from ${this.snapshotIndex} to ${this.lastIndex}`)
    return line
  }
}
