import { InvariantError } from '../assert.ts'
import { decodeMessage, encodeMessage } from '../codec.ts'
import type { ChangeKind } from '../membership.ts'
import { foundingLog } from '../membership.ts'
import type { Message } from '../message.ts'
import type { PlantedBug } from '../planted.ts'
import type { Raft } from '../raft.ts'
import { READ_LOST } from '../reads.ts'
import type { Ready } from '../ready.ts'
import type { Settings } from '../settings.ts'
import type { Entry, MemberId, SnapshotMeta } from '../types.ts'
import { Checker, SafetyError } from './checker.ts'
import { Peer, type PeerEvents } from './peer.ts'
import { randomFrom } from './random.ts'

const NETWORK_MESSAGES_MAX = 400
const HEAL_TICKS_MAX = 400
const IDS: readonly MemberId[] = ['1', '2', '3', '4', '5', '6', '7', '8']

/** What is varied between runs. */
export interface SoakOptions {
  seed: number
  steps: number
  planted: ReadonlySet<PlantedBug>
  /** Whether members come and go. */
  changes: boolean
}

/** What a run saw; for tests that want to know that something happened. */
export interface SoakResult {
  applied: number
  leaders: number
  reads: number
  installs: number
  changes: number
  /** What broke, if something did. */
  broken: string | undefined
}

/** A cluster in which everything goes wrong that may, by one seed. */
class Soak implements PeerEvents {
  readonly #options: SoakOptions
  readonly #random: () => number
  readonly #settings: Partial<Settings>
  readonly #checker = new Checker()
  readonly #peers = new Map<MemberId, Peer>()
  #network: Message[] = []
  readonly #cut = new Set<MemberId>()
  #proposals = 0
  readonly #reads = new Map<number, number>()
  readonly result: SoakResult = {
    applied: 0,
    leaders: 0,
    reads: 0,
    installs: 0,
    changes: 0,
    broken: undefined,
  }

  constructor(options: SoakOptions) {
    this.#options = options
    this.#random = randomFrom(options.seed)
    const some = this.#random
    this.#settings = {
      electionTicks: 5,
      preVote: some() < 0.5,
      checkQuorum: some() < 0.5,
      appendBytesMax: some() < 0.5 ? 1 : 200,
      inflightMessagesMax: 1 + Math.floor(some() * 4),
      writesInFlightMax: 1 + Math.floor(some() * 4),
      applyBytesMax: some() < 0.5 ? 1 : 1000,
    }
    const founders = IDS.slice(0, options.changes ? 3 : some() < 0.5 ? 3 : 5)
    for (const id of founders) this.#add(id, founders)
  }

  #add(id: MemberId, founders: readonly MemberId[]): Peer {
    const { hardState, entries } = foundingLog(
      founders.map(member => ({ member, context: new Uint8Array(0) })),
    )
    const configuration = { voters: [], learners: [] }
    const disk = { hardState, snapshot: undefined, configuration, entries }
    const { planted } = this.#options
    const peer = new Peer(id, disk, { random: this.#random, settings: this.#settings, planted }, this)
    this.#peers.set(id, peer)
    peer.start()
    peer.pump()
    return peer
  }

  run(): SoakResult {
    try {
      for (let step = 0; step < this.#options.steps; step++) this.#step()
      this.#settle()
    } catch (error) {
      if (!(error instanceof InvariantError || error instanceof SafetyError)) throw error
      this.result.broken = error.message
    }
    this.result.applied = this.#checker.appliedIndex
    return this.result
  }

  #below(end: number): number {
    return Math.floor(this.#random() * end)
  }

  #pick(): Peer {
    return [...this.#peers.values()][this.#below(this.#peers.size)]!
  }

  #step(): void {
    const dice = this.#below(1000)
    if (dice < 500) this.#deliver()
    else if (dice < 680) this.#pick().raft?.tick()
    else if (dice < 800) this.#propose(this.#pick())
    else if (dice < 900) this.#pick().write(1 + this.#below(3))
    else if (dice < 920) this.#read(this.#pick())
    else if (dice < 940) this.#toggleSlow(this.#pick())
    else if (dice < 955) this.#crash(this.#pick())
    else if (dice < 970) this.#compact(this.#pick())
    else if (dice < 980) this.#cutOrHeal()
    else if (dice < 985) this.#pick().raft?.transfer(this.#pick().id)
    else if (dice < 990) this.#report(this.#pick())
    else if (this.#options.changes) this.#changes(this.#pick())
    this.#pump()
  }

  #pump(): void {
    for (const peer of this.#peers.values()) peer.pump()
  }

  /** Any message may be next; some are lost, some come again. */
  #deliver(): void {
    if (this.#network.length === 0) return
    const at = this.#random() < 0.7 ? 0 : this.#below(this.#network.length)
    const message = this.#random() < 0.05 ? this.#network[at]! : this.#network.splice(at, 1)[0]!
    if (this.#random() < 0.05 || this.#cut.has(message.from) !== this.#cut.has(message.to)) return
    this.#hand(message)
  }

  #hand(message: Message): void {
    const raft = this.#peers.get(message.to)?.raft
    if (raft === undefined) return
    raft.step(decodeMessage(encodeMessage(message)))
  }

  #propose(peer: Peer): void {
    this.#proposals += 1
    peer.raft?.propose(Buffer.from(`p${this.#proposals}`))
  }

  #read(peer: Peer): void {
    const number = this.#reads.size + 1
    if (peer.raft?.readIndex(number) === 'taken') this.#reads.set(number, this.#checker.appliedIndex)
  }

  #toggleSlow(peer: Peer): void {
    peer.slow = !peer.slow
  }

  #cutOrHeal(): void {
    this.#cut.clear()
    if (this.#random() < 0.5) this.#cut.add(this.#pick().id).add(this.#pick().id)
  }

  #crash(peer: Peer): void {
    if (peer.raft === undefined) peer.start()
    else peer.crash(this.#below(3), this.#below(2))
  }

  #compact(peer: Peer): void {
    // Only what is on disk may be forgotten there.
    if (peer.raft === undefined || peer.unsaved > 0 || peer.raft.appliedIndex === 0) return
    const meta = peer.snapshot()
    peer.compact(meta, meta.index - this.#below(3))
  }

  #report(peer: Peer): void {
    for (const { id, state } of peer.raft?.members() ?? []) {
      if (state === 'snapshot') peer.raft?.snapshotSent(id, this.#random() < 0.5)
      else if (this.#random() < 0.3) peer.raft?.unreachable(id)
    }
  }

  #changes(peer: Peer): void {
    for (let count = 1 + this.#below(4); count > 0; count--) this.#change(peer)
  }

  #change(peer: Peer): void {
    const kinds: readonly ChangeKind[] = ['addVoter', 'addLearner', 'promote', 'remove', 'demote']
    const kind = kinds[this.#below(kinds.length)]!
    const member = IDS[this.#below(IDS.length)]!
    const isNew = !this.#peers.has(member)
    // Ids are not used again, and a cluster that shrinks for good shows nothing.
    if ((kind === 'remove' || kind === 'demote') && (peer.raft?.configuration.voters.length ?? 0) < 4) return
    if (kind.startsWith('add') && !isNew) return
    const became = peer.raft?.proposeChange({ kind, member, context: new Uint8Array(0) })
    if (isNew && (became === 'appended' || became === 'forwarded')) {
      const joiner = this.#add(member, [])
      joiner.disk.hardState = { term: 0, vote: '', commit: 0 }
    }
  }

  /** Faults end; the cluster must agree again, on something new. */
  #settle(): void {
    this.#cut.clear()
    for (const peer of this.#peers.values()) {
      peer.slow = false
      if (peer.raft === undefined) peer.start()
    }
    this.#pump()
    const target = this.#checker.appliedIndex + 1
    for (let ticks = 0; ticks < HEAL_TICKS_MAX; ticks++) {
      for (const peer of this.#peers.values()) peer.raft!.tick()
      this.#pump()
      const leader = [...this.#peers.values()].find(({ raft }) => raft?.role === 'leader')
      if (leader !== undefined && this.#checker.appliedIndex < target) this.#propose(leader)
      const members = leader?.raft?.members() ?? []
      for (const { id, state } of members) if (state === 'snapshot') leader?.raft?.snapshotSent(id, false)
      this.#drain()
      const applied = members.map(({ id }) => this.#peers.get(id)?.raft?.appliedIndex ?? 0)
      if (applied.length > 0 && Math.min(...applied) >= target && new Set(applied).size === 1) return
    }
    throw new SafetyError('the cluster does not agree although nothing fails any more')
  }

  #drain(): void {
    for (let left = NETWORK_MESSAGES_MAX * 10; this.#network.length > 0 && left > 0; left--) {
      this.#hand(this.#network.shift()!)
      this.#pump()
    }
  }

  sends(message: Message): void {
    this.#network.push(message)
    if (this.#network.length > NETWORK_MESSAGES_MAX) this.#network.shift()
  }

  takes(peer: Peer, { entries }: Ready): void {
    this.#checker.holds(peer.raft!, entries)
  }

  applies(peer: Peer, entry: Entry): void {
    this.#checker.applies(peer, entry)
    if (entry.type === 'config') this.result.changes += 1
    if (!this.#options.changes)
      this.#checker.survives(
        entry,
        peer.raft!.configuration.voters.flatMap(id => this.#peers.get(id) ?? []),
      )
  }

  installs(_peer: Peer, _meta: SnapshotMeta): void {
    this.result.installs += 1
  }

  reads(_peer: Peer, { context, index }: { context: number; index: number }): void {
    if (index === READ_LOST) return
    this.result.reads += 1
    const known = this.#reads.get(context)!
    if (index < known)
      throw new SafetyError(`read ${context} is at ${index}; when it came ${known} was applied`)
  }

  changesRole(_peer: Peer, raft: Raft): void {
    if (raft.role !== 'leader') return
    this.result.leaders += 1
    this.#checker.leads(raft)
  }
}

/** One run. The same options give the same result. */
export function soak(options: SoakOptions): SoakResult {
  return new Soak(options).run()
}
