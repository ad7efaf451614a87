// Fleets on seeds, and planted bugs, so that we know the net holds. At length in test/sim/campaign-fleet.test.ts.

import t from 'tap'
import { simulateFleets } from './sim/command.ts'
import { plantedFleetBugs } from './sim/planted.ts'
import { describeFinding, describeFleetCampaign, replayFleet, runFleetCampaign } from './sim/report.ts'
import { runFleet } from './sim/run.ts'

/** Each run is minutes of the fleet's time, and a fraction of a second of ours. */
const SEEDS = 12
const FIRST_SEED = Number(process.env.ORLOP_SIM_SEED ?? 1)
/** One of each part; each is found by its first seed or one of the next. */
const PLANTED = ['impatientEngine', 'wipedIsEmpty', 'forgetsLaunched', 'removesAllStates']
const PLANTED_SEEDS_MAX = 10
const clock = () => performance.now() / 1000

t.setTimeout(120_000)

t.test('a seed gives the same run each time, and another seed another', async t => {
  const hashes = new Set<string>()
  for (const seed of [1, 2, 3]) {
    const first = await runFleet({ seed, acts: 10 })
    const again = await runFleet({ seed, acts: 10 })
    t.equal(again.traceHash, first.traceHash)
    t.equal(again.events, first.events)
    hashes.add(first.traceHash)
  }
  t.equal(hashes.size, 3)
})

t.test('no fleet does what must never happen', async t => {
  const campaign = await runFleetCampaign({
    firstSeed: FIRST_SEED,
    clock,
    goesOn: ({ seeds }) => seeds < SEEDS,
  })
  for (const line of describeFleetCampaign(campaign)) t.comment(line)
  const { violation, seeds, placings, calls, leaderships } = campaign
  if (violation !== undefined)
    t.fail(describeFinding(violation, replayFleet(violation.seed, undefined, undefined)).join('\n'))
  t.ok(placings > 5 * seeds && calls > 50 * seeds, 'the fleets got something done')
  t.ok(leaderships > seeds)
})

t.test('some planted bugs are found', async t => {
  for (const planted of PLANTED.flatMap(plantedFleetBugs)) {
    const goesOn = ({ seeds }: { seeds: number }): boolean => seeds < PLANTED_SEEDS_MAX
    const { violation, seeds } = await runFleetCampaign({ firstSeed: FIRST_SEED, planted, clock, goesOn })
    const by = violation?.finding?.checker
    t.ok(by !== undefined, `${planted.name}: ${by ?? 'not found'} after ${seeds} runs`)
  }
  t.throws(() => plantedFleetBugs('none'), /no bug 'none' can be planted, only failureIsEmpty/)
})

t.test('what the command line prints', async t => {
  const lines: string[] = []
  const outside = { print: (some: readonly string[]) => void lines.push(...some), clock, anySeed: () => 1 }
  const wishes = { minutes: undefined, seed: 1, events: 5, planted: undefined, verbose: false, json: false }
  t.ok(await simulateFleets(wishes, outside))
  t.match(lines[0], /^seed 1: trace [0-9a-f]{8}, \d+ events, [\d.]+ minutes of the world/)
  t.match(lines[1], /^faults: /)
  lines.length = 0
  t.notOk(await simulateFleets({ ...wishes, planted: 'heartbeatStays' }, outside))
  t.match(
    lines.at(-1),
    /^replay: npm run sim -- --subject fleet --seed 1 --events 5 --planted heartbeatStays$/,
  )
  t.match(lines.join('\n'), /VIOLATION of calm load: .*says that it has launched it/)
  lines.length = 0
  // By a clock on which each look takes a minute, however fast the machine is.
  let seconds = 0
  const minutely = { ...outside, clock: () => (seconds += 60) }
  t.ok(await simulateFleets({ ...wishes, seed: 1, minutes: 0.5, json: true }, minutely))
  t.match(JSON.parse(lines[0]!), { firstSeed: 1, seeds: 1, violation: null })
})
