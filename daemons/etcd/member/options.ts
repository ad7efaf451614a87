import type { Settings } from '../raft/settings.ts'
import type { Entry, HardState, MemberId, SnapshotMeta } from '../raft/types.ts'
import type { LogOptions } from '../wal/settings.ts'
import type { PlantedMemberBug } from './planted.ts'
import type { Founder } from './recovery.ts'

/**
 * Why a member ended itself: its disk failed, what it holds cannot be trusted, or it was removed from the cluster.
 */
export type ExitReason = 'disk' | 'corrupt' | 'removed'

/** What a member is started with; a member that has a log takes id and cluster from there. */
export interface MemberOptions {
  id: MemberId
  clusterId: string
  name: string
  walFolder: string
  snapFolder: string
  /** All founding members, in the same order everywhere; empty for one that joins. */
  founders: readonly Founder[]
  /** Where others are reached, for one that joins: it speaks with them until it has caught up. */
  peers?: ReadonlyMap<MemberId, readonly string[]>
  /** To be published. */
  clientUrls: readonly string[]
  /** A line for the operator's log. */
  log: (line: string) => void
  /** The process should end; nothing is answered after it. */
  onExit: (reason: ExitReason, message: string) => void
  tickMs?: number
  electionTicks?: number
  heartbeatTicks?: number
  /** Applied entries between two snapshots, and entries kept behind one for slow followers. */
  snapshotCount?: number
  snapshotCatchUp?: number
  /** Snapshots to keep; 0 keeps all. */
  snapshotsRetained?: number
  /** Makes this member the only one, with all it has. */
  forceNewCluster?: boolean
  /** Refuses changes of members that could cost the majority. */
  strictReconfig?: boolean
  /** `MAJOR.MINOR.0` that this program can speak. */
  clusterVersion?: string
  /** For simulation and tests. */
  settings?: Partial<Settings>
  logOptions?: LogOptions
  planted?: ReadonlySet<string>
  probe?: Probe
}

/** Looks on as the log is saved, for checkers. */
export interface Probe {
  opened(hardState: HardState, meta: SnapshotMeta | undefined, entries: readonly Entry[]): void
  /** The result is given to `durable` when all of it is. */
  saving(meta: SnapshotMeta | undefined, entries: readonly Entry[]): unknown
  durable(hardState: HardState | undefined, saved: unknown): void
  compacted(index: number): void
  applied(index: number): void
  /** All that the core had given out is dealt with: what it says of itself is what was handed on. */
  turned(): void
}

/** The options with their defaults. */
export type FullOptions = Required<Omit<MemberOptions, 'probe' | 'planted'>> & {
  probe: Probe | undefined
  planted: ReadonlySet<PlantedMemberBug>
}

/** Fills in the original's defaults (specification §7.1). */
export function withDefaults(options: MemberOptions): FullOptions {
  return {
    peers: new Map(),
    tickMs: 100,
    electionTicks: 10,
    heartbeatTicks: 1,
    snapshotCount: 100_000,
    snapshotCatchUp: 5000,
    snapshotsRetained: 5,
    forceNewCluster: false,
    strictReconfig: true,
    clusterVersion: '3.4.0',
    settings: {},
    logOptions: {},
    ...options,
    probe: options.probe,
    planted: (options.planted ?? new Set()) as ReadonlySet<PlantedMemberBug>,
  }
}
