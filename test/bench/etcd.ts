import { mkdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { replaceFile } from '#lib/durable.ts'
import { describeFailure, errorCode, UserError } from '#lib/errors.ts'
import { ask } from '../cluster/lib/ask.ts'
import { findServer, type ServerProgram } from '../cluster/lib/programs.ts'
import { findOriginals } from '../compat/lib/programs.ts'
import { CASE_IDS, QUICK_IDS, selectCases } from './etcd/cases.ts'
import { measureContents } from './etcd/host/contents.ts'
import { type BenchContext, withClusters } from './etcd/host/context.ts'
import { measureFailover } from './etcd/host/failover.ts'
import { measureFsync } from './etcd/host/fsync.ts'
import { measureLoads } from './etcd/host/load.ts'
import { openStage } from './etcd/host/stage.ts'
import { measureWatches } from './etcd/host/watch.ts'
import { formatResults, missedGoals } from './etcd/report.ts'
import { type CaseResult, type EtcdResults, mergeResults, type Pair } from './etcd/results.ts'
import { describeHost } from './host.ts'
import { replaceTable } from './report.ts'

const HELP = `Compares our etcd with Debian's, in turns on this machine with the same load. Takes about 15 minutes.

usage: npm run bench:etcd [-- --only CASE] [-- --rounds N] [-- --seconds N] [-- --quick] [-- --json]

  --only CASE   a case, or how cases begin (put, put-1, watch); again for more. Others keep their last values
  --rounds N    turns of each, of which the median counts (3)
  --seconds N   of each turn of a load (3)
  --quick       a first look in less than 3 minutes: the loads that decide, once; nothing is written
  --json        prints the results as JSON

cases: ${CASE_IDS.join(' ')
  .replaceAll(/(.{1,104})(?: |$)/g, '$1\n       ')
  .trimEnd()}

Writes bench-results/etcd.json and the table in docs/numbers.md. With the variable ORLOP_ETCD, the command of another
server to be taken for ours (its words parted by spaces), nothing is written. Run it on an idle machine.
`
/** Starts and kills, of each: the first look's, and the others'. */
const QUICK = { rounds: 1, seconds: 2, restarts: 1, kills: 3 }
const RESTARTS_PER_ROUND = 3
const KILLS = 20
const ROUNDS = { otherwise: 3, max: 100 }
const SECONDS = { otherwise: 3, max: 600 }

const root = resolve(import.meta.dirname, '../..')
const resultsFile = join(root, 'bench-results/etcd.json')
const page = join(root, 'docs/numbers.md')

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      quick: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return
  }
  const isQuick = values.quick === true
  const named = (values.only ?? []).flatMap(words => words.split(','))
  const chosen = isQuick && named.length === 0 ? new Set(QUICK_IDS) : selectCases(named)
  const rounds = countOf('--rounds', values.rounds, isQuick ? { ...ROUNDS, otherwise: QUICK.rounds } : ROUNDS)
  const seconds = countOf(
    '--seconds',
    values.seconds,
    isQuick ? { ...SECONDS, otherwise: QUICK.seconds } : SECONDS,
  )
  const machine = await describeHost('none')
  const { wrk, server } = await findOriginals(process.env)
  const theirs: ServerProgram = { name: 'original', command: [server, '--enable-v2'], env: {}, isOurs: false }
  const started = performance.now()
  const context: BenchContext = {
    programs: { ours: await findOurs(), theirs },
    wrk,
    folder: await openStage(),
    rounds,
    seconds,
    restarts: isQuick ? QUICK.restarts : rounds * RESTARTS_PER_ROUND,
    kills: isQuick ? QUICK.kills : KILLS,
    repeated: { ours: 0, theirs: 0 },
    note: line => process.stderr.write(`${clock(performance.now() - started)} ${line}\n`),
  }
  const { versions, fsync, cases } = await measure(context, chosen)
  const { repeated } = context
  const found: EtcdResults = { cases, fsync, rounds, seconds, versions, repeated, machine }
  const isWritten = !isQuick && !process.env.ORLOP_ETCD
  const results = isWritten ? mergeResults(await readResults(), found) : found
  const table = formatResults(results)
  if (isWritten) await writeResults(results, table)
  process.stdout.write(values.json ? `${JSON.stringify(results, undefined, 2)}\n` : `${table}\n`)
  for (const line of missedGoals(results)) process.stderr.write(`missed: ${line}\n`)
  if (isWritten) process.stderr.write('bench-results/etcd.json and docs/numbers.md are written\n')
}

async function measure(
  context: BenchContext,
  chosen: ReadonlySet<string>,
): Promise<Pick<EtcdResults, 'versions' | 'fsync' | 'cases'>> {
  const versions = await readVersions(context)
  const fsync = measureFsync(context.folder)
  context.note(`fdatasync of 512 bytes: p50 ${fsync.p50Ms.toFixed(3)} ms, p99 ${fsync.p99Ms.toFixed(3)} ms`)
  const cases: CaseResult[] = []
  for (const part of [measureLoads, measureWatches, measureContents, measureFailover])
    cases.push(...(await part(context, chosen)))
  return { versions, fsync, cases }
}

async function findOurs(): Promise<ServerProgram> {
  const words = (process.env.ORLOP_ETCD ?? '').split(' ').filter(word => word !== '')
  const [file, ...rest] = words
  if (file === undefined) return await findServer({})
  return { name: 'ours', command: [file, ...rest], env: {}, isOurs: true }
}

async function readVersions(context: BenchContext): Promise<Pair<string>> {
  return await withClusters(context, 1, async ({ ours, theirs }) => {
    const versionOf = async (url: string): Promise<string> => {
      const { text } = await ask(url, { path: '/version', timeoutMs: 5_000 })
      return (JSON.parse(text) as { etcdserver: string }).etcdserver
    }
    return {
      ours: `speaks as etcd ${await versionOf(ours.only.clientUrl)}`,
      theirs: `etcd ${await versionOf(theirs.only.clientUrl)} of Debian with --enable-v2`,
    }
  })
}

async function readResults(): Promise<EtcdResults | undefined> {
  try {
    return JSON.parse(await readFile(resultsFile, 'utf8')) as EtcdResults
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

async function writeResults(results: EtcdResults, table: string): Promise<void> {
  await mkdir(join(root, 'bench-results'), { recursive: true })
  await replaceFile(resultsFile, `${JSON.stringify(results, undefined, 2)}\n`)
  await replaceFile(page, replaceTable(await readFile(page, 'utf8'), table, 'etcd'))
}

function countOf(flag: string, text: string | undefined, { otherwise, max }: typeof ROUNDS): number {
  if (text === undefined) return otherwise
  const count = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (count < 1 || count > max) throw new UserError(`${flag} is ${text}, not a whole number from 1 to ${max}`)
  return count
}

function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`
}

try {
  await main()
} catch (error) {
  const line = describeFailure(error)
  if (line === undefined) console.error(error)
  else process.stderr.write(`bench:etcd: ${line}\n`)
  process.exitCode = 1
}
process.exit(process.exitCode)
