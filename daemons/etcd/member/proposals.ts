import type { MembershipChange } from '../raft/membership.ts'
import type { StoreError } from '../store/errors.ts'
import type { Event } from '../store/event.ts'
import type { Failure } from './service.ts'
import { WINDOW_COMMANDS } from './sessions.ts'

/** Proposals that wait to be applied; the next is refused. */
export const PROPOSALS_MAX = 16_384
/** Bytes of them. */
export const PROPOSALS_BYTES_MAX = 64 * 1024 * 1024

/** What a proposal led to. */
export type WriteResult = Event | StoreError | undefined | Failure

/** A proposal that waits to be applied. */
export interface Proposal {
  sequence: number
  /** The entry; empty for a change of members. */
  data: Uint8Array
  change: MembershipChange | undefined
  /** Why a change of members was refused is told by `refused`. */
  done: (result: WriteResult, refusal?: string) => void
  startedMs: number
  /** Term in which it was handed to the core last; 0: not yet. */
  term: number
  /** When it is to be handed over again in that same term. */
  retryAtMs: number
  /** How long the last wait for that was; 0: none yet. */
  waitedMs: number
}

/** The proposals of this process, by the number of their command, oldest first. */
export class Proposals {
  readonly #waiting = new Map<number, Proposal>()
  #bytes = 0
  #sequence = 0

  get count(): number {
    return this.#waiting.size
  }

  /** The number that the next one gets. */
  get nextSequence(): number {
    return this.#sequence + 1
  }

  /** Whether no further one is taken. */
  get isFull(): boolean {
    if (this.#waiting.size >= PROPOSALS_MAX || this.#bytes >= PROPOSALS_BYTES_MAX) return true
    // What lags behind further would count as applied.
    if (this.#waiting.size === 0) return false
    const oldest = this.#waiting.values().next().value!
    return this.#sequence - oldest.sequence >= WINDOW_COMMANDS - 1
  }

  add(
    data: Uint8Array,
    change: MembershipChange | undefined,
    done: Proposal['done'],
    startedMs: number,
  ): Proposal {
    this.#sequence += 1
    const sequence = this.#sequence
    const proposal: Proposal = { sequence, data, change, done, startedMs, term: 0, retryAtMs: 0, waitedMs: 0 }
    this.#waiting.set(sequence, proposal)
    this.#bytes += data.length
    return proposal
  }

  /** Takes out the one that was applied; undefined when nobody waits for it any more. */
  take(sequence: number): Proposal | undefined {
    const proposal = this.#waiting.get(sequence)
    if (proposal === undefined) return undefined
    this.#waiting.delete(sequence)
    this.#bytes -= proposal.data.length
    return proposal
  }

  /** Takes out the oldest if it began before. */
  takeOlder(startedBeforeMs: number): Proposal | undefined {
    if (this.#waiting.size === 0) return undefined
    const oldest = this.#waiting.values().next().value!
    return oldest.startedMs < startedBeforeMs ? this.take(oldest.sequence) : undefined
  }

  /** All, oldest first. One may be taken out meanwhile. */
  all(): Iterable<Proposal> {
    return this.#waiting.values()
  }
}
