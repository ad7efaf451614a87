import { invariant } from './assert.ts'
import { Inflights } from './inflights.ts'
import type { Settings } from './settings.ts'
import type { MemberId } from './types.ts'

/**
 * How the leader treats one member.
 *
 *             acknowledged                  too far behind
 *   ┌───────┐ ───────────► ┌───────────┐      ┌──────────┐
 *   │ probe │              │ replicate │ ───► │ snapshot │
 *   └───────┘ ◄─────────── └───────────┘      └──────────┘
 *       ▲   refused, unreachable                    │
 *       └───────────────────────────────────────────┘ received, or failed
 *
 * - probe: it is unknown where the logs part; one message, then wait for its answer or for a heartbeat's.
 * - replicate: the logs agree; messages follow one another without waiting, up to the window.
 * - snapshot: a snapshot is on its way; nothing else is sent.
 */
export type ProgressState = 'probe' | 'replicate' | 'snapshot'

/** What the leader knows of one member, itself included. Invariant: `match < next`. */
export class Progress {
  readonly id: MemberId
  voter: boolean
  state: ProgressState = 'probe'
  /** Up to here its log is known to agree, durably. */
  match = 0
  /** The next entry to send. */
  next: number
  /** The commit it was last told. */
  commitTold = 0
  /** Where the snapshot on its way ends; 0 in the other states. */
  snapshotIndex = 0
  /** Whether it was heard since the leader last looked (check-quorum). */
  active = false
  /** A probe is unanswered. */
  probing = false
  /** It must get an append, be it an empty one: its answer says where it stands. */
  wanted = false
  /** The last round of reads that it has confirmed. */
  readRound = 0
  readonly inflights: Inflights

  constructor(id: MemberId, voter: boolean, next: number, settings: Settings) {
    this.id = id
    this.voter = voter
    this.next = next
    this.inflights = new Inflights(settings.inflightMessagesMax, settings.inflightBytesMax)
  }

  becomeProbe(): void {
    // After a snapshot its end is the best guess; else what is known to agree.
    this.next = Math.max(this.match, this.snapshotIndex) + 1
    this.#enter('probe')
  }

  becomeReplicate(): void {
    this.next = this.match + 1
    this.#enter('replicate')
  }

  becomeSnapshot(index: number): void {
    this.#enter('snapshot')
    this.snapshotIndex = index
    this.next = index + 1
  }

  #enter(state: ProgressState): void {
    this.state = state
    this.snapshotIndex = 0
    this.probing = false
    this.inflights.clear()
  }

  /** Whether no append may go now. */
  get paused(): boolean {
    if (this.state === 'probe') return this.probing
    return this.state === 'snapshot'
  }

  /** Notes that entries up to `last` went out. */
  sent(last: number, bytes: number): void {
    invariant(this.state !== 'snapshot', `entries went to ${this.id} during its snapshot`)
    if (this.state === 'replicate') {
      this.next = last + 1
      this.inflights.add(last, bytes)
    }
  }

  /** Notes that the log agrees up to `index`; whether that is news. */
  acknowledged(index: number): boolean {
    this.inflights.freeTo(index)
    if (index <= this.match) return false
    this.match = index
    this.next = Math.max(this.next, index + 1)
    return true
  }

  /**
   * Notes that the append behind `refused` did not fit; false when the answer is out of date.
   *
   * @param agree where the logs may agree, by the follower's hint
   */
  refused(refused: number, agree: number): boolean {
    if (this.state === 'replicate') {
      if (refused <= this.match) return false
      this.becomeProbe()
      return true
    }
    // A probe goes one at a time, so an answer about another place is old.
    if (this.state === 'snapshot' || this.next - 1 !== refused) return false
    this.next = Math.max(Math.min(refused, agree + 1), this.match + 1)
    this.probing = false
    return true
  }
}
