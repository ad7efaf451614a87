// Whole clusters on seeds, as many as there is time for, and planted bugs, so that we know the net holds.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { runCampaign } from './campaign.ts'
import { memberSubject } from './member/subject.ts'
import { plantedBugs } from './planted.ts'
import { raftSubject, walSubject } from './raft/subject.ts'
import { describeCampaign, describeViolation, replayCommand } from './report.ts'
import { runSeed } from './run.ts'
import type { SubjectMaker } from './subject.ts'

/** Time for seeds without a planted bug, half of it on the whole member. */
const SECONDS = Number(process.env.ORLOP_SIM_SECONDS ?? 9)
/** The same seeds each time: who wants others says so. */
const FIRST_SEED = Number(process.env.ORLOP_SIM_SEED ?? 1)
/** Seconds for one planted bug; most are found in one or two. */
const PLANTED_SECONDS_MAX = Math.max(45, SECONDS)
/** One of each layer. */
const PLANTED = ['voteTwice', 'skipSync', 'countTwice']
const clock = () => performance.now() / 1000

t.setTimeout((SECONDS + 20 * PLANTED_SECONDS_MAX) * 1000)

function replay(seed: number, subject: SubjectMaker): string {
  return replayCommand(seed, {
    subject: subject === walSubject ? undefined : subject === raftSubject ? 'raft' : 'member',
    events: undefined,
    planted: undefined,
  })
}

t.test('a seed gives the same run each time, and another seed another', t => {
  const run = (seed: number) => {
    const trace: string[] = []
    const verbose = (line: string) => trace.push(line)
    const { faults, ...outcome } = runSeed({ seed, subject: walSubject, events: 5000, verbose })
    return { outcome, faults: faults.table(), trace }
  }
  const hashes = new Set<string>()
  for (let seed = FIRST_SEED; seed < FIRST_SEED + 5; seed++) {
    const first = run(seed)
    t.same(run(seed), first)
    t.ok(first.outcome.events >= 5000)
    hashes.add(first.outcome.traceHash)
  }
  t.equal(hashes.size, 5)
  t.end()
})

for (const [subject, share] of [
  [memberSubject, 1 / 2],
  [walSubject, 1 / 3],
  [raftSubject, 1 / 6],
] as const) {
  t.test(`no run of ${subject.name} does what must never happen`, t => {
    const campaign = runCampaign({
      subject,
      firstSeed: FIRST_SEED,
      clock,
      goesOn: ({ seconds }) => seconds < SECONDS * share,
    })
    for (const line of describeCampaign(campaign)) t.comment(line)
    const { violation } = campaign
    if (violation !== undefined)
      t.fail(describeViolation(violation, replay(violation.seed, subject)).join('\n'))
    t.ok(campaign.committed > 50 * campaign.seeds, 'the clusters got something done')
    t.ok(campaign.elections > campaign.seeds)
    t.ok(
      campaign.undecided * 20 <= campaign.seeds + 20,
      `${campaign.undecided} histories were too hard to decide`,
    )
    if (campaign.seeds >= 50) t.same(campaign.faults.silent(), [])
    t.end()
  })
}

t.test('some planted bugs are found; `npm run sim -- --planted` looks for all', t => {
  for (const { name, subject } of PLANTED.flatMap(plantedBugs)) {
    const { seeds, seconds, violation } = runCampaign({
      subject: subject === 'member' ? memberSubject : walSubject,
      firstSeed: FIRST_SEED,
      planted: new Set([name]),
      clock,
      goesOn: campaign => campaign.seconds < PLANTED_SECONDS_MAX,
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
