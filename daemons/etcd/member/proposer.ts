import type { Message } from '../raft/message.ts'
import { encodeCommand, retimeCommand } from '../store/codec.ts'
import type { Operation } from '../store/operation.ts'
import { type Proposal, Proposals, type WriteResult } from './proposals.ts'
import type { RunningMember } from './running.ts'
import { Failure, type FailureKind } from './service.ts'

/** Beside two election timeouts, how long work of the cluster may take (specification §0). */
const REQUEST_MS = 5000
/** The longest entry. */
const ENTRY_BYTES_MAX = 16 * 1024 * 1024
/** Sessions are even numbers by chance below, from 2 on; the next odd one is that of changes of members. */
const SESSION_MAX = 2 ** 52

const NOTHING = new Uint8Array(0)
/** It was applied, and nobody knows here with which result. */
const UNKNOWN = new Failure('timeout', false)

/** Whether a message hands on work of clients, which a leader without room refuses; they hand it on again for a while. */
export function isWork({ type, entries }: Message): boolean {
  return type === 'propose' && entries.every(entry => entry.type === 'normal')
}

/** Work of a follower's clients, counted by the clock of the member that leads. Pure. */
export function retimeWork(message: Message, nowMs: number): void {
  for (const entry of message.entries) entry.data = retimeCommand(entry.data, nowMs)
}

/**
 * Sees proposals through until they are applied here. A proposal has no answer but that (duty 12 of `raft.ts`), and may
 * be lost with a leader or on the way: it is handed to the core again, in time, and `sessions.ts` counts it once.
 */
export class Proposer {
  /** Of this process: its commands are told from all others by it. */
  readonly session: number
  readonly #member: RunningMember
  readonly #proposals = new Proposals()
  /**
   * Changes of members have a session of their own: one may have to wait for another for seconds, and the window of the
   * session would move past it meanwhile.
   */
  readonly #changes = new Proposals()
  readonly #electionMs: number
  readonly #timeoutMs: number
  #electedMs = Number.NEGATIVE_INFINITY

  constructor(member: RunningMember) {
    const { env, options } = member
    this.#member = member
    this.session = 2 * (1 + Math.floor(env.random() * (SESSION_MAX / 2 - 1)))
    this.#electionMs = options.electionTicks * options.tickMs
    this.#timeoutMs = REQUEST_MS + 2 * this.#electionMs
  }

  /** Those that wait. */
  get count(): number {
    return this.#proposals.count + this.#changes.count
  }

  propose(operation: Operation, done: (result: WriteResult) => void): void {
    const member = this.#member
    const proposals = this.#proposals
    if (member.isOver) {
      member.refuse('stopped', done)
      return
    }
    if (proposals.isFull) {
      member.refuse('tooManyRequests', done)
      return
    }
    const clockMs = Math.floor(member.env.wallClock())
    const data = encodeCommand(this.session, proposals.nextSequence, operation, clockMs)
    if (data.length > ENTRY_BYTES_MAX) {
      member.refuse('tooLarge', done)
      return
    }
    this.#hand(proposals.add(data, undefined, done, member.env.now()))
    member.wake()
  }

  /** Proposes a change of members; `done` also gets why it was refused when it was applied. */
  proposeChange(
    make: (session: number, sequence: number) => NonNullable<Proposal['change']>,
    done: Proposal['done'],
  ): void {
    const member = this.#member
    const changes = this.#changes
    if (member.isStopping) {
      member.refuse('stopped', done)
      return
    }
    if (changes.isFull) {
      member.refuse('tooManyRequests', done)
      return
    }
    const change = make(this.session + 1, changes.nextSequence)
    this.#hand(changes.add(NOTHING, change, done, member.env.now()))
    member.wake()
  }

  /** A command was applied; whether it is one of this process shows here. */
  settle(session: number, sequence: number, result: WriteResult, refusal: string | undefined): void {
    if (session === this.session) this.#proposals.take(sequence)?.done(result)
    else if (session === this.session + 1) this.#changes.take(sequence)?.done(result, refusal)
  }

  /** A snapshot has replaced the state: what it holds has no result any more. */
  restored(): void {
    const { machine } = this.#member
    for (const session of [this.session, this.session + 1])
      for (const { sequence } of this.#all(session))
        if (machine.wasApplied(session, sequence)) this.settle(session, sequence, UNKNOWN, undefined)
  }

  /** The connection to the leader is lost, and with it perhaps what was handed on. */
  lost(): void {
    for (const session of [this.session, this.session + 1])
      for (const proposal of this.#all(session))
        if (proposal.retryAtMs !== Number.POSITIVE_INFINITY) proposal.retryAtMs = 0
  }

  /** Another leader is known, or another term of it. */
  elected(): void {
    this.#electedMs = this.#member.env.now()
    this.retry()
  }

  /** Hands over again what may be lost: of another term, or forwarded long ago. */
  retry(): void {
    const { raft, env } = this.#member
    if (raft.leader === '' || this.count === 0) return
    const nowMs = env.now()
    for (const session of [this.session, this.session + 1])
      for (const proposal of this.#all(session))
        if (proposal.term !== raft.term || nowMs >= proposal.retryAtMs) this.#hand(proposal)
    this.#member.wake()
  }

  /** Gives up what has waited too long; what began before the answer has. */
  expire(): number {
    const beforeMs = this.#member.env.now() - this.#timeoutMs
    for (const table of [this.#proposals, this.#changes]) this.#expire(table, beforeMs)
    return beforeMs
  }

  #expire(table: Proposals, beforeMs: number): void {
    for (;;) {
      const proposal = table.takeOlder(beforeMs)
      if (proposal === undefined) return
      this.#member.counters.proposalsFailed += 1
      proposal.done(new Failure(this.timeoutKind(proposal.startedMs), false))
    }
  }

  #all(session: number): Iterable<Proposal> {
    return session === this.session ? this.#proposals.all() : this.#changes.all()
  }

  /** What the original would say of what began then and took too long (specification §2.4). */
  timeoutKind(startedMs: number): FailureKind {
    const { raft, env, id } = this.#member
    const lostMs = this.#electedMs - 2 * this.#electionMs
    if (startedMs > lostMs && startedMs < this.#electedMs) return 'timeoutLeaderFailed'
    if (raft.leader === '' || raft.leader === id) return 'timeout'
    const peer = this.#member.peers().find(peer => peer.id === raft.leader)
    if (peer === undefined) return 'timeout'
    const startedWallMs = env.wallClock() - (env.now() - startedMs)
    const wasLost = peer.activeSinceMs === 0 || peer.activeSinceMs > startedWallMs
    return wasLost ? 'timeoutConnectionLost' : 'timeout'
  }

  /** Answers all that wait. */
  end(): void {
    for (const session of [this.session, this.session + 1])
      for (const { sequence } of this.#all(session))
        this.settle(session, sequence, new Failure('stopped', false), undefined)
  }

  /** What this member appends as the leader counts by the clock of this moment: the proposal may have waited. */
  #retimed(data: Uint8Array): Uint8Array {
    const { role, env, clock } = this.#member
    return role === 'leader' ? retimeCommand(data, clock.wallMs(env.now())) : data
  }

  /** Hands a proposal to the core; what it does not take now is handed over again. */
  #hand(proposal: Proposal): void {
    const { raft, env } = this.#member
    const { change } = proposal
    const taken =
      change === undefined ? raft.propose(this.#retimed(proposal.data)) : raft.proposeChange(change)
    if (taken === 'appended') {
      proposal.term = raft.term
      proposal.retryAtMs = Number.POSITIVE_INFINITY
    } else if (taken === 'forwarded') {
      // A leader that is slow has it already, most likely, and each copy makes it slower: the waits double.
      proposal.waitedMs = proposal.term === raft.term ? 2 * proposal.waitedMs : this.#electionMs
      proposal.term = raft.term
      proposal.retryAtMs = env.now() + proposal.waitedMs
    } else {
      proposal.term = 0
    }
  }
}
