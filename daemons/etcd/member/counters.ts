/** Since the process has started. */
export interface Counters {
  leaderChanges: number
  proposalsCommitted: number
  proposalsApplied: number
  proposalsPending: number
  proposalsFailed: number
  heartbeatSendFailures: number
  slowApplies: number
  /** Append messages of the leader to others, and from the leader here. */
  appendsSent: number
  appendsReceived: number
  /** Samples of durations in milliseconds: given to whoever listens (`metrics`). */
  onWalSync: ((ms: number) => void) | undefined
  onSnapshotSave: ((ms: number) => void) | undefined
  walBytesWritten: number
}

/** Of a process that has just started. */
export function freshCounters(): Counters {
  return {
    leaderChanges: 0,
    proposalsCommitted: 0,
    proposalsApplied: 0,
    proposalsPending: 0,
    proposalsFailed: 0,
    heartbeatSendFailures: 0,
    slowApplies: 0,
    appendsSent: 0,
    appendsReceived: 0,
    onWalSync: undefined,
    onSnapshotSave: undefined,
    walBytesWritten: 0,
  }
}
