import type { Role } from '../raft/core.ts'
import type { MemberProgress } from '../raft/raft.ts'
import type { MemberId } from '../raft/types.ts'
import type { StoreError } from '../store/errors.ts'
import type { Event } from '../store/event.ts'
import type { Operation } from '../store/operation.ts'
import type { Store } from '../store/store.ts'
import type { Counters } from './counters.ts'

/**
 * What the public API (`api/`) and the peer port (`peer/`) may ask of a running member, and nothing more. The member
 * implements it; tests of the API give it one in memory.
 */
export interface MemberService {
  readonly id: MemberId
  readonly clusterId: string
  /** The name it was started with. */
  readonly name: string
  /** Milliseconds since 1970 when this process became a member. */
  readonly startedAtMs: number
  /** What is applied here; reading it is a local read. Changed by `write` alone. */
  readonly store: Store

  readonly role: Role
  readonly term: number
  /** Whom it voted for in this term, or ''. */
  readonly vote: MemberId | ''
  /** Who leads as far as known here, or ''. */
  readonly leader: MemberId | ''
  /** Milliseconds since 1970 since when it leads; 0 without a leader. */
  readonly leaderSinceMs: number
  readonly committedIndex: number
  readonly appliedIndex: number
  /** Writes are refused because the disk is full. */
  readonly isFull: boolean
  readonly counters: Counters

  /**
   * Has the cluster agree on a change and answers when it is applied here, once, later than the call: with what it has
   * led to, or why nobody knows. It counts once even if it had to be proposed again.
   */
  write(operation: Operation, done: (result: Event | StoreError | undefined | Failure) => void): void
  /** Answers when a read of `store`, made within the answer, is linearizable. */
  readBarrier(done: (failure: Failure | undefined) => void): void
  /** Whether the cluster agrees within so many milliseconds; for /health. */
  checkHealth(timeoutMs: number, done: (isHealthy: boolean) => void): void

  /** All members as applied here, by id, numerically. */
  members(): readonly ClusterMember[]
  /** Whether a member of that id was removed; ids do not come again. */
  wasRemoved(id: MemberId): boolean
  /** `MAJOR.MINOR.0` on which the cluster agreed, or undefined. */
  readonly clusterVersion: string | undefined
  addMember(peerUrls: readonly string[], done: (result: ClusterMember | ChangeRefusal) => void): void
  removeMember(id: MemberId, done: (result: undefined | ChangeRefusal) => void): void
  updateMember(
    id: MemberId,
    peerUrls: readonly string[],
    done: (result: undefined | ChangeRefusal) => void,
  ): void
  /** Hands leadership to another voter; answers when it leads, or with a failure. */
  transferLeadership(to: MemberId, done: (failure: Failure | undefined) => void): void
  /** As the leader sees the others; empty elsewhere. */
  progress(): readonly MemberProgress[]
  /** Of the peers, as measured by the transport. */
  peers(): readonly PeerStatistics[]
}

/** A member as the cluster has agreed on it. */
export interface ClusterMember {
  id: MemberId
  /** '' until it has started for the first time. */
  name: string
  peerUrls: readonly string[]
  /** Empty until it has started for the first time. */
  clientUrls: readonly string[]
  isLearner: boolean
}

/** Why work of the cluster did not come about, or may yet: `FAILURE_TEXTS` has the original's words. */
export type FailureKind =
  | 'timeout'
  | 'timeoutLeaderFailed'
  | 'timeoutConnectionLost'
  | 'stopped'
  | 'cancelled'
  | 'noSpace'
  | 'tooLarge'
  | 'tooManyRequests'

/** What the texts of error 300 are (specification §2.4); where the original has none, ours. */
export const FAILURE_TEXTS: Readonly<Record<FailureKind, string>> = {
  timeout: 'etcdserver: request timed out',
  timeoutLeaderFailed: 'etcdserver: request timed out, possibly due to previous leader failure',
  timeoutConnectionLost: 'etcdserver: request timed out, possibly due to connection lost',
  stopped: 'etcdserver: server stopped',
  cancelled: 'etcdserver: request cancelled',
  noSpace: 'etcdserver: no space',
  tooLarge: 'etcdserver: request is too large',
  tooManyRequests: 'etcdserver: too many requests',
}

/** A write or a barrier that was not seen to come about. */
export class Failure {
  readonly kind: FailureKind
  /** Nothing has happened and nothing will; otherwise it may still come about. */
  readonly isFinal: boolean

  constructor(kind: FailureKind, isFinal: boolean) {
    this.kind = kind
    this.isFinal = isFinal
  }

  get text(): string {
    return FAILURE_TEXTS[this.kind]
  }
}

/** Why members were not changed. `unhealthy`: the strict check of a reconfiguration (specification §4). */
export interface ChangeRefusal {
  refused: 'idExists' | 'peerUrlExists' | 'idNotFound' | 'idRemoved' | 'unhealthy' | 'failed'
  /** For the log, and for the answer where the original gives none. */
  why: string
}

/** What the transport has seen of another member. */
export interface PeerStatistics {
  id: MemberId
  isActive: boolean
  /** Milliseconds since 1970 since when it is reached without a break; 0 when it is not. */
  activeSinceMs: number
  /** What its wall clock was last seen to be ahead of this member's clock that never goes back, in milliseconds. */
  clockAheadMs: number | undefined
  bytesSent: number
  bytesReceived: number
  sendFailures: number
  /** Of append messages, in milliseconds. */
  latency: { current: number; average: number; standardDeviation: number; minimum: number; maximum: number }
  failures: number
  successes: number
}
