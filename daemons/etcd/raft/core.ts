import { Log } from './log.ts'
import { type Message, type MessageType, newMessage } from './message.ts'
import { Outbox } from './outbox.ts'
import type { PlantedBug } from './planted.ts'
import { Progress } from './progress.ts'
import { majorityValue } from './quorum.ts'
import { Reads } from './reads.ts'
import { type Settings, settingsFrom } from './settings.ts'
import type { Configuration, Entry, HardState, MemberId, Snapshot, SnapshotMeta } from './types.ts'

/** What a member is at the moment. A pre-candidate asks whether it could win and has changed nothing yet. */
export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader'

/** What a member starts with: nothing, or what its disk holds. */
export interface RaftOptions {
  id: MemberId
  /** The members as of `applied`: the snapshot's; without one, usually nobody (`foundingLog`). */
  configuration: Configuration
  hardState?: HardState | undefined
  /** Where the log starts when it does not start at 1. */
  snapshot?: SnapshotMeta | undefined
  /** The entries behind the snapshot, without a gap. */
  entries?: readonly Entry[] | undefined
  /** Up to here the host has applied; default: the end of the snapshot. */
  applied?: number | undefined
  /** Evenly from 0 up to but not including 1. Decides election timeouts; seeded, all repeats. */
  random: () => number
  settings?: Partial<Settings> | undefined
  planted?: ReadonlySet<PlantedBug> | undefined
}

/**
 * All that a member knows. The files beside this one hold what it does, as functions of this state: `roles` and
 * `election`, `replication` and `snapshot`, `membership`, `transfer`, `read`, `proposal`.
 */
export class Core {
  readonly id: MemberId
  readonly settings: Settings
  readonly planted: ReadonlySet<PlantedBug>
  readonly random: () => number
  readonly log: Log
  readonly outbox = new Outbox()
  readonly reads: Reads

  term: number
  vote: MemberId | ''
  role: Role = 'follower'
  /** The leader of this term as far as known. */
  leader: MemberId | '' = ''

  configuration: Configuration
  /** One for each member of the configuration. Their counts mean something on a leader only. */
  readonly progress = new Map<MemberId, Progress>()
  /** Those of them that vote, for loops on the hot path. */
  voters: Progress[] = []

  /** Ticks since the leader was heard; on a leader since it last looked whom it hears. */
  electionElapsed = 0
  heartbeatElapsed = 0
  /** A follower campaigns after so many ticks: at least `electionTicks`, less than twice. */
  timeoutTicks = 0
  /** Who answered a campaign, and how. */
  readonly votes = new Map<MemberId, boolean>()

  /** The term whose leader wants this member to take over as soon as it may. */
  calledTerm = -1
  /** To whom leadership is being handed. */
  transferee: MemberId | '' = ''
  /** Leader: the last change of members in its log; until it is applied there is no other. */
  changeIndex = 0
  /** Leader: bytes of entries not committed. */
  uncommittedBytes = 0
  /** Leader: appends may be due; `ready` sends them, all that came together in one message. */
  appendsDue = false
  /** Follower: proposals to hand on with the next `ready`. */
  forwards: Entry[] = []
  forwardBytes = 0
  /** Proposals of followers that were refused here, since the start. */
  proposalsDropped = 0
  /** The newest snapshot of the host, for followers that need entries which are forgotten. */
  snapshot: Snapshot | undefined
  /** Scratch for counting: one number a voter. */
  readonly #values: number[] = []

  constructor(options: RaftOptions) {
    const { hardState, snapshot } = options
    this.id = options.id
    this.settings = settingsFrom(options.settings)
    this.planted = options.planted ?? new Set()
    this.random = options.random
    this.log = new Log(snapshot, options.entries ?? [], hardState?.commit ?? 0, options.applied ?? 0)
    this.reads = new Reads(this.random, this.settings.readsPendingMax)
    // A crash may have kept the entries of a newer term and lost the term. No vote of that term was ever answered:
    // it would have been durable first. So the term may be taken up without one.
    const term = hardState?.term ?? 0
    this.term = Math.max(term, this.log.lastTerm)
    this.vote = this.term === term ? (hardState?.vote ?? '') : ''
    this.snapshot = snapshot && { meta: snapshot, data: new Uint8Array(0) }
    this.configuration = { voters: [], learners: [] }
    this.setConfiguration(options.configuration)
    this.resetTimeout()
  }

  /** What must survive a crash. */
  hardState(): HardState {
    const vote = this.planted.has('voteUnsaved') ? '' : this.vote
    return { term: this.term, vote, commit: this.log.committed }
  }

  /** Takes up a configuration; what is known of members that stay, stays. */
  setConfiguration(configuration: Configuration): void {
    this.configuration = { voters: [...configuration.voters], learners: [...configuration.learners] }
    const members = new Set([...configuration.voters, ...configuration.learners])
    for (const id of this.progress.keys()) if (!members.has(id)) this.progress.delete(id)
    for (const id of members) {
      const voter = configuration.voters.includes(id)
      const known = this.progress.get(id)
      if (known !== undefined) {
        known.voter = voter
      } else {
        const added = new Progress(id, voter, this.log.last + 1, this.settings)
        // It must not count as lost before it had the time to answer.
        added.active = true
        added.wanted = true
        this.progress.set(id, added)
      }
    }
    this.voters = [...this.progress.values()].filter(({ voter }) => voter)
  }

  resetTimeout(): void {
    const ticks = this.settings.electionTicks
    this.electionElapsed = 0
    this.heartbeatElapsed = 0
    this.timeoutTicks = ticks + Math.floor(this.random() * ticks)
  }

  /** Whether this member may campaign: it votes itself and has no snapshot that is not durable. */
  get promotable(): boolean {
    return this.progress.get(this.id)?.voter === true && !this.log.installing
  }

  /** Whether the log has a committed entry of this term: only then the leader knows what is committed. */
  get hasCommittedInTerm(): boolean {
    return this.log.termOf(this.log.committed) === this.term
  }

  /** A message from here, of this term. */
  message(type: MessageType, to: MemberId): Message {
    return newMessage(type, to, this.id, this.term)
  }

  /** The highest index that a majority of voters holds durably. */
  matchOfMajority(): number {
    const values = this.#values
    values.length = 0
    for (const voter of this.voters) values.push(voter.match)
    return majorityValue(values)
  }

  /** The last round of reads that a majority of voters has confirmed; the leader confirms itself. */
  readRoundOfMajority(): number {
    const values = this.#values
    values.length = 0
    for (const voter of this.voters) values.push(voter.id === this.id ? this.reads.round : voter.readRound)
    return majorityValue(values)
  }
}
