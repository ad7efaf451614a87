import { type CaseResult, type Pair, resultOf, type Side, turnsOf } from '../results.ts'
import type { BenchCluster } from './cluster.ts'
import { untilWritten } from './contents.ts'
import { type BenchContext, withClusters } from './context.ts'

/** A client gives a write up after this time and sends it again: what was lost with the leader is never answered. */
const TRY_TIMEOUT_MS = 250
const FAILOVER_TIMEOUT_MS = 60_000

/** Measures how long nobody can write after the leader of three was killed: a write is sent to a follower at once. */
export async function measureFailover(
  context: BenchContext,
  chosen: ReadonlySet<string>,
): Promise<CaseResult[]> {
  if (!chosen.has('failover')) return []
  const times: Pair<number[]> = { ours: [], theirs: [] }
  await withClusters(context, 3, async clusters => {
    for (const { side, round } of turnsOf(context.kills)) {
      times[side].push(await failOver(clusters[side]))
      if (side === 'theirs' && (round + 1) % 5 === 0) context.note(noteOf(round + 1, times))
    }
  })
  return [
    resultOf('failover', 'ms', times),
    resultOf('failover-max', 'ms', times, values => Math.max(...values)),
  ]
}

async function failOver(cluster: BenchCluster): Promise<number> {
  const leader = await cluster.leader()
  const follower = await cluster.follower()
  const started = performance.now()
  const killed = leader.kill()
  const took = (await untilWritten(follower.clientUrl, FAILOVER_TIMEOUT_MS, TRY_TIMEOUT_MS)) - started
  await killed
  await leader.start()
  await leader.ready()
  await cluster.leader()
  return took
}

function noteOf(kills: number, times: Pair<number[]>): string {
  const maxOf = (side: Side) => Math.max(...times[side]).toFixed(0)
  return `failover: ${kills} leaders of each killed; longest ${maxOf('ours')} ms ours, ${maxOf('theirs')} ms theirs`
}
