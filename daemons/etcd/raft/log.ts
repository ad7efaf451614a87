import { invariant } from './assert.ts'
import type { Entry, Snapshot, SnapshotMeta } from './types.ts'
import { Writes } from './writes.ts'

/** The term of an index that the log does not know; equal to none. */
export const NO_TERM = -1

/** What an entry counts for beside its data, in bytes: without it, empty entries would know no bound. */
export const ENTRY_OVERHEAD_BYTES = 32

/** What an entry counts for where a bound in bytes is named. */
export function entryBytes(entry: Entry): number {
  return entry.data.length + ENTRY_OVERHEAD_BYTES
}

/** What all of them count for. */
export function entriesBytes(entries: readonly Entry[]): number {
  let bytes = 0
  for (const entry of entries) bytes += entryBytes(entry)
  return bytes
}

/**
 * The log in memory since the last compaction, with the marks of what has become of it.
 *
 *     offset         applied  handed  committed            last
 *       │              │        │        │                   │
 *   ────┤ 8 │ 9 │ 10 │ 11 │ 12 │ 13 │ 14 │ 15 │ 16 │ 17 │ 18 │
 *                                │                  │
 *                              stable             taken
 *
 * Invariants: offset ≤ applied ≤ handed ≤ committed ≤ last; handed ≤ stable once a snapshot is durable;
 * stable ≤ taken ≤ last. Committed entries never change. Only the methods change the marks.
 */
export class Log {
  #entries: Entry[]
  #offset: number
  #offsetTerm: number
  #snapshot: Snapshot | undefined
  readonly #writes = new Writes()
  /** Never lost any more. */
  committed: number
  /** Given to the host to be applied. */
  handed: number
  /** Applied, as the host says. */
  applied: number
  /** Given to the host to be made durable. */
  taken: number
  /** Durable on this member. */
  stable: number

  /** A log as the disk has it: `entries` follow `start` without a gap. */
  constructor(
    start: SnapshotMeta | undefined,
    entries: readonly Entry[],
    committed: number,
    applied: number,
  ) {
    this.#offset = start?.index ?? 0
    this.#offsetTerm = start?.term ?? 0
    this.#entries = [...entries]
    let [index, term] = [this.#offset, this.#offsetTerm]
    for (const entry of entries) {
      index += 1
      invariant(entry.index === index, `the log has entry ${entry.index} where ${index} must stand`)
      invariant(entry.term >= term, `entry ${index} is of term ${entry.term}, the one before of ${term}`)
      term = entry.term
    }
    // The hard state may be older than the snapshot: its commit is a hint only.
    this.committed = Math.max(committed, this.#offset)
    invariant(this.committed <= index, `entry ${committed} was committed, the log ends with ${index}`)
    this.applied = Math.max(applied, this.#offset)
    invariant(this.applied <= this.committed, `entry ${applied} was applied, ${committed} committed`)
    this.handed = this.applied
    this.taken = index
    this.stable = index
  }

  /** Index of the first entry that is still here, or would be. */
  get first(): number {
    return this.#offset + 1
  }

  get last(): number {
    return this.#offset + this.#entries.length
  }

  get lastTerm(): number {
    return this.termOf(this.last)
  }

  /** Whether an installed snapshot is not durable yet. */
  get installing(): boolean {
    return this.stable < this.#offset
  }

  /** How many writes are under way. */
  get writing(): number {
    return this.#writes.count
  }

  /** The write that was taken last. */
  get latestWrite(): number {
    return this.#writes.latest
  }

  /** The term of an entry or of the place before the first; `NO_TERM` for what the log does not know. */
  termOf(index: number): number {
    const at = index - this.#offset
    if (at === 0) return this.#offsetTerm
    return at < 0 || at > this.#entries.length ? NO_TERM : this.#entries[at - 1]!.term
  }

  matches(index: number, term: number): boolean {
    return this.termOf(index) === term
  }

  /** Whether a log that ends so holds all that this one may have committed (paper, 5.4.1). */
  isUpToDate(index: number, term: number): boolean {
    const own = this.lastTerm
    return term > own || (term === own && index >= this.last)
  }

  /**
   * The entries from `from` to `to`, both included, until their bytes pass the bound; one comes always. What is shared
   * is the entries, not the array.
   */
  slice(from: number, to: number, bytesMax: number): Entry[] {
    invariant(from > this.#offset && to <= this.last, `entries ${from} to ${to} are not in the log`)
    let bytes = 0
    let end = from - 1
    while (end < to) {
      bytes += entryBytes(this.#entries[end - this.#offset]!)
      if (bytes > bytesMax && end >= from) break
      end += 1
    }
    return this.#entries.slice(from - this.#offset - 1, end - this.#offset)
  }

  /** The last change of members among the entries behind `after` up to `to`; 0 when there is none. */
  lastChange(after: number, to: number): number {
    for (let index = to; index > after; index--) {
      if (this.#entries[index - this.#offset - 1]!.type === 'config') return index
    }
    return 0
  }

  /** What the entries behind `after` up to `to` count for. */
  bytesOf(after: number, to: number): number {
    let bytes = 0
    for (let index = after + 1; index <= to; index++)
      bytes += entryBytes(this.#entries[index - this.#offset - 1]!)
    return bytes
  }

  /** Where the logs can agree at best, given that the other has `term` at `index`: skips whole terms of ours. */
  agreement(index: number, term: number): number {
    let at = Math.min(index, this.last)
    while (at > this.#offset && this.termOf(at) > term) at -= 1
    return at
  }

  /** One more entry at the end. */
  append(entry: Entry): void {
    invariant(entry.index === this.last + 1, `entry ${entry.index} cannot follow ${this.last}`)
    this.#entries.push(entry)
  }

  /**
   * Takes a leader's entries that follow `index`; where ours contradict them, ours go, with all behind them (paper,
   * 5.3). Entries that are there already stay, so that a late message removes nothing.
   *
   * @param keepConflict the planted bug of that name
   * @returns up to where the logs agree now, or `NO_TERM` when they do not agree at `index`
   */
  merge(index: number, term: number, entries: readonly Entry[], keepConflict: boolean): number {
    if (!this.matches(index, term)) return NO_TERM
    for (const entry of entries) {
      if (entry.index <= this.last) {
        if (keepConflict || this.termOf(entry.index) === entry.term) continue
        this.#cut(entry.index)
      }
      this.append(entry)
    }
    return index + entries.length
  }

  #cut(from: number): void {
    invariant(from > this.committed, `entry ${from} is to be replaced and ${this.committed} is committed`)
    this.#entries.length = from - this.#offset - 1
    this.taken = Math.min(this.taken, from - 1)
    this.stable = Math.min(this.stable, from - 1)
    this.#writes.cut(from - 1)
  }

  /** Commits up to `index`; false when that is old. */
  commit(index: number): boolean {
    if (index <= this.committed) return false
    invariant(index <= this.last, `entry ${index} is committed, the log ends with ${this.last}`)
    this.committed = index
    return true
  }

  /** What is to be applied next: committed and durable here. */
  nextToApply(bytesMax: number): Entry[] {
    const to = Math.min(this.committed, this.stable)
    if (to <= this.handed) return []
    const entries = this.slice(this.handed + 1, to, bytesMax)
    this.handed += entries.length
    return entries
  }

  /** Whether `nextToApply` has something. */
  get hasToApply(): boolean {
    return this.handed < this.committed && this.handed < this.stable
  }

  appliedTo(index: number): void {
    invariant(index <= this.handed, `entry ${index} was applied, ${this.handed} handed over`)
    this.applied = Math.max(this.applied, index)
  }

  /** Whether entries or a snapshot wait to be made durable. */
  get hasToWrite(): boolean {
    return this.taken < this.last || this.#snapshot !== undefined
  }

  /** The entries that no write holds yet. */
  takeEntries(): Entry[] {
    const entries = this.taken < this.last ? this.#entries.slice(this.taken - this.#offset) : []
    this.taken = this.last
    return entries
  }

  /** The installed snapshot that no write holds yet. */
  takeSnapshot(): Snapshot | undefined {
    const snapshot = this.#snapshot
    this.#snapshot = undefined
    return snapshot
  }

  /** Opens a write that holds all that was taken; its number. */
  startWrite(): number {
    return this.#writes.start(this.taken)
  }

  /** All writes up to `number` are durable. */
  finishWrites(number: number): void {
    this.stable = Math.max(this.stable, this.#writes.finish(number))
  }

  /**
   * Replaces the whole log by a snapshot.
   *
   * @param keepTail the planted bug of that name
   */
  install(snapshot: Snapshot, keepTail: boolean): void {
    const { index, term } = snapshot.meta
    invariant(index > this.committed, `a snapshot of ${index} is older than commit ${this.committed}`)
    this.#entries = keepTail ? this.#entries.slice(index - this.#offset) : []
    this.#offset = index
    this.#offsetTerm = term
    this.#snapshot = snapshot
    this.committed = index
    this.handed = index
    this.applied = index
    this.taken = index
    this.stable = 0
    this.#writes.cut(0)
  }

  /** Forgets the entries up to `index`, which a snapshot holds. */
  compact(index: number): void {
    if (index <= this.#offset) return
    invariant(index <= this.applied, `entry ${index} is to be forgotten, ${this.applied} is applied`)
    const term = this.termOf(index)
    this.#entries = this.#entries.slice(index - this.#offset)
    this.#offset = index
    this.#offsetTerm = term
  }
}
