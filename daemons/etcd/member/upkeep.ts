import { encodeCommand } from '../store/codec.ts'
import { selfRecord, versionRecord } from './roster.ts'
import type { RunningMember } from './running.ts'

/**
 * Between two syncs of a leader, while keys are due (specification §2.5). The original syncs as long as any key has a
 * time to expire: every member of a cluster where nothing happens writes to its disk twice a second.
 */
const SYNC_MS = 500
/** Between two tries to make room for the log. */
const SPACE_MS = 3000

/** What a member does by itself, again and again: publishes what it is, expires keys, agrees on a version. */
export class Upkeep {
  readonly #member: RunningMember
  /** The leader's sync is on its way. */
  isSyncing = false
  #syncTerm = 0
  #syncedMs = Number.NEGATIVE_INFINITY
  #tickedMs = Number.POSITIVE_INFINITY
  #spaceMs = Number.NEGATIVE_INFINITY
  /** Leadership was handed over, or would not be taken, since there has been no room. */
  #hasSteppedAside = false
  #isPublishing = false
  #isVersioning = false
  /** Its own record and the version were agreed on, as far as applied here. */
  isPublished = false
  #waiting: (() => void)[] = []

  constructor(member: RunningMember) {
    this.#member = member
  }

  whenPublished(done: () => void): void {
    if (this.isPublished) this.#member.later(0, done)
    else this.#waiting.push(done)
  }

  /** The records of the cluster have changed, or who leads. */
  look(): void {
    const { clusterVersion, leader } = this.#member
    if (this.isPublished || leader === '' || clusterVersion === undefined || !this.#isKnown()) return
    this.isPublished = true
    for (const done of this.#waiting) this.#member.later(0, done)
    this.#waiting = []
  }

  /** The clock has ticked, late or not. A leader that is late may lose the others, who cannot know why: it is told here. */
  onClock(): void {
    const { env, options, counters, role } = this.#member
    const nowMs = env.now()
    const lateMs = nowMs - this.#tickedMs - options.tickMs
    this.#tickedMs = nowMs
    if (lateMs > options.tickMs && role === 'leader') {
      counters.heartbeatSendFailures += 1
      const late = `exceeded the ${options.tickMs}ms timeout for ${Math.round(lateMs)}ms`
      options.log(`failed to send out heartbeat on time (${late}): the machine or its disk is overloaded`)
    }
    this.tick()
  }

  tick(): void {
    const member = this.#member
    const nowMs = member.env.now()
    const others = member.peers().map(({ clockAheadMs }) => clockAheadMs)
    member.clock.look(
      nowMs,
      member.env.wallClock(),
      others.filter(ahead => ahead !== undefined),
    )
    if (member.isFull) this.#tickFull(nowMs)
    else this.#hasSteppedAside = false
    if (member.leader === '') return
    this.look()
    if (!this.#isPublishing && this.#isMember() && !this.#isKnown()) this.#publish()
    if (member.role !== 'leader') return
    if (!this.#isVersioning && member.clusterVersion === undefined && member.members().length > 0)
      this.#agreeOnVersion()
    member.changes.finishRemovals()
    this.#sync(nowMs)
  }

  /** A leader without room stops everybody's writes, so others may try: once, as they may have no room either. */
  #tickFull(nowMs: number): void {
    const member = this.#member
    if (nowMs - this.#spaceMs >= SPACE_MS) {
      this.#spaceMs = nowMs
      member.retrySpace()
    }
    if (member.role !== 'leader' || this.#hasSteppedAside) return
    this.#hasSteppedAside = member.transfers.stepAside(() => {})
  }

  #isMember(): boolean {
    return this.#member.machine.roster.find(this.#member.id) !== undefined
  }

  #isKnown(): boolean {
    const { machine, options, id } = this.#member
    const self = machine.roster.find(id)
    const { name, clientUrls } = options
    if (self === undefined || self.name !== name || self.clientUrls.length !== clientUrls.length) return false
    return self.clientUrls.every((url, at) => url === clientUrls[at])
  }

  #publish(): void {
    const { id, options } = this.#member
    this.#isPublishing = true
    this.#member.propose(selfRecord(id, options.name, options.clientUrls), () => {
      this.#isPublishing = false
    })
  }

  /** Only one version speaks this protocol, so what the leader speaks all do. */
  #agreeOnVersion(): void {
    this.#isVersioning = true
    this.#member.propose(versionRecord(this.#member.options.clusterVersion), () => {
      this.#isVersioning = false
    })
  }

  #sync(nowMs: number): void {
    const { raft, clock, store } = this.#member
    const { dueMs } = store
    const wallMs = clock.wallMs(nowMs)
    if (dueMs === undefined || dueMs > wallMs) return
    if (this.isSyncing && this.#syncTerm === raft.term) return
    if (nowMs - this.#syncedMs < SYNC_MS) return
    const data = encodeCommand(0, 0, { type: 'sync', nowMs: wallMs })
    if (raft.propose(data) !== 'appended') return
    this.isSyncing = true
    this.#syncTerm = raft.term
    this.#syncedMs = nowMs
  }
}
