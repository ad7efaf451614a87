import type { Inspection } from '../subject.ts'

/** One entry as a checker remembers it. */
export interface Seen {
  term: number
  hash: number
}

/** What one look at a log has shown. */
export interface Changes {
  /** The first index that is new or other than before; behind the last one when nothing is. */
  from: number
  /** Entries were replaced that stood there before. */
  replaced: boolean
}

/** What a checker remembers of the log of one member: all that it held at the last look. */
export class Shadow {
  /** The entry of index i stands at i − start − 1. */
  #entries: Seen[] = []
  start = 0
  startTerm = 0
  durable = 0

  get last(): number {
    return this.start + this.#entries.length
  }

  /** Undefined outside of what it knows. */
  at(index: number): Seen | undefined {
    return this.#entries[index - this.start - 1]
  }

  termAt(index: number): number | undefined {
    return index === this.start ? this.startTerm : this.at(index)?.term
  }

  /**
   * Takes up what has changed. It looks back from the end to where the terms agree; with `whole` at every entry.
   */
  update(now: Inspection, whole: boolean): Changes {
    if (now.snapshotIndex > this.last || now.snapshotIndex < this.start) {
      this.#restart(now.snapshotIndex, now.snapshotTerm)
    } else if (now.snapshotIndex > this.start) {
      this.#entries = this.#entries.slice(now.snapshotIndex - this.start)
      this.start = now.snapshotIndex
      this.startTerm = now.snapshotTerm
    }
    let same = Math.min(this.last, now.lastIndex)
    const before = this.last
    while (same > this.start && this.#differs(now, same)) same -= 1
    if (whole)
      for (let index = this.start + 1; index <= same; index++) if (this.#differs(now, index)) same = index - 1
    this.#entries.length = same - this.start
    for (let index = same + 1; index <= now.lastIndex; index++)
      this.#entries.push({ term: now.termAt(index), hash: now.hashAt(index) })
    this.durable = now.durableIndex
    return { from: same + 1, replaced: same < before }
  }

  #differs(now: Inspection, index: number): boolean {
    const { term, hash } = this.at(index)!
    return now.termAt(index) !== term || now.hashAt(index) !== hash
  }

  #restart(index: number, term: number): void {
    this.#entries = []
    this.start = index
    this.startTerm = term
  }
}
