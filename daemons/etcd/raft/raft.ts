/**
 * Raft (Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", and Ongaro's thesis) as a pure
 * core: ticks and messages go in, a `Ready` with everything to be done comes out. No clock, no disk, no network, no
 * randomness of its own, nothing asynchronous: the same inputs give the same outputs.
 *
 *                tick, step, propose, readIndex, transfer, …
 *                               │
 *   ┌───────────────────────────▼───────────────────────────┐
 *   │ Core: step ─ election ─ roles ─ replication ─ snapshot │   functions over one state (`core.ts`)
 *   │       membership ─ transfer ─ read ─ proposal          │
 *   │       log ─ progress ─ quorum ─ outbox ─ reads         │
 *   └───────────────────────────┬───────────────────────────┘
 *                             ready()                 ▲ persisted(write)   applied(index)
 *                               │                     │                    │
 *        messages ──► network   ├── hard state, snapshot, entries ──► disk │
 *                               └── committed ──► state machine ───────────┘
 *
 * The duties of the host:
 *
 *  1. Calls come one after the other, never one within another. After any calls, as long as `hasReady()`, take
 *     `ready()` and deal with all of it. Call `tick` at an even pace.
 *  2. Save in the order of the `Ready`s, and within one: snapshot, entries, hard state. Entries replace all that is
 *     saved from the index of the first one on, which may be less than what was saved before; a snapshot replaces
 *     the whole log.
 *  3. When a `Ready` has a `write` other than 0, sync, and when all up to it is durable call `persisted(write)`. The
 *     next `ready()` need not wait for that: take it, save it behind, let one sync serve many, and report the last of
 *     them only. Up to `writesInFlightMax` may be under way. Without `mustSync` the hard state tells of the commit
 *     only: it may stay in a buffer, or be left out.
 *  4. `messages` may be sent at once, beside the write of the same `Ready`: a leader's appends travel while its own
 *     disk is at work. What must wait for the disk (votes, acknowledgements, the leader's count of its own copy) the
 *     core keeps back until `persisted` and gives out with a later `ready()`. So there is nothing to be sorted here.
 *  5. Messages may be lost, repeated, and come in another order; in order is faster. Tell of what was surely lost with
 *     `unreachable`. Drop messages of another cluster, and those for another member.
 *  6. A write or sync that fails is the end: end the process without `persisted`, without another try. What the disk
 *     holds then is unknown (a failed fsync forgets), and only a fresh start, which reads it, finds out.
 *  7. Apply `committed` in order, each entry once; all of it is durable here already. Then `applied(index)`. Between
 *     the two may be any number of turns. An entry of type `config` is decoded (`decodeChange`) and given to
 *     `applyConfiguration` at its place, before `applied` of it: on every member, or on none if the host's own rules
 *     refuse it. Empty data of a `normal` entry is a new leader's own entry: nothing to apply.
 *  8. When a `Ready` has a snapshot, restore the state machine from it; it counts as applied. Such a `Ready` has no
 *     `committed`, and none come before `persisted` of it.
 *  9. To forget old entries: make a snapshot of what is applied, make it durable, call `snapshotTaken`, then `compact`
 *     up to its index or less. Entries left behind spare slow followers the snapshot.
 * 10. A message of type `snapshot` has the meta and the data of the last `snapshotTaken`; no data when the snapshot is
 *     the one that this member started from or installed. Where data is missing, send it beside the message. Then
 *     call `snapshotSent`: until then the follower gets nothing else. The receiver gives the message to `step` when
 *     it has all of it.
 * 11. A read waits for its `ReadState`, then until `index` is applied, then reads what is applied. `READ_LOST` as
 *     index: ask again. Reads have numbers that the host does not use twice at a time.
 * 12. A proposal has no answer but its being applied. One that was refused, dropped by the leader, or lost with it,
 *     never is; so the host marks its proposals, waits with a limit, and may propose again if it then takes care that
 *     what is applied twice counts once.
 * 13. At a restart give back what was saved: hard state, the newest snapshot's meta, the entries behind it, and the
 *     configuration as of `applied`. Committed entries behind `applied` come again. Of what was not reported as
 *     `persisted` the disk may hold the beginning. Make durable first what was read: who was killed, while the
 *     machine went on, finds entries that are in the page cache only, and the core takes all it is given as durable.
 * 14. The founding members of a cluster start with the log of `foundingLog`, saved before, and an empty
 *     configuration, like one that is added later, which starts with an empty log and waits. So all build the
 *     configuration from the same entries. (A configuration that is given and in neither log nor snapshot is known
 *     only to those to whom it was given: whoever joins and gets the log from its start would never learn of it.)
 *     Ids are not used again: a member that lost its disk comes back under another one.
 * 15. `campaign()` spares a fresh single member the first timeout.
 * 16. To remove a voter, propose `demote` of it, and when that is applied, `remove`: whoever leads then sees to it, as
 *     who has asked may be gone. The member may end when the second is applied. (`ChangeKind` in `membership.ts` tells
 *     why. `remove` of a voter at once is for a cluster whose other members are lost.)
 *
 * Why several writes may be under way, and what that costs: an acknowledgement speaks of the moment at which it was
 * made. Kept back until its write is durable, it is the same as one that travelled slowly. What it must not do is to
 * be given out for a write that only looks like its own; `writes.ts` tells how that could be.
 */

import { invariant } from './assert.ts'
import { Core, type RaftOptions, type Role } from './core.ts'
import { campaign, mayCampaign } from './election.ts'
import { applyConfiguration, encodeChange, type MembershipChange } from './membership.ts'
import type { Message } from './message.ts'
import type { ProgressState } from './progress.ts'
import { type Proposed, propose } from './proposal.ts'
import { type ReadTaken, readIndex } from './read.ts'
import { finishWrites, type Given, hasReady, type Ready, takeReady } from './ready.ts'
import { reportSnapshot, reportUnreachable } from './snapshot.ts'
import { step, tick } from './step.ts'
import { type Transfer, transfer } from './transfer.ts'
import type { Configuration, MemberId, Snapshot } from './types.ts'

/** What the leader knows of a member, for people and metrics. */
export interface MemberProgress {
  id: MemberId
  voter: boolean
  state: ProgressState
  match: number
  next: number
  /** Whether it was heard of late. */
  active: boolean
}

/** One member of a cluster. */
export class Raft {
  readonly #core: Core
  readonly #given: Given

  /**
   * @throws RangeError for settings that cannot work
   * @throws InvariantError when what the disk gave back cannot be: entries missing or committed ones lost
   */
  constructor(options: RaftOptions) {
    this.#core = new Core(options)
    this.#given = { hardState: options.hardState ?? { term: 0, vote: '', commit: 0 } }
  }

  /** Time has passed: one tick. */
  tick(): void {
    tick(this.#core)
  }

  /** A message has come, from whomever, however old. */
  step(message: Message): void {
    step(this.#core, message)
  }

  /** Proposes an entry. The bytes are the core's from here on. */
  propose(data: Uint8Array): Proposed {
    return propose(this.#core, 'normal', data)
  }

  /** Proposes a change of members. Whether it can be made shows when it is applied. */
  proposeChange(change: MembershipChange): Proposed {
    return propose(this.#core, 'config', encodeChange(change))
  }

  /** A committed change takes effect. The answer says why it changes nothing, the same on every member. */
  applyConfiguration(change: MembershipChange): string | undefined {
    return applyConfiguration(this.#core, change)
  }

  /** The host has applied everything up to `index`. */
  applied(index: number): void {
    this.#core.log.appliedTo(index)
  }

  /** Campaigns now instead of at the next timeout; false when this member may not. */
  campaign(): boolean {
    const may = mayCampaign(this.#core)
    campaign(this.#core, this.#core.settings.preVote ? 'preVote' : 'vote')
    return may
  }

  /** Leader: hands leadership to another voter. */
  transfer(to: MemberId): Transfer {
    return transfer(this.#core, to)
  }

  /** Asks for the index from which on a read is linearizable; the answer comes as a `ReadState` of this number. */
  readIndex(context: number): ReadTaken {
    return readIndex(this.#core, context)
  }

  /** Whether there is something to be done. */
  hasReady(): boolean {
    return hasReady(this.#core, this.#given)
  }

  /** All there is to be done since the last time. */
  ready(): Ready {
    return takeReady(this.#core, this.#given)
  }

  /** All that was to be saved up to this write is durable. */
  persisted(write: number): void {
    finishWrites(this.#core, write)
  }

  /** The host has made a snapshot durable. Its data may be empty when the host sends it beside the message. */
  snapshotTaken(snapshot: Snapshot): void {
    const { log } = this.#core
    const { index, term } = snapshot.meta
    invariant(index <= log.applied, `a snapshot of ${index} was made, ${log.applied} is applied`)
    // Meanwhile a leader's snapshot may have replaced everything.
    if (index < log.first - 1) return
    invariant(log.matches(index, term), `a snapshot of ${index} claims term ${term}`)
    this.#core.snapshot = snapshot
  }

  /** Forgets entries up to `index`, all of which the last snapshot holds. */
  compact(index: number): void {
    const held = this.#core.snapshot?.meta.index ?? 0
    invariant(index <= held, `entries up to ${index} are to be forgotten, a snapshot holds ${held}`)
    this.#core.log.compact(index)
  }

  /** Messages to this member are being lost. */
  unreachable(id: MemberId): void {
    reportUnreachable(this.#core, id)
  }

  /** The snapshot to this member has arrived, or has not. */
  snapshotSent(id: MemberId, received: boolean): void {
    reportSnapshot(this.#core, id, received)
  }

  get id(): MemberId {
    return this.#core.id
  }

  get role(): Role {
    return this.#core.role
  }

  get term(): number {
    return this.#core.term
  }

  get vote(): MemberId | '' {
    return this.#core.vote
  }

  /** Who leads as far as known, or ''. */
  get leader(): MemberId | '' {
    return this.#core.leader
  }

  /** The configuration that this member has applied; not to be changed. */
  get configuration(): Configuration {
    return this.#core.configuration
  }

  get committedIndex(): number {
    return this.#core.log.committed
  }

  get appliedIndex(): number {
    return this.#core.log.applied
  }

  get firstIndex(): number {
    return this.#core.log.first
  }

  get lastIndex(): number {
    return this.#core.log.last
  }

  /** Up to here the log is durable on this member. */
  get stableIndex(): number {
    return this.#core.log.stable
  }

  /** To whom this leader is handing over, or ''. */
  get transferee(): MemberId | '' {
    return this.#core.transferee
  }

  /** Proposals of followers that this member has refused since it started. */
  get proposalsDropped(): number {
    return this.#core.proposalsDropped
  }

  /** The term of an entry that the log still holds, or of the one before the first; -1 for any other. */
  termOf(index: number): number {
    return this.#core.log.termOf(index)
  }

  /** Leader: how far each member is. */
  members(): MemberProgress[] {
    if (this.#core.role !== 'leader') return []
    return [...this.#core.progress.values()].map(({ id, voter, state, match, next, active }) => {
      return { id, voter, state, match, next, active }
    })
  }
}
