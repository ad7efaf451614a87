import { type PlantedFleetBug, plantedFleetBugs } from './planted.ts'
import {
  describeFinding,
  describeFleetCampaign,
  describeFleetRun,
  type FleetCampaign,
  replayFleet,
  runFleetCampaign,
} from './report.ts'
import { type FleetOutcome, runFleet } from './run.ts'

/** What the command line of the simulator asks for. */
export interface FleetWishes {
  minutes: number | undefined
  seed: number | undefined
  /** Things done to each fleet. */
  events: number | undefined
  planted: string | true | undefined
  verbose: boolean
  json: boolean
}

/** The world outside of the simulated one. */
export interface FleetOutside {
  print: (lines: readonly string[]) => void
  /** Seconds of any clock. */
  clock: () => number
  /** For campaigns without one. */
  anySeed: () => number
}

const MINUTES_DEFAULT = 1

/** Runs fleets as the words of the command line say; whether all was well. */
export async function simulateFleets(wishes: FleetWishes, outside: FleetOutside): Promise<boolean> {
  const { planted, seed, minutes } = wishes
  const isOne = seed !== undefined && minutes === undefined
  if (planted === undefined)
    return isOne ? await runOne(wishes, seed, undefined, outside) : await runMany(wishes, outside)
  const bugs = plantedFleetBugs(planted === true ? undefined : planted)
  if (isOne && planted !== true) return await runOne(wishes, seed, bugs[0], outside)
  return await runPlanted(wishes, bugs, outside)
}

async function runOne(
  { events: acts, verbose, json }: FleetWishes,
  seed: number,
  planted: PlantedFleetBug | undefined,
  { print }: FleetOutside,
): Promise<boolean> {
  const log = verbose ? (line: string) => print([line]) : undefined
  const outcome = await runFleet({ seed, acts, planted, verbose: log })
  if (json) print([JSON.stringify(jsonOfRun(outcome))])
  else {
    const replay = replayFleet(seed, acts, planted?.name)
    print([...describeFleetRun(outcome), ...describeFinding(outcome, replay)])
  }
  return outcome.finding === undefined
}

async function runMany(wishes: FleetWishes, { print, clock, anySeed }: FleetOutside): Promise<boolean> {
  const { events: acts, verbose, json, minutes = MINUTES_DEFAULT } = wishes
  const campaign = await runFleetCampaign({
    firstSeed: wishes.seed ?? anySeed(),
    acts,
    verbose: verbose ? line => print([line]) : undefined,
    clock,
    goesOn: ({ seconds }) => seconds < minutes * 60,
  })
  const { violation } = campaign
  if (json) print([JSON.stringify(jsonOf(campaign))])
  else {
    print(describeFleetCampaign(campaign))
    if (violation !== undefined)
      print(describeFinding(violation, replayFleet(violation.seed, acts, undefined)))
  }
  return violation === undefined
}

async function runPlanted(
  wishes: FleetWishes,
  bugs: readonly PlantedFleetBug[],
  { print, clock, anySeed }: FleetOutside,
): Promise<boolean> {
  const { events: acts, json, minutes = MINUTES_DEFAULT } = wishes
  const firstSeed = wishes.seed ?? anySeed()
  const results: { name: string; found: boolean }[] = []
  for (const bug of bugs) {
    const { name } = bug
    const goesOn = ({ seconds }: FleetCampaign): boolean => seconds < minutes * 60
    const campaign = await runFleetCampaign({ firstSeed, acts, planted: bug, clock, goesOn })
    const { violation, seeds, events, seconds } = campaign
    results.push({ name, found: violation !== undefined, ...jsonOf(campaign) })
    if (json) continue
    const effort = `${seeds} runs, ${events} events, ${seconds.toFixed(1)} s`
    if (violation?.finding === undefined) print([`${name}: NOT FOUND in ${effort}`])
    else {
      const { checker, message } = violation.finding
      print([`${name}: found by ${checker} after ${effort}: ${message}`])
      print([`    ${replayFleet(violation.seed, acts, name)}`])
    }
  }
  if (json) print([JSON.stringify(results)])
  return results.every(({ found }) => found)
}

function jsonOf({ faults, violation, ...counts }: FleetCampaign): Record<string, unknown> {
  return {
    ...counts,
    faults: faults.table(),
    silent: faults.silent(),
    violation: violation === undefined ? null : jsonOfRun(violation),
  }
}

function jsonOfRun({ faults, finding, ...counts }: FleetOutcome): Record<string, unknown> {
  return { ...counts, faults: faults.table(), violation: finding ?? null }
}
