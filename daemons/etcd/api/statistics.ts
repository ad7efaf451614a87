import { formatDuration } from '#lib/cli/duration.ts'
import { jsonMessage, methodNotAllowed, notFound, type Reply } from '#lib/http/reply.ts'
import type { MemberService, PeerStatistics } from '../member/service.ts'
import { quote } from '../store/quote.ts'
import { renderStats } from '../store/stats.ts'
import { type ApiContext, jsonReply } from './context.ts'

/** Where the statistics are. */
export const STATISTICS = '/v2/stats'
/** What a role is called. */
export const STATES = {
  leader: 'StateLeader',
  follower: 'StateFollower',
  preCandidate: 'StatePreCandidate',
  candidate: 'StateCandidate',
} as const

/** `/v2/stats/self`, `leader` and `store` (specification §4). */
export function statistics({ service, now }: ApiContext, method: string, path: string): Reply {
  const kind = path.slice(STATISTICS.length + 1)
  if (kind !== 'self' && kind !== 'leader' && kind !== 'store') return notFound()
  if (method !== 'GET') return methodNotAllowed(['GET'])
  if (kind === 'self') return jsonReply(200, renderSelf(service, now()))
  if (kind === 'store') {
    const { stats, watchers } = service.store
    return jsonReply(200, renderStats(stats, watchers.count))
  }
  if (service.role !== 'leader') return jsonMessage(403, 'not current leader')
  return jsonReply(200, renderLeader(service))
}

function renderSelf(service: MemberService, nowMs: number): string {
  const { counters, leader, leaderSinceMs } = service
  const startedAt = new Date(service.startedAtMs).toISOString()
  const isKnown = leader !== '' && leaderSinceMs > 0
  const leaderInfo = {
    leader,
    uptime: isKnown ? formatDuration(nowMs - leaderSinceMs) : '0s',
    startTime: isKnown ? new Date(leaderSinceMs).toISOString() : '0001-01-01T00:00:00Z',
  }
  return (
    `{"name":${quote(service.name)},"id":"${service.id}","state":"${STATES[service.role]}",` +
    `"startTime":"${startedAt}","leaderInfo":${JSON.stringify(leaderInfo)},` +
    `"recvAppendRequestCnt":${counters.appendsReceived},"sendAppendRequestCnt":${counters.appendsSent}}`
  )
}

function renderLeader(service: MemberService): string {
  const followers = service.peers().map(peer => `"${peer.id}":${renderFollower(peer)}`)
  return `{"leader":"${service.id}","followers":{${followers.toSorted().join(',')}}}`
}

function renderFollower({ latency, failures, successes }: PeerStatistics): string {
  const { current, average, standardDeviation, minimum, maximum } = latency
  return JSON.stringify({
    latency: { current, average, standardDeviation, minimum, maximum },
    counts: { fail: failures, success: successes },
  })
}
