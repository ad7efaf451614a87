import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { WATCH_CASES, type WatchCase } from '../cases.ts'
import { type CaseResult, type Pair, resultOf, turnsOf } from '../results.ts'
import type { BenchCluster } from './cluster.ts'
import { type BenchContext, withClusters } from './context.ts'
import { spawnHelper } from './stage.ts'
import type { FanOut } from './watchers.ts'

const CLIENT = join(import.meta.dirname, 'watchers.ts')
/** Files of client and server beside the connections. */
const FILES_BESIDE = 500

/** Measures how long it takes until watchers are told, with long polls on connections that stay open. */
export async function measureWatches(
  context: BenchContext,
  chosen: ReadonlySet<string>,
): Promise<CaseResult[]> {
  const filesMax = await openFilesMax()
  const results: CaseResult[] = []
  for (const fanOut of WATCH_CASES.filter(({ id }) => chosen.has(id))) {
    if (fanOut.watchers + FILES_BESIDE > filesMax) {
      context.note(`${fanOut.id} is left out: a process may open ${filesMax} files only (see ulimit -Hn)`)
      continue
    }
    results.push(...(await withClusters(context, 1, clusters => measureFanOut(context, clusters, fanOut))))
  }
  return results
}

async function measureFanOut(
  context: BenchContext,
  clusters: Pair<BenchCluster>,
  { id, watchers }: WatchCase,
): Promise<CaseResult[]> {
  const clients: ChildProcess[] = []
  const open = async (cluster: BenchCluster): Promise<ChildProcess> => {
    const words = ['--disable-warning=ExperimentalWarning', CLIENT, cluster.only.clientUrl, String(watchers)]
    const client = spawnHelper(process.execPath, words, true)
    client.stderr!.pipe(process.stderr)
    clients.push(client)
    await told(client)
    return client
  }
  try {
    const byServer = { ours: await open(clusters.ours), theirs: await open(clusters.theirs) }
    const found: Pair<FanOut[]> = { ours: [], theirs: [] }
    // Round 0 warms both up and does not count.
    for (const { side, round } of turnsOf(context.rounds + 1)) {
      byServer[side].send('round')
      const fanOut = (await told(byServer[side])) as FanOut
      if (round > 0) found[side].push(fanOut)
    }
    const pick = (get: (fanOut: FanOut) => number): Pair<number[]> => ({
      ours: found.ours.map(get),
      theirs: found.theirs.map(get),
    })
    const last = resultOf(
      id,
      'ms',
      pick(({ lastMs }) => lastMs),
    )
    context.note(
      `${id}: all told after ${last.ours.toFixed(1)} ms by ours, ${last.theirs.toFixed(1)} by theirs`,
    )
    return [
      last,
      resultOf(
        `${id}-p50`,
        'ms',
        pick(({ medianMs }) => medianMs),
      ),
    ]
  } finally {
    for (const client of clients) client.kill('SIGKILL')
  }
}

/** The next message of a client; rejects when it ends instead. */
async function told(client: ChildProcess): Promise<unknown> {
  const stop = new AbortController()
  const { signal } = stop
  const ended = once(client, 'exit', { signal }).then(() => Promise.reject(new Error('the watchers gave up')))
  try {
    const [message] = await Promise.race([once(client, 'message', { signal }), ended])
    return message
  } finally {
    ended.catch(() => undefined)
    stop.abort()
  }
}

/** Node and Go raise the soft limit to the hard one, so that one counts. */
async function openFilesMax(): Promise<number> {
  const text = await readFile('/proc/self/limits', 'utf8')
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(text)?.[1]
  return hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard)
}
