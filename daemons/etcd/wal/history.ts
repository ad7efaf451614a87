import type { Entry, HardState } from '../raft/types.ts'
import type { Head, Identity, Mark, RecordVisitor } from './record.ts'

/** What the log says, as Raft wants it at a start. */
export interface Contents {
  identity: Identity
  /** Its commit is at least the snapshot's index and at most that of the last entry. */
  hardState: HardState
  /** Behind the snapshot, without gaps. */
  entries: Entry[]
}

/** Records contradict one another. */
export class HistoryError extends Error {}

/** The log does not go with the snapshot that its reader has; an other one may. */
export class MarkError extends Error {}

/**
 * Folds records into what they mean. An entry replaces the one of its index and all behind it: a follower whose
 * entries contradicted the leader's has written the leader's after its own.
 */
export class History implements RecordVisitor {
  readonly #after: Mark
  #identity: Identity | undefined
  #hardState: HardState = { term: 0, vote: '', commit: 0 }
  #entries: Entry[] = []
  /** Of the last entry that was seen at the snapshot's index; -1 before. */
  #termAtSnapshot = -1
  #marked = false
  #lastIndex = 0
  #heads = 0
  #segment = 0

  /** @param after the snapshot that the reader has; index 0 when none */
  constructor(after: Mark) {
    this.#after = after
    if (after.index === 0) {
      this.#marked = true
      this.#termAtSnapshot = 0
    }
  }

  /** Of the last record: never lower than that of the last entry. What the name of the next segment is made of. */
  get lastIndex(): number {
    return this.#lastIndex
  }

  get identity(): Identity | undefined {
    return this.#identity
  }

  get lastHardState(): HardState {
    return this.#hardState
  }

  /** How many heads there were: one at the start of each segment. */
  get heads(): number {
    return this.#heads
  }

  /** Of the last head. */
  get segment(): number {
    return this.#segment
  }

  head(head: Head): void {
    const { member, cluster } = head.identity
    if (member === '' || cluster === '') throw new HistoryError('the segment names no member or no cluster')
    if (this.#identity !== undefined) {
      if (member !== this.#identity.member || cluster !== this.#identity.cluster)
        throw new HistoryError(`the segment belongs to member ${member} of cluster ${cluster}`)
      if (head.lastIndex !== this.#lastIndex)
        throw new HistoryError(
          `the segment follows index ${head.lastIndex}, the log ends at ${this.#lastIndex}`,
        )
    }
    this.#identity = head.identity
    this.#hardState = head.hardState
    this.#lastIndex = head.lastIndex
    this.#heads += 1
    this.#segment = head.segment
  }

  hardState(state: HardState): void {
    this.#hardState = state
  }

  entry(entry: Entry): void {
    this.#lastIndex = entry.index
    const { index } = this.#after
    if (entry.index <= index) {
      this.#entries.length = 0
      if (entry.index === index) this.#termAtSnapshot = entry.term
      return
    }
    const place = entry.index - index - 1
    if (place > 0 && this.#entries.length === 0)
      throw new MarkError(`the log begins at entry ${entry.index}, behind the snapshot at ${index}`)
    if (place > this.#entries.length)
      throw new HistoryError(`entry ${entry.index} follows entry ${index + this.#entries.length}`)
    this.#entries.length = place
    this.#entries.push(entry)
  }

  mark(mark: Mark): void {
    this.#lastIndex = Math.max(this.#lastIndex, mark.index)
    if (mark.index !== this.#after.index || mark.term !== this.#after.term) return
    this.#marked = true
    // A snapshot that came from the leader, and contradicts what was here: nothing of that is left.
    if (this.#termAtSnapshot !== mark.term) this.#entries.length = 0
    this.#termAtSnapshot = mark.term
  }

  /**
   * What all of it comes to.
   *
   * @throws MarkError when the log does not go with the snapshot; HistoryError when it contradicts itself
   */
  contents(): Contents {
    const { term, index } = this.#after
    if (this.#identity === undefined) throw new HistoryError('the log has no head')
    // A snapshot taken here whose mark was not written before the crash is as good: its entries are all here.
    const isOwn = this.#termAtSnapshot === term && this.#hardState.commit >= index
    if (!this.#marked && !isOwn)
      throw new MarkError(`the log knows nothing of a snapshot at index ${index} of term ${term}`)
    const last = index + this.#entries.length
    const { commit } = this.#hardState
    if (commit > last)
      throw new MarkError(`entries up to ${commit} were committed, the log has them up to ${last}`)
    const hardState = { ...this.#hardState, commit: Math.max(commit, index) }
    return { identity: this.#identity, hardState, entries: this.#entries }
  }
}
