import type { Disk, Env } from '../../../daemons/etcd/member/env.ts'
import { decodeMessage, encodeMessage } from '../../../daemons/etcd/raft/codec.ts'
import { decodeChange, foundingLog, type MembershipChange } from '../../../daemons/etcd/raft/membership.ts'
import { PLANTED_BUGS, type PlantedBug } from '../../../daemons/etcd/raft/planted.ts'
import type { Proposed } from '../../../daemons/etcd/raft/proposal.ts'
import { Raft } from '../../../daemons/etcd/raft/raft.ts'
import { READ_LOST, type ReadState } from '../../../daemons/etcd/raft/reads.ts'
import type { Entry, Snapshot } from '../../../daemons/etcd/raft/types.ts'
import type {
  Identity,
  Inspection,
  Member,
  Reply,
  Request,
  SubjectOptions,
  Surroundings,
} from '../subject.ts'
import type { Journal, OpenJournal, Recovered } from './journal.ts'
import { Mirror } from './mirror.ts'
import { Store } from './store.ts'

/** Milliseconds of a tick, as in the original. */
const TICK_MS = 100
/** Reads that wait until an index is applied. */
const LATE_READS_MAX = 10_000

const NOTHING = new Uint8Array(0)

interface WaitingRead {
  request: Request
  done: (reply: Reply) => void
}

/** A thin host around the core: its duties (`raft.ts`), one after the other, and nothing else. */
export class RaftHost implements Member {
  readonly #env: Env & { readonly disk: Disk }
  readonly #identity: Identity
  readonly #around: Surroundings
  readonly #options: SubjectOptions
  readonly #store = new Store()
  readonly #life: string
  #raft: Raft | undefined
  #journal: Journal | undefined
  #mirror = new Mirror(undefined, [])
  /** What is applied but not a snapshot yet. */
  #snapshotIndex = 0
  #snapshotting = false
  /** Members that wait for a snapshot made after they were added. */
  readonly #unsent = new Set<string>()
  #durableTerm = 0
  #pumping = false
  #requests = 0
  readonly #changes = new Map<string, (reply: Reply) => void>()
  readonly #reads = new Map<number, WaitingRead>()
  /** Reads that know their index. */
  #late: { index: number; read: WaitingRead }[] = []

  constructor(
    env: Env & { readonly disk: Disk },
    identity: Identity,
    around: Surroundings,
    parts: { options: SubjectOptions; journal: (disk: Disk) => OpenJournal },
  ) {
    this.#env = env
    this.#identity = identity
    this.#around = around
    this.#options = parts.options
    this.#life = Math.floor(env.random() * 2 ** 32).toString(16)
    parts.journal(env.disk)(
      identity.folder,
      (journal, recovered) => this.#found(journal, recovered),
      ({ reason, message }) => around.exit(reason, message),
    )
  }

  receive(_from: string, bytes: Uint8Array): void {
    const message = decodeMessage(bytes)
    if (this.#raft === undefined || message.to !== this.#identity.id) return
    this.#raft.step(message)
    this.#pump()
  }

  request(request: Request, done: (reply: Reply) => void): void {
    if (this.#raft === undefined) {
      done({ kind: 'failed' })
      return
    }
    this.#take(this.#raft, request, done)
    this.#pump()
  }

  inspect(): Inspection | undefined {
    const raft = this.#raft
    if (raft === undefined) return undefined
    const mirror = this.#mirror
    const commit = mirror.commitAt(raft.committedIndex, index => raft.termOf(index))
    return {
      term: raft.term,
      durableTerm: this.#durableTerm,
      vote: raft.vote,
      leading: raft.role === 'leader',
      leader: raft.leader,
      commit,
      // A snapshot that was not given out yet counts as applied in the core, and is not.
      applied: Math.min(raft.appliedIndex, commit),
      snapshotIndex: mirror.snapshotIndex,
      snapshotTerm: mirror.snapshotTerm,
      lastIndex: mirror.lastIndex,
      durableIndex: mirror.durableIndex,
      voters: raft.configuration.voters,
      learners: raft.configuration.learners,
      termAt: index => mirror.termAt(index),
      hashAt: index => mirror.hashAt(index),
    }
  }

  /**
   * A founder starts from a log that says who founded the cluster (duty 14): were that not replicated, a member that is
   * added and gets the log from its first entry on would never learn of them.
   */
  #found(journal: Journal, recovered: Recovered): void {
    const { founders } = this.#identity
    const isNew = recovered.snapshot === undefined && recovered.entries.length === 0
    if (!isNew || founders.length === 0) {
      this.#begin(journal, recovered)
      return
    }
    const { hardState, entries } = foundingLog(founders.map(member => ({ member, context: NOTHING })))
    journal.save({ hardState, snapshot: undefined, entries, mustSync: true }, () =>
      this.#begin(journal, { hardState, snapshot: undefined, entries }),
    )
  }

  #begin(journal: Journal, recovered: Recovered): void {
    const { snapshot, hardState, entries } = recovered
    const options = this.#options
    this.#journal = journal
    this.#mirror = new Mirror(snapshot?.meta, entries)
    this.#durableTerm = hardState?.term ?? 0
    this.#snapshotIndex = snapshot?.meta.index ?? 0
    if (snapshot !== undefined) {
      this.#store.restore(snapshot.data)
      this.#around.applied(snapshot.meta.index, () => this.#store.hash())
    }
    this.#raft = new Raft({
      id: this.#identity.id,
      configuration: snapshot?.meta.configuration ?? { voters: [], learners: [] },
      hardState,
      snapshot: snapshot?.meta,
      entries,
      random: this.#env.random,
      settings: {
        preVote: options.preVote,
        checkQuorum: options.checkQuorum,
        electionTicks: options.electionTicks,
        appendBytesMax: options.appendBytesMax,
        inflightMessagesMax: options.inflightMessagesMax,
      },
      planted: new Set(PLANTED_BUGS.filter((bug: PlantedBug) => options.planted.has(bug))),
    })
    // The data of the snapshot it starts with, for followers.
    if (snapshot !== undefined) this.#raft.snapshotTaken(snapshot)
    this.#tick()
    this.#pump()
  }

  #tick(): void {
    this.#env.setTimer(TICK_MS, () => {
      this.#raft!.tick()
      this.#tick()
      this.#pump()
    })
  }

  #take(raft: Raft, request: Request, done: (reply: Reply) => void): void {
    const number = ++this.#requests
    const mark = `${this.#identity.id}.${this.#life}.${number}`
    switch (request.kind) {
      case 'get':
      case 'list':
        if (raft.readIndex(number) === 'taken') this.#reads.set(number, { request, done })
        else done({ kind: 'failed' })
        return
      case 'transfer':
        raft.transfer(request.to)
        done({ kind: 'done' })
        return
      case 'compact':
        this.#takeSnapshot(raft)
        done({ kind: 'done' })
        return
      case 'member-add':
        this.#propose(mark, done, () =>
          raft.proposeChange(changeOf(request.learner ? 'addLearner' : 'addVoter', request.id, mark)),
        )
        return
      case 'member-promote':
        this.#propose(mark, done, () => raft.proposeChange(changeOf('promote', request.id, mark)))
        return
      case 'member-remove':
        this.#propose(mark, done, () => {
          // Duty 16; the operator of the simulation asks again for those that are to be gone.
          const isVoter = raft.configuration.voters.includes(request.id)
          return raft.proposeChange(changeOf(isVoter ? 'demote' : 'remove', request.id, mark))
        })
        return
      default:
        this.#propose(mark, done, () => raft.propose(Buffer.from(JSON.stringify({ mark, request }))))
    }
  }

  #propose(mark: string, done: (reply: Reply) => void, propose: () => Proposed): void {
    const proposed = propose()
    if (proposed === 'appended' || proposed === 'forwarded') this.#changes.set(mark, done)
    else done({ kind: 'failed' })
  }

  /** Duty 1: as long as there is something, deal with all of it. */
  #pump(): void {
    const raft = this.#raft!
    if (this.#pumping) return
    this.#pumping = true
    while (raft.hasReady()) this.#handle(raft)
    this.#pumping = false
    if (raft.appliedIndex - this.#snapshotIndex >= this.#options.snapshotEntries) this.#takeSnapshot(raft)
  }

  #handle(raft: Raft): void {
    const ready = raft.ready()
    const { write, hardState, snapshot, entries } = ready
    if (write > 0 || hardState !== undefined) {
      const lines = this.#mirror.save(snapshot?.meta, entries)
      this.#journal!.save({ hardState, snapshot, entries, mustSync: ready.mustSync }, () => {
        if (hardState !== undefined) this.#durableTerm = hardState.term
        if (write === 0) return
        this.#mirror.durable(lines)
        if (snapshot !== undefined) raft.snapshotTaken(snapshot)
        raft.persisted(write)
        this.#pump()
      })
    }
    for (const message of ready.messages) {
      if (message.snapshot !== undefined && !isFor(message.to, message.snapshot)) {
        // Whoever was added after it was made would refuse it, again and again.
        this.#unsent.add(message.to)
        this.#takeSnapshot(raft)
        continue
      }
      this.#around.send(message.to, encodeMessage(message))
      if (message.type === 'snapshot') raft.snapshotSent(message.to, true)
    }
    for (const entry of ready.committed) this.#apply(raft, entry)
    if (snapshot !== undefined) {
      this.#store.restore(snapshot.data)
      this.#snapshotIndex = snapshot.meta.index
      this.#around.applied(snapshot.meta.index, () => this.#store.hash())
    }
    for (const state of ready.readStates) this.#answerRead(state)
    this.#answerLate(raft)
  }

  #apply(raft: Raft, entry: Entry): void {
    const { index, type, data } = entry
    if (type === 'config') this.#applyChange(raft, decodeChange(data))
    else if (data.length > 0) {
      const { mark, request } = JSON.parse(Buffer.from(data).toString())
      if (this.#store.counts(mark)) this.#answer(mark, this.#store.apply(request))
    }
    raft.applied(index)
    this.#around.applied(index, () => this.#store.hash())
  }

  #applyChange(raft: Raft, change: MembershipChange): void {
    const { kind, member } = change
    const mark = Buffer.from(change.context).toString()
    const { removed } = this.#store
    if ((mark !== '' && !this.#store.counts(mark)) || removed.has(member)) {
      this.#answer(mark, { kind: 'failed' })
      return
    }
    const refusal = raft.applyConfiguration(change)
    this.#answer(mark, refusal === undefined ? { kind: 'done' } : { kind: 'failed' })
    if (kind !== 'remove' || refusal !== undefined) return
    removed.add(member)
    // The others are told of the commit first.
    if (member === this.#identity.id)
      this.#env.setTimer(TICK_MS, () => this.#around.exit('removed', 'this member was removed'))
  }

  #answer(mark: string, reply: Reply): void {
    const done = this.#changes.get(mark)
    this.#changes.delete(mark)
    done?.(reply)
  }

  #answerRead({ context, index }: ReadState): void {
    const read = this.#reads.get(context)
    this.#reads.delete(context)
    if (read === undefined) return
    if (index === READ_LOST || this.#late.length >= LATE_READS_MAX) read.done({ kind: 'failed' })
    else this.#late.push({ index, read })
  }

  #answerLate(raft: Raft): void {
    if (this.#late.length === 0) return
    const applied = raft.appliedIndex
    const ripe = this.#late.filter(({ index }) => index <= applied)
    if (ripe.length === 0) return
    this.#late = this.#late.filter(({ index }) => index > applied)
    for (const { read } of ripe) read.done(this.#store.read(read.request))
  }

  /** Duty 9. */
  #takeSnapshot(raft: Raft): void {
    const index = raft.appliedIndex
    if (this.#snapshotting || index <= this.#snapshotIndex) return
    this.#snapshotting = true
    const { voters, learners } = raft.configuration
    const configuration = { voters: [...voters], learners: [...learners] }
    const meta = { term: raft.termOf(index), index, configuration }
    const snapshot: Snapshot = { meta, data: this.#store.save() }
    this.#journal!.takeSnapshot(snapshot, saved => {
      this.#snapshotting = false
      // There was no room, or a leader's snapshot has overtaken it.
      if (!saved || index <= this.#snapshotIndex) return
      this.#snapshotIndex = index
      raft.snapshotTaken(snapshot)
      const upTo = index - this.#options.keptEntries
      if (upTo >= raft.firstIndex) {
        raft.compact(upTo)
        this.#mirror.compact(upTo)
      }
      for (const id of this.#unsent) raft.snapshotSent(id, false)
      this.#unsent.clear()
      this.#pump()
    })
  }
}

function isFor(id: string, { meta }: Snapshot): boolean {
  const { voters, learners } = meta.configuration
  return voters.includes(id) || learners.includes(id)
}

function changeOf(kind: MembershipChange['kind'], member: string, mark: string): MembershipChange {
  return { kind, member, context: Buffer.from(mark) }
}
