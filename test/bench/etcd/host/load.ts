import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { UserError } from '#lib/errors.ts'
import { LOAD_CASES, type LoadCase, type Operation } from '../cases.ts'
import { type CaseResult, type Pair, resultOf, type Side, turnsOf } from '../results.ts'
import { type Load, parseLoad } from '../wrk.ts'
import type { BenchCluster } from './cluster.ts'
import { type BenchContext, withClusters } from './context.ts'
import { fillBench } from './keys.ts'
import { spawnHelper } from './stage.ts'

/** Distinct keys, in turn. */
const KEYS = 10_000
const WARM_CONNECTIONS = 64
/** What the turn before has left to do must not cost the next. */
const SETTLE_MS = 300
/** A turn in which requests failed is taken again, this often. */
const REPEATS_MAX = 2
const SCRIPT = join(import.meta.dirname, '../load.lua')

/** Measures all loads that are chosen, on one node and on three. */
export async function measureLoads(
  context: BenchContext,
  chosen: ReadonlySet<string>,
): Promise<CaseResult[]> {
  const results: CaseResult[] = []
  for (const nodes of [1, 3] as const) {
    const loads = LOAD_CASES.filter(load => load.nodes === nodes && chosen.has(load.id))
    if (loads.length === 0) continue
    results.push(
      ...(await withClusters(context, nodes, async clusters => {
        for (const side of ['ours', 'theirs'] as const) await warm(context, clusters[side], loads)
        const found: CaseResult[] = []
        for (const load of loads) found.push(...(await measureLoad(context, clusters, load)))
        return found
      })),
    )
  }
  return results
}

/**
 * Both work as long as a turn before anything is measured, so that neither is measured while it compiles its code or
 * grows its heap.
 */
async function warm(context: BenchContext, cluster: BenchCluster, loads: readonly LoadCase[]): Promise<void> {
  const { clientUrl } = await cluster.leader()
  await fillBench(clientUrl, KEYS)
  for (const operation of new Set(loads.map(load => load.operation)))
    await runWrk(context.wrk, clientUrl, operation, WARM_CONNECTIONS, context.seconds)
}

async function measureLoad(
  context: BenchContext,
  clusters: Pair<BenchCluster>,
  load: LoadCase,
): Promise<CaseResult[]> {
  const found: Pair<Load[]> = { ours: [], theirs: [] }
  for (const { side } of turnsOf(context.rounds))
    found[side].push(await takeTurn(context, clusters[side], load, side))
  const pick = (get: (load: Load) => number): Pair<number[]> => ({
    ours: found.ours.map(get),
    theirs: found.theirs.map(get),
  })
  const rate = resultOf(
    load.id,
    'req/s',
    pick(one => one.requestsPerSecond),
  )
  const p50 = resultOf(
    `${load.id}-p50`,
    'ms',
    pick(one => one.p50Ms),
  )
  const p99 = resultOf(
    `${load.id}-p99`,
    'ms',
    pick(one => one.p99Ms),
  )
  context.note(
    `${load.id}: ours ${rate.ours.toFixed(0)} req/s, p99 ${p99.ours.toFixed(2)} ms; ` +
      `theirs ${rate.theirs.toFixed(0)} req/s, p99 ${p99.theirs.toFixed(2)} ms; ratio ${rate.ratio.toFixed(2)}`,
  )
  return [rate, p50, p99]
}

async function takeTurn(
  context: BenchContext,
  cluster: BenchCluster,
  load: LoadCase,
  side: Side,
): Promise<Load> {
  for (let repeats = 0; ; repeats++) {
    await pause(SETTLE_MS)
    const member = load.target === 'leader' ? await cluster.leader() : await cluster.follower()
    const { operation, connections } = load
    const found = await runWrk(context.wrk, member.clientUrl, operation, connections, context.seconds)
    if (found.errors === 0) return found
    context.note(`${load.id}: ${found.errors} requests to ${side} failed`)
    if (repeats === REPEATS_MAX)
      throw new UserError(`${load.id}: requests to ${side} fail again and again\n${member.log.slice(-2_000)}`)
    context.repeated[side] += 1
  }
}

/** One run of the load generator. */
async function runWrk(
  wrk: string,
  url: string,
  operation: Operation,
  connections: number,
  seconds: number,
): Promise<Load> {
  const words = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '20s', '--latency', '-s', SCRIPT]
  const child = spawnHelper(wrk, [...words, url, '--', operation, String(KEYS)])
  let output = ''
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', () => resolve())
  })
  return parseLoad(output)
}
