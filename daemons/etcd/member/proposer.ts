import { encodeCommand } from '../store/codec.ts'
import type { Operation } from '../store/operation.ts'
import { type Proposal, Proposals, type WriteResult } from './proposals.ts'
import type { RunningMember } from './running.ts'
import { Failure, type FailureKind } from './service.ts'

/** Beside two election timeouts, how long work of the cluster may take (specification §0). */
const REQUEST_MS = 5000
/** The longest entry. */
const ENTRY_BYTES_MAX = 16 * 1024 * 1024
/** Sessions are numbered by chance below, from 1 on. */
const SESSION_MAX = 2 ** 52

const NOTHING = new Uint8Array(0)
/** It was applied, and nobody knows here with which result. */
const UNKNOWN = new Failure('timeout', false)

/**
 * Sees proposals through until they are applied here. A proposal has no answer but that (duty 12 of `raft.ts`), and may
 * be lost with a leader or on the way: it is handed to the core again, in time, and `sessions.ts` counts it once.
 */
export class Proposer {
  /** Of this process: its commands are told from all others by it. */
  readonly session: number
  readonly #member: RunningMember
  readonly #proposals = new Proposals()
  readonly #electionMs: number
  readonly #timeoutMs: number
  #electedMs = Number.NEGATIVE_INFINITY

  constructor(member: RunningMember) {
    const { env, options } = member
    this.#member = member
    this.session = 1 + Math.floor(env.random() * (SESSION_MAX - 1))
    this.#electionMs = options.electionTicks * options.tickMs
    this.#timeoutMs = REQUEST_MS + 2 * this.#electionMs
  }

  /** Those that wait. */
  get count(): number {
    return this.#proposals.count
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
    const data = encodeCommand(this.session, proposals.nextSequence, operation)
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
    const proposals = this.#proposals
    if (member.isStopping) {
      member.refuse('stopped', done)
      return
    }
    if (proposals.isFull) {
      member.refuse('tooManyRequests', done)
      return
    }
    const change = make(this.session, proposals.nextSequence)
    this.#hand(proposals.add(NOTHING, change, done, member.env.now()))
    member.wake()
  }

  /** One of this session was applied. */
  settle(sequence: number, result: WriteResult, refusal: string | undefined): void {
    this.#proposals.take(sequence)?.done(result, refusal)
  }

  /** A snapshot has replaced the state: what it holds has no result any more. */
  restored(): void {
    for (const { sequence } of this.#proposals.all())
      if (this.#member.machine.wasApplied(this.session, sequence)) this.settle(sequence, UNKNOWN, undefined)
  }

  /** The connection to the leader is lost, and with it perhaps what was handed on. */
  lost(): void {
    for (const proposal of this.#proposals.all())
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
    if (raft.leader === '' || this.#proposals.count === 0) return
    const nowMs = env.now()
    for (const proposal of this.#proposals.all())
      if (proposal.term !== raft.term || nowMs >= proposal.retryAtMs) this.#hand(proposal)
    this.#member.wake()
  }

  /** Gives up what has waited too long; what began before the answer has. */
  expire(): number {
    const member = this.#member
    const beforeMs = member.env.now() - this.#timeoutMs
    for (;;) {
      const proposal = this.#proposals.takeOlder(beforeMs)
      if (proposal === undefined) return beforeMs
      member.counters.proposalsFailed += 1
      proposal.done(new Failure(this.timeoutKind(proposal.startedMs), false))
    }
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
    for (const { sequence } of [...this.#proposals.all()])
      this.settle(sequence, new Failure('stopped', false), undefined)
  }

  /** Hands a proposal to the core; what it does not take now is handed over again. */
  #hand(proposal: Proposal): void {
    const { raft, env } = this.#member
    const { change, data } = proposal
    const taken = change === undefined ? raft.propose(data) : raft.proposeChange(change)
    if (taken === 'appended') {
      proposal.term = raft.term
      proposal.retryAtMs = Number.POSITIVE_INFINITY
    } else if (taken === 'forwarded') {
      proposal.term = raft.term
      proposal.retryAtMs = env.now() + 2 * this.#electionMs
    } else {
      proposal.term = 0
    }
  }
}
