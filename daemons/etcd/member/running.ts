import { UserError } from '#lib/errors.ts'
import { FormatError } from '../raft/bytes.ts'
import type { Role } from '../raft/core.ts'
import { decodeChange } from '../raft/membership.ts'
import type { Message } from '../raft/message.ts'
import { type MemberProgress, Raft } from '../raft/raft.ts'
import { READ_LOST } from '../raft/reads.ts'
import type { Ready } from '../raft/ready.ts'
import type { Entry, HardState, MemberId, SnapshotMeta } from '../raft/types.ts'
import type { Operation } from '../store/operation.ts'
import type { Store } from '../store/store.ts'
import { Barriers } from './barriers.ts'
import { Changes } from './changes.ts'
import { MemberClock } from './clock.ts'
import { type Counters, freshCounters } from './counters.ts'
import type { Env } from './env.ts'
import { Journal } from './journal.ts'
import { type Applied, StateMachine } from './machine.ts'
import type { Member } from './member.ts'
import type { Network, SnapshotSink } from './network.ts'
import type { ExitReason, FullOptions } from './options.ts'
import type { WriteResult } from './proposals.ts'
import { isWork, Proposer, retimeWork } from './proposer.ts'
import type { Recovered } from './recovery.ts'
import {
  type ChangeRefusal,
  type ClusterMember,
  Failure,
  type FailureKind,
  type PeerStatistics,
} from './service.ts'
import { Snapshots } from './snapshots.ts'
import { Transfers } from './transfers.ts'
import { Upkeep } from './upkeep.ts'

/** A member that was removed goes on so long, so that its last answers go out. */
const REMOVED_MS = 1000
/** Applying what came together should not take longer. */
const SLOW_APPLY_MS = 100

/** The loop of one member: calls go to the core at once, its `Ready` is dealt with once a turn. */
export class RunningMember implements Member {
  readonly id: MemberId
  readonly clusterId: string
  readonly name: string
  readonly startedAtMs: number
  readonly counters: Counters = freshCounters()
  readonly raft: Raft
  readonly machine: StateMachine
  readonly options: FullOptions
  readonly env: Env
  readonly clock: MemberClock
  readonly #journal: Journal
  readonly #snapshots: Snapshots
  readonly proposer: Proposer
  readonly #barriers = new Barriers()
  readonly transfers: Transfers
  readonly changes: Changes
  readonly #upkeep: Upkeep
  #network: Network | undefined
  #isWoken = false
  isStopping = false
  isOver = false
  /** The last write that is durable and not reported. */
  #durable = 0
  /** The hard state that the core gave out last. */
  #given: HardState | undefined
  #leader: MemberId | '' = ''
  #leaderTerm = 0
  leaderSinceMs = 0

  constructor(options: FullOptions, env: Env, recovered: Recovered) {
    this.id = recovered.id
    this.clusterId = recovered.clusterId
    this.name = options.name
    this.options = options
    this.env = env
    this.startedAtMs = env.wallClock()
    this.clock = new MemberClock(env.now(), this.startedAtMs)
    this.machine = new StateMachine(options.planted)
    const { meta, contents, hardState, entries, log, snapshots } = recovered
    if (contents !== undefined) this.machine.restore(contents)
    const { electionTicks, heartbeatTicks, settings } = options
    this.raft = new Raft({
      id: this.id,
      configuration: meta?.configuration ?? { voters: [], learners: [] },
      hardState,
      snapshot: meta,
      entries,
      random: env.random,
      settings: { electionTicks, heartbeatTicks, ...settings },
    })
    if (meta !== undefined) this.raft.snapshotTaken({ meta, data: NOTHING })
    options.probe?.opened(hardState, meta, entries)
    const setTimer = (delayMs: number, callback: () => void): void => this.later(delayMs, callback)
    this.#journal = new Journal({
      log,
      snapshots,
      snapshotIndex: meta?.index ?? 0,
      setTimer,
      failed: error => this.exit(error.code === 'ECORRUPT' ? 'corrupt' : 'disk', error.message),
    })
    this.#snapshots = new Snapshots({
      env,
      raft: this.raft,
      machine: this.machine,
      journal: this.#journal,
      stored: snapshots,
      options,
      index: meta?.index ?? 0,
      wake: () => this.wake(),
      onSaved: ms => this.counters.onSnapshotSave?.(ms),
    })
    this.transfers = new Transfers(this, options.electionTicks * options.tickMs)
    this.proposer = new Proposer(this)
    this.changes = new Changes(this)
    this.#upkeep = new Upkeep(this)
  }

  /** Begins to live. */
  begin(network: Network): void {
    this.#network = network
    this.#snapshots.network = network
    // Behind the snapshot there may be no entry whose application would have its records read.
    if (!this.options.planted.has('rosterUnread')) this.machine.refreshRoster(this.raft.configuration)
    this.#setPeers()
    const { appliedIndex } = this.raft
    if (appliedIndex > 0) this.options.probe?.applied(appliedIndex)
    this.#turn()
    const { voters } = this.raft.configuration
    // Alone it has nobody to wait for.
    if (voters.length === 1 && voters[0] === this.id) this.raft.campaign()
    this.wake()
    this.#tickLater()
  }

  // What is seen of it.

  get store(): Store {
    return this.machine.store
  }

  get role(): Role {
    return this.raft.role
  }

  get term(): number {
    return this.raft.term
  }

  get vote(): MemberId | '' {
    return this.raft.vote
  }

  get leader(): MemberId | '' {
    return this.raft.leader
  }

  get committedIndex(): number {
    return this.raft.committedIndex
  }

  get appliedIndex(): number {
    return this.raft.appliedIndex
  }

  get isFull(): boolean {
    return this.#journal.log.isLow
  }

  get clusterVersion(): string | undefined {
    return this.machine.roster.version
  }

  members(): readonly ClusterMember[] {
    return this.machine.roster.members
  }

  wasRemoved(id: MemberId): boolean {
    return this.machine.roster.removed.has(id)
  }

  progress(): readonly MemberProgress[] {
    return this.raft.members()
  }

  peers(): readonly PeerStatistics[] {
    return this.#network?.statistics() ?? []
  }

  // What is asked of it.

  write(operation: Operation, done: (result: WriteResult) => void): void {
    if (this.isFull) this.refuse('noSpace', done)
    else if (this.isStopping) this.refuse('stopped', done)
    else this.propose(operation, done)
  }

  /** As `write`, also for the member's own records: those are written from the reserve of the log. */
  propose(operation: Operation, done: (result: WriteResult) => void): void {
    this.proposer.propose(operation, done)
  }

  readBarrier(done: (failure: Failure | undefined) => void): void {
    if (this.isOver) {
      this.refuse('stopped', done)
      return
    }
    if (this.#barriers.isFull) {
      this.refuse('tooManyRequests', done)
      return
    }
    if (this.options.planted.has('barrierFree')) {
      this.later(0, () => done(undefined))
      return
    }
    this.#barriers.add(done, this.env.now())
    this.wake()
  }

  checkHealth(timeoutMs: number, done: (isHealthy: boolean) => void): void {
    let isAnswered = false
    const answer = (isHealthy: boolean): void => {
      if (!isAnswered) done(isHealthy)
      isAnswered = true
    }
    if (this.leader === '') {
      this.later(0, () => answer(false))
      return
    }
    this.later(timeoutMs, () => answer(false))
    this.readBarrier(failure => answer(failure === undefined))
  }

  addMember(peerUrls: readonly string[], done: (result: ClusterMember | ChangeRefusal) => void): void {
    this.changes.add(peerUrls, done)
  }

  removeMember(id: MemberId, done: (result: undefined | ChangeRefusal) => void): void {
    this.changes.remove(id, done)
  }

  updateMember(
    id: MemberId,
    peerUrls: readonly string[],
    done: (result: undefined | ChangeRefusal) => void,
  ): void {
    this.changes.update(id, peerUrls, done)
  }

  transferLeadership(to: MemberId, done: (failure: Failure | undefined) => void): void {
    this.transfers.start(to, done)
    this.wake()
  }

  /** Takes a snapshot now, if there is something new. */
  takeSnapshot(): void {
    this.#snapshots.take()
  }

  /** Tries again to make room for the log. */
  retrySpace(): void {
    this.#journal.log.retrySpace()
    this.#journal.retry()
  }

  whenPublished(done: () => void): void {
    this.#upkeep.whenPublished(done)
  }

  stop(done: () => void): void {
    if (this.isStopping || this.isOver) {
      this.later(0, done)
      return
    }
    this.isStopping = true
    this.transfers.stepAside(() => this.#close(done))
  }

  // What the network tells it.

  received(message: Message): void {
    if (this.isOver || message.snapshot !== undefined) return
    if (message.type === 'append') this.counters.appendsReceived += 1
    if (isWork(message)) {
      if (this.isFull) return
      retimeWork(message, this.clock.wallMs(this.env.now()))
    }
    this.raft.step(message)
    this.wake()
  }

  unreachable(id: MemberId): void {
    if (this.isOver) return
    this.raft.unreachable(id)
    // What was handed on to a leader may be lost with the connection.
    if (id === this.raft.leader) this.proposer.lost()
    this.wake()
  }

  snapshotOffered(message: Message, meta: SnapshotMeta): SnapshotSink | undefined {
    return this.isOver ? undefined : this.#snapshots.offered(message, meta)
  }

  removed(): void {
    this.#leave('the others say that this member was removed from the cluster')
  }

  // The loop.

  /** Calls back later, unless it is over. */
  later(delayMs: number, callback: () => void): void {
    this.env.setTimer(delayMs, () => {
      if (!this.isOver || delayMs === 0) callback()
    })
  }

  /** The core was called: its `Ready` is looked at when this turn is over. */
  wake(): void {
    if (this.#isWoken) return
    this.#isWoken = true
    this.env.setTimer(0, this.#onTurn)
  }

  readonly #onTurn = (): void => {
    this.#isWoken = false
    this.#turn()
  }

  #turn(): void {
    if (this.isOver) return
    const { raft } = this
    if (this.#durable > 0) {
      raft.persisted(this.#durable)
      this.#durable = 0
    }
    this.#barriers.ask(number => raft.readIndex(number) === 'taken')
    while (!this.isOver && raft.hasReady()) this.#handle(raft.ready())
    if (this.isOver) return
    this.#barriers.applied(raft.appliedIndex)
    this.#lookAtLeader()
    this.#snapshots.consider()
    this.counters.proposalsPending = this.proposer.count
    this.options.probe?.turned()
  }

  #handle(ready: Ready): void {
    const { messages, committed, snapshot } = ready
    for (let at = 0; at < messages.length; at++) this.#send(messages[at]!)
    if (ready.hardState !== undefined) this.#given = ready.hardState
    if (ready.write > 0) this.#save(ready)
    else if (ready.hardState !== undefined) this.#journal.remember(ready.hardState)
    if (committed.length > 0 && snapshot === undefined) this.#apply(committed)
    for (const { context, index } of ready.readStates)
      this.#barriers.answer(context, index === READ_LOST ? undefined : index)
  }

  #send(message: Message): void {
    if (message.type === 'append') this.counters.appendsSent += 1
    if (message.type === 'snapshot') this.#snapshots.send(message)
    else this.#network!.send(message)
  }

  #save({ write, hardState, snapshot, entries }: Ready): void {
    const { probe } = this.options
    const saved = probe?.saving(snapshot?.meta, entries)
    const done = (): void => {
      probe?.durable(hardState, saved)
      this.#durable = write
      this.counters.walBytesWritten = this.#journal.bytesWritten
      this.wake()
    }
    if (snapshot === undefined) {
      this.#journal.append(hardState, entries, done)
      return
    }
    const { meta } = snapshot
    const { chunks, contents, answer } = this.#snapshots.claim(meta)
    this.#journal.install(meta, chunks, hardState, entries, () => {
      answer(true)
      done()
    })
    this.machine.restore(contents)
    this.#followRoster()
    probe?.applied(meta.index)
    // Those that it holds have no result any more.
    this.proposer.restored()
  }

  #apply(entries: readonly Entry[]): void {
    const startedMs = this.env.now()
    const { machine, raft, options, counters } = this
    try {
      for (let at = 0; at < entries.length; at++) {
        const entry = entries[at]!
        if (entry.type === 'config') this.#applied(this.#applyChange(entry))
        else if (entry.data.length > 0) this.#applied(machine.apply(entry))
        if (options.probe !== undefined) {
          raft.applied(entry.index)
          options.probe.applied(entry.index)
        }
      }
    } catch (error) {
      // An entry that is not understood must not be skipped: this member would differ from the others for ever.
      if (!(error instanceof UserError || error instanceof FormatError)) throw error
      this.exit('corrupt', error.message)
      return
    }
    const last = entries[entries.length - 1]!
    raft.applied(last.index)
    counters.proposalsApplied += entries.length
    counters.proposalsCommitted = counters.proposalsApplied
    if (machine.rosterChanged) {
      this.#followRoster()
      // Who was removed leaves. If this member fell and found the change again without knowing that it is committed, it
      // would need the vote of who is gone.
      if (this.#given !== undefined) this.#journal.append(this.#given, [], () => {})
    }
    if (this.env.now() - startedMs > SLOW_APPLY_MS) counters.slowApplies += 1
  }

  #applyChange(entry: Entry): Applied {
    const change = decodeChange(entry.data)
    return this.machine.applyChange(entry, change, change => this.raft.applyConfiguration(change))
  }

  #applied(applied: Applied): void {
    if (applied.isSync) this.#upkeep.isSyncing = false
    if (applied.removed === this.id) this.#leave('this member was removed from the cluster')
    this.proposer.settle(applied.session, applied.sequence, applied.result, applied.refusal)
  }

  #followRoster(): void {
    if (!this.machine.refreshRoster(this.raft.configuration)) return
    this.#upkeep.look()
    this.changes.look()
    this.#setPeers()
  }

  #setPeers(): void {
    // One that joins has no records, and until it has caught up those of long ago: who leads may not be in them.
    const told = this.#upkeep.isPublished ? new Map() : this.options.peers
    this.#network?.setPeers(this.machine.roster.peersOf(this.id, told))
  }

  #lookAtLeader(): void {
    const { leader, term } = this.raft
    if (leader === this.#leader && term === this.#leaderTerm) return
    this.#leader = leader
    this.#leaderTerm = term
    this.leaderSinceMs = leader === '' ? 0 : this.env.wallClock()
    this.transfers.look()
    if (leader === '') return
    this.counters.leaderChanges += 1
    this.options.log(`member ${leader} leads term ${term}`)
    this.proposer.elected()
    this.#upkeep.tick()
    if (this.#barriers.hasFresh) this.wake()
  }

  #tickLater(): void {
    this.later(this.options.tickMs, () => {
      this.#tickLater()
      this.raft.tick()
      const beforeMs = this.proposer.expire()
      this.#barriers.expire(beforeMs, () => new Failure(this.proposer.timeoutKind(beforeMs), true))
      this.proposer.retry()
      this.transfers.expire()
      this.changes.expire(beforeMs)
      this.#upkeep.onClock()
      this.wake()
    })
  }

  /** Answers later that nothing happens. */
  refuse(kind: FailureKind, done: (failure: Failure) => void): void {
    this.counters.proposalsFailed += 1
    this.later(0, () => done(new Failure(kind, true)))
  }

  // Its end.

  #leave(why: string): void {
    this.later(REMOVED_MS, () => this.exit('removed', why))
  }

  /** Ends at once, for a reason of its own. */
  exit(reason: ExitReason, message: string): void {
    if (this.isOver) return
    this.#end()
    this.options.onExit(reason, message)
  }

  #close(done: () => void): void {
    if (this.isOver) {
      done()
      return
    }
    this.#end()
    this.#journal.log.close(() => done())
  }

  #end(): void {
    this.isOver = true
    this.isStopping = true
    this.#journal.end()
    this.proposer.end()
    this.transfers.end()
    this.changes.end()
    this.#barriers.expire(Number.POSITIVE_INFINITY, () => new Failure('stopped', true))
  }
}

const NOTHING = new Uint8Array(0)
