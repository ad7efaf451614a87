// Whole clusters on seeds, as many as there is time for, and the planted bugs, so that we know the net holds.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { runCampaign } from './campaign.ts'
import { plantedBugs } from './planted.ts'
import { raftSubject } from './raft/subject.ts'
import { describeCampaign, describeViolation, replayCommand } from './report.ts'
import { runSeed } from './run.ts'

/** All the time for seeds; the planted bugs have as much again. */
const SECONDS = Number(process.env.ORLOP_SIM_SECONDS ?? 20)
/** The same seeds each time: who wants others says so. */
const FIRST_SEED = Number(process.env.ORLOP_SIM_SEED ?? 1)
const clock = () => performance.now() / 1000

t.setTimeout((SECONDS * 3 + 120) * 1000)

t.test('a seed gives the same run each time, and another seed another', t => {
  const run = (seed: number) => {
    const trace: string[] = []
    const { faults: _, ...outcome } = runSeed({
      seed,
      subject: raftSubject,
      events: 5000,
      verbose: line => trace.push(line),
    })
    return { outcome, trace }
  }
  const first = run(FIRST_SEED)
  t.same(run(FIRST_SEED), first)
  t.not(run(FIRST_SEED + 1).outcome.traceHash, first.outcome.traceHash)
  t.ok(first.outcome.events >= 5000)
  t.end()
})

t.test('no run does what must never happen', t => {
  const campaign = runCampaign({
    subject: raftSubject,
    firstSeed: FIRST_SEED,
    clock,
    goesOn: ({ seconds }) => seconds < SECONDS,
  })
  for (const line of describeCampaign(campaign)) t.comment(line)
  const { violation } = campaign
  if (violation !== undefined)
    t.fail(describeViolation(violation, replayCommand(violation.seed, undefined, undefined)).join('\n'))
  t.ok(campaign.committed > 100 * campaign.seeds, 'the clusters got something done')
  t.ok(campaign.elections > campaign.seeds)
  t.equal(campaign.undecided, 0)
  if (campaign.seeds > 50) t.same(campaign.faults.silent(), [])
  t.end()
})

t.test('every planted bug is found', t => {
  const bugs = plantedBugs(undefined)
  for (const { name } of bugs) {
    const { seeds, seconds, violation } = runCampaign({
      subject: raftSubject,
      firstSeed: FIRST_SEED,
      planted: new Set([name]),
      clock,
      goesOn: campaign => campaign.seconds < Math.max(10, SECONDS),
    })
    const by = violation?.violation?.checker
    t.ok(by !== undefined, `${name}: ${by ?? 'not found'} after ${seeds} runs, ${seconds.toFixed(1)} s`)
  }
  t.throws(() => plantedBugs('none'), /no bug 'none' can be planted, only voteTwice/)
  t.end()
})

t.test('the command line', t => {
  const sim = (...words: string[]) => {
    const args = [join(import.meta.dirname, 'main.ts'), ...words]
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    return { status, stdout, stderr }
  }
  t.match(sim('--help'), { status: 0, stdout: /--planted \[NAME\]/ })
  const wrong: [words: string[], message: RegExp][] = [
    [['--seed', 'x'], /^sim: --seed must be a whole number, not 'x'; see --help\n$/],
    [['--minutes', '0'], /--minutes must be a number/],
    [['--events', '1.5'], /--events must be a whole number/],
    [['--planted', 'none'], /no bug 'none'/],
    [['--fast'], /--fast/],
    [['word'], /word/],
  ]
  for (const [words, message] of wrong)
    t.match(sim(...words), { status: 2, stderr: message }, words.join(' '))
  const run = sim('--seed', '3', '--events', '2000', '--json')
  t.equal(run.status, 0)
  t.match(JSON.parse(run.stdout), { seed: 3, violation: null, traceHash: /^[0-9a-f]{8}$/ })
  t.end()
})
