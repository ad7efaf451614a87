// The simulator at length, on all cores, and every planted bug, so that we know the net holds. The seeds are the same each
// time, so that a change is judged by itself; ORLOP_SIM_SEED=any takes others.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import t, { type Test } from 'tap'

/** Minutes of seeds, together. */
const MINUTES = Number(process.env.ORLOP_SIM_MINUTES ?? 5)
/** How they are shared, most on what the server runs, and the first seed of each share. Two at a time. */
const ROUNDS = [
  [
    ['member', 1],
    ['member', 1_000_001],
  ],
  [
    ['member', 2_000_001],
    ['wal', 3_000_001],
  ],
] as const
const SHARES = ROUNDS.flat().length
const isAny = process.env.ORLOP_SIM_SEED === 'any'
/** For one planted bug; most are found in one or two seconds. */
const PLANTED_MINUTES_MAX = 1
const SLACK_MS = 600_000

t.setTimeout(MINUTES * 60_000 + SLACK_MS)

interface Report {
  firstSeed?: number
  seeds: number
  events: number
  committed: number
  elections: number
  undecided: number
  silent: string[]
  violation: unknown
}

/** Runs the simulator in a process of its own. */
async function simulate(words: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...words])
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', data => (stdout += data))
  child.stderr.on('data', data => (stderr += data))
  const status = await new Promise<number | null>(done => child.on('close', done))
  return { status, stdout, stderr }
}

async function campaign(t: Test, subject: string, firstSeed: number): Promise<Report> {
  const seed = isAny ? Math.floor(Math.random() * 2 ** 31) : firstSeed
  const words = ['--subject', subject, '--seed', String(seed), '--minutes', String(MINUTES / SHARES)]
  const { status, stdout, stderr } = await simulate([...words, '--json'])
  t.equal(stderr, '')
  const report: Report = JSON.parse(stdout)
  t.same(report.violation, null, `npm run sim -- ${words.join(' ')}`)
  t.equal(status, 0)
  t.ok(report.committed > 50 * report.seeds, 'the clusters got something done')
  t.ok(report.elections > report.seeds)
  t.ok(report.undecided * 20 <= report.seeds + 20, `${report.undecided} histories were too hard to decide`)
  if (report.seeds >= 50) t.same(report.silent, [], 'every kind of fault was felt')
  t.comment(`${subject} from seed ${seed}: ${report.seeds} seeds, ${report.events} events`)
  return report
}

t.test(`${MINUTES} minutes of seeds`, async t => {
  let [seeds, events] = [0, 0]
  for (const round of ROUNDS) {
    for (const report of await Promise.all(round.map(([subject, seed]) => campaign(t, subject, seed)))) {
      seeds += report.seeds
      events += report.events
    }
  }
  t.comment(`together ${seeds} seeds, ${events} events`)
  t.ok(events > 100_000 * MINUTES, `${events} events`)
})

t.test('every planted bug is found', async t => {
  const words = ['--planted', '--seed', '1', '--minutes', String(PLANTED_MINUTES_MAX)]
  const { status, stdout, stderr } = await simulate(words)
  t.equal(stderr, '')
  for (const line of stdout.split('\n'))
    if (/^\w+: /.test(line)) t.match(line, /: found by /, line.slice(0, 60))
  t.ok((stdout.match(/: found by /g) ?? []).length >= 8, 'eight at least')
  t.equal(status, 0)
})
