import type { MemberId } from '../raft/types.ts'
import type { ClusterMember } from './service.ts'

/** Others must have been reached for so long without a break. */
export const CONNECTED_MS_MIN = 5000

/** Since when others are reached, in milliseconds since 1970; 0 or missing: they are not. */
export type ConnectedSince = ReadonlyMap<MemberId, number>

/**
 * Why a voter must not be added, or undefined. The new one does not vote for a while, so those that run must be a
 * majority of the enlarged cluster; from one to two is allowed, as otherwise no cluster could grow (specification §4).
 */
export function refuseAdding(
  self: MemberId,
  members: readonly ClusterMember[],
  connected: ConnectedSince,
  nowMs: number,
): string | undefined {
  const voters = members.filter(member => !member.isLearner)
  const started = voters.filter(isStarted).length
  const total = voters.length + 1
  if (!(started === 1 && total === 2) && started < quorumOf(total))
    return `only ${started} of ${voters.length} members have started, a cluster of ${total} needs ${quorumOf(total)}`
  const missing = voters.find(({ id }) => !isConnected(id, self, connected, nowMs))
  if (missing !== undefined) return `member ${missing.id} is not reached for ${CONNECTED_MS_MIN} ms yet`
  return undefined
}

/** Why a member must not be removed, or undefined: those that are left could lose their majority. */
export function refuseRemoving(
  self: MemberId,
  id: MemberId,
  members: readonly ClusterMember[],
  connected: ConnectedSince,
  nowMs: number,
): string | undefined {
  const voters = members.filter(member => !member.isLearner)
  const left = voters.filter(member => member.id !== id)
  if (left.length === voters.length) return undefined
  const started = left.filter(isStarted).length
  if (started < quorumOf(left.length))
    return `only ${started} of the ${left.length} members that are left have started`
  // One that is away does not count among those that agree now.
  if (id !== self && (connected.get(id) ?? 0) === 0) return undefined
  const active = voters.filter(member => isConnected(member.id, self, connected, nowMs)).length
  if (active - 1 < quorumOf(left.length))
    return `only ${active} members are reached for ${CONNECTED_MS_MIN} ms`
  return undefined
}

function quorumOf(count: number): number {
  return Math.floor(count / 2) + 1
}

function isStarted({ name }: ClusterMember): boolean {
  return name !== ''
}

function isConnected(id: MemberId, self: MemberId, connected: ConnectedSince, nowMs: number): boolean {
  if (id === self) return true
  const sinceMs = connected.get(id) ?? 0
  return sinceMs > 0 && nowMs - sinceMs >= CONNECTED_MS_MIN
}
