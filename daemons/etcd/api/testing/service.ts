import { type Counters, freshCounters } from '../../member/counters.ts'
import {
  type ChangeRefusal,
  type ClusterMember,
  Failure,
  type MemberService,
  type PeerStatistics,
} from '../../member/service.ts'
import type { Role } from '../../raft/core.ts'
import type { MemberProgress } from '../../raft/raft.ts'
import type { Operation } from '../../store/operation.ts'
import { Store } from '../../store/store.ts'

/** A member that is a cluster of its own and keeps everything in memory; what it answers to changes is set by tests. */
export class TestService implements MemberService {
  readonly id = '8e9e05c52164694d'
  readonly clusterId = 'cdf818194e3a8c32'
  readonly name = 'default'
  readonly startedAtMs = Date.UTC(2026, 0, 1)
  readonly store = new Store()
  role: Role = 'leader'
  term = 2
  vote = '8e9e05c52164694d'
  leader = '8e9e05c52164694d'
  leaderSinceMs = Date.UTC(2026, 0, 1)
  committedIndex = 4
  appliedIndex = 4
  isFull = false
  clusterVersion: string | undefined = '3.4.0'
  failure: Failure | undefined = undefined
  isHealthy = true
  /** What happens to changes of members; undefined: they are made. */
  refusal: ChangeRefusal | undefined = undefined
  changes: unknown[] = []
  list: ClusterMember[] = [
    {
      id: '8e9e05c52164694d',
      name: 'default',
      peerUrls: ['http://localhost:2380'],
      clientUrls: ['http://localhost:2379'],
      isLearner: false,
    },
  ]
  counters: Counters = { ...freshCounters(), leaderChanges: 1, proposalsCommitted: 4, proposalsApplied: 4 }

  write(operation: Operation, done: Parameters<MemberService['write']>[1]): void {
    const result = this.failure ?? this.store.apply(operation)
    if (!(result instanceof Failure)) this.committedIndex += 1
    queueMicrotask(() => done(result))
  }

  readBarrier(done: (failure: Failure | undefined) => void): void {
    queueMicrotask(() => done(this.failure))
  }

  checkHealth(_timeoutMs: number, done: (isHealthy: boolean) => void): void {
    queueMicrotask(() => done(this.isHealthy))
  }

  members(): readonly ClusterMember[] {
    return this.list
  }

  wasRemoved(): boolean {
    return false
  }

  addMember(peerUrls: readonly string[], done: (result: ClusterMember | ChangeRefusal) => void): void {
    this.changes.push(['add', peerUrls])
    done(this.refusal ?? { id: 'abc', name: '', peerUrls, clientUrls: [], isLearner: false })
  }

  removeMember(id: string, done: (result: undefined | ChangeRefusal) => void): void {
    this.changes.push(['remove', id])
    done(this.refusal)
  }

  updateMember(
    id: string,
    peerUrls: readonly string[],
    done: (result: undefined | ChangeRefusal) => void,
  ): void {
    this.changes.push(['update', id, peerUrls])
    done(this.refusal)
  }

  transferLeadership(_to: string, done: (failure: Failure | undefined) => void): void {
    done(undefined)
  }

  progress(): readonly MemberProgress[] {
    return []
  }

  peers(): readonly PeerStatistics[] {
    return [
      {
        id: 'abc',
        isActive: true,
        activeSinceMs: 1,
        clockAheadMs: undefined,
        bytesSent: 1,
        bytesReceived: 1,
        sendFailures: 0,
        latency: { current: 0.5, average: 1, standardDeviation: 0.25, minimum: 0.5, maximum: 2 },
        failures: 1,
        successes: 7,
      },
    ]
  }
}
