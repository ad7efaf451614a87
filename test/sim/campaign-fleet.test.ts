// Simulated fleets at length, and every planted bug, so that we know the net holds. The seeds are the same each time, so
// that a change is judged by itself; ORLOP_SIM_SEED=any takes others, ORLOP_SIM_MINUTES more of them.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'

/** Minutes of seeds. */
const MINUTES = Number(process.env.ORLOP_SIM_MINUTES ?? 0.5)
/** For one planted bug; most are found in a second. */
const PLANTED_MINUTES_MAX = 2
const PLANTED_MIN = 20
/** So many seeds do each kind of harm. */
const SEEDS_FOR_ALL = 60
const SLACK_MS = 120_000
const isAny = process.env.ORLOP_SIM_SEED === 'any'

t.setTimeout(MINUTES * 60_000 + SLACK_MS)

/** Runs the simulator in a process of its own. */
async function simulate(words: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [
    join(import.meta.dirname, 'main.ts'),
    '--subject',
    'fleet',
    ...words,
  ])
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', data => (stdout += data))
  child.stderr.on('data', data => (stderr += data))
  const status = await new Promise<number | null>(done => child.on('close', done))
  return { status, stdout, stderr }
}

t.test(`${MINUTES} minutes of fleets`, async t => {
  const seed = isAny ? Math.floor(Math.random() * 2 ** 31) : 1
  const { status, stdout, stderr } = await simulate([
    '--seed',
    `${seed}`,
    '--minutes',
    `${MINUTES}`,
    '--json',
  ])
  t.equal(stderr, '')
  const { violation, seeds, events, placings, silent } = JSON.parse(stdout)
  t.same(violation, null, `npm run sim -- --subject fleet --seed ${violation?.seed}`)
  t.equal(status, 0)
  t.ok(placings > 5 * seeds, 'the fleets got something done')
  if (seeds >= SEEDS_FOR_ALL) t.same(silent, [], 'every kind of fault was felt')
  t.comment(`from seed ${seed}: ${seeds} seeds, ${events} events`)
})

t.test('every planted bug is found', async t => {
  const { status, stdout, stderr } = await simulate([
    '--planted',
    '--seed',
    '1',
    '--minutes',
    `${PLANTED_MINUTES_MAX}`,
  ])
  t.equal(stderr, '')
  for (const line of stdout.split('\n'))
    if (/^\w+: /.test(line)) t.match(line, /: found by /, line.slice(0, 100))
  t.ok((stdout.match(/: found by /g) ?? []).length >= PLANTED_MIN, `${PLANTED_MIN} at least`)
  t.equal(status, 0)
})
