import { readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import type { Member } from '../../../cluster/lib/member.ts'
import { type CaseResult, type Pair, resultOf, turnsOf } from '../results.ts'
import type { BenchCluster } from './cluster.ts'
import { type BenchContext, withClusters } from './context.ts'
import { fillMany, put } from './keys.ts'

const KEYS = 100_000
/** Of a server that has nothing to do, before its memory is looked at: garbage may go, as it would. */
const REST_MS = 5_000
/** A write to one that starts is sent again after this time at the most. */
const TRY_TIMEOUT_MS = 2_000
const TRY_PAUSE_MS = 2
const RESTART_TIMEOUT_MS = 60_000

/** Measures memory with 100,000 keys, and how long a start with them takes. */
export async function measureContents(
  context: BenchContext,
  chosen: ReadonlySet<string>,
): Promise<CaseResult[]> {
  if (!chosen.has('memory') && !chosen.has('restart')) return []
  return await withClusters(context, 1, async clusters => {
    for (const side of ['ours', 'theirs'] as const) await fillMany(clusters[side].only.clientUrl, KEYS)
    await pause(REST_MS)
    const full = { ours: await memoryOf(clusters.ours.only), theirs: await memoryOf(clusters.theirs.only) }
    const times = await measureRestarts(context, clusters)
    await pause(REST_MS)
    const fresh = { ours: await memoryOf(clusters.ours.only), theirs: await memoryOf(clusters.theirs.only) }
    const mebibytes = (memory: Pair<Memory>, get: (memory: Memory) => number): Pair<number[]> => ({
      ours: [get(memory.ours)],
      theirs: [get(memory.theirs)],
    })
    const memory = [
      resultOf(
        'memory',
        'MiB',
        mebibytes(full, ({ rss }) => rss),
      ),
      resultOf(
        'memory-pss',
        'MiB',
        mebibytes(full, ({ pss }) => pss),
      ),
      resultOf(
        'memory-restarted',
        'MiB',
        mebibytes(fresh, ({ rss }) => rss),
      ),
    ]
    const [restart, rss] = [resultOf('restart', 'ms', times), memory[0]!]
    context.note(`memory: ours ${rss.ours.toFixed(0)} MiB, theirs ${rss.theirs.toFixed(0)} MiB`)
    context.note(`restart: ours ${restart.ours.toFixed(0)} ms, theirs ${restart.theirs.toFixed(0)} ms`)
    return [...(chosen.has('memory') ? memory : []), ...(chosen.has('restart') ? [restart] : [])]
  })
}

async function measureRestarts(context: BenchContext, clusters: Pair<BenchCluster>): Promise<Pair<number[]>> {
  const times: Pair<number[]> = { ours: [], theirs: [] }
  for (const { side } of turnsOf(context.restarts)) {
    const cluster = clusters[side]
    const { startedAt } = await cluster.restart()
    times[side].push(
      (await untilWritten(cluster.only.clientUrl, RESTART_TIMEOUT_MS, TRY_TIMEOUT_MS)) - startedAt,
    )
  }
  return times
}

/**
 * Writes again and again until it succeeds.
 *
 * @param tryTimeoutMs how long one answer is waited for
 * @returns when it did, on the clock of `performance.now()`
 */
export async function untilWritten(url: string, timeoutMs: number, tryTimeoutMs: number): Promise<number> {
  const end = performance.now() + timeoutMs
  for (;;) {
    try {
      await put(url, 'bench-alive', 'x', tryTimeoutMs)
      return performance.now()
    } catch (error) {
      if (performance.now() > end) throw error
    }
    await pause(TRY_PAUSE_MS)
  }
}

/** In MiB. */
interface Memory {
  rss: number
  pss: number
}

/** By what the kernel says: proc_pid_status(5), proc_pid_smaps(5). */
async function memoryOf(member: Member): Promise<Memory> {
  const folder = `/proc/${member.pid}`
  const kibibytes = async (file: string, field: string): Promise<number> => {
    const text = await readFile(`${folder}/${file}`, 'utf8')
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)![1])
  }
  return {
    rss: (await kibibytes('status', 'VmRSS')) / 1024,
    pss: (await kibibytes('smaps_rollup', 'Pss')) / 1024,
  }
}
