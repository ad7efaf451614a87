import { FaultCounts } from '../../sim/world/faults.ts'
import { FLEET_FAULTS, type FleetFault } from './faults.ts'
import type { PlantedFleetBug } from './planted.ts'
import { type FleetOutcome, runFleet } from './run.ts'

/** What many runs have come to. */
export interface FleetCampaign {
  firstSeed: number
  seeds: number
  events: number
  worldMs: number
  calls: number
  placings: number
  leaderships: number
  faults: FaultCounts<FleetFault>
  seconds: number
  /** The run that found something; the last one. */
  violation: FleetOutcome | undefined
}

/** How many runs, and of what. */
export interface FleetCampaignRequest {
  firstSeed: number
  acts?: number | undefined
  planted?: PlantedFleetBug | undefined
  verbose?: ((line: string) => void) | undefined
  /** Called after each run; false ends the campaign. */
  goesOn: (campaign: FleetCampaign) => boolean
  /** Seconds of any clock. */
  clock: () => number
}

/** Runs seed after seed until one finds something or it has been enough. */
export async function runFleetCampaign(request: FleetCampaignRequest): Promise<FleetCampaign> {
  const { firstSeed, acts, planted, verbose, goesOn, clock } = request
  const started = clock()
  const campaign: FleetCampaign = {
    firstSeed,
    seeds: 0,
    events: 0,
    worldMs: 0,
    calls: 0,
    placings: 0,
    leaderships: 0,
    faults: new FaultCounts<FleetFault>(FLEET_FAULTS),
    seconds: 0,
    violation: undefined,
  }
  do {
    const outcome = await runFleet({ seed: firstSeed + campaign.seeds, acts, planted, verbose })
    campaign.seeds += 1
    campaign.events += outcome.events
    campaign.worldMs += outcome.worldMs
    campaign.calls += outcome.calls
    campaign.placings += outcome.placings
    campaign.leaderships += outcome.leaderships
    campaign.faults.add(outcome.faults)
    campaign.seconds = clock() - started
    if (outcome.finding !== undefined) campaign.violation = outcome
  } while (campaign.violation === undefined && goesOn(campaign))
  return campaign
}

/** The command that runs a seed again. */
export function replayFleet(seed: number, acts: number | undefined, planted: string | undefined): string {
  const words = [`npm run sim -- --subject fleet --seed ${seed}`]
  if (acts !== undefined) words.push(`--events ${acts}`)
  if (planted !== undefined) words.push(`--planted ${planted}`)
  return words.join(' ')
}

/** A campaign in lines for people. */
export function describeFleetCampaign(campaign: FleetCampaign): string[] {
  const { firstSeed, seeds, events, worldMs, calls, placings, leaderships, seconds, faults } = campaign
  const hours = (worldMs / 3_600_000).toFixed(1)
  const counts = Object.entries(faults.table()).map(([fault, count]) => `${fault} ${count}`)
  return [
    `seeds ${firstSeed} to ${firstSeed + seeds - 1}: ${seeds} fleets, ${events} events, ${hours} hours of the world in ${seconds.toFixed(1)} s`,
    `${placings} placings of units, ${leaderships} leaderships, ${calls} calls to systemd judged`,
    `faults: ${counts.join(', ') || 'none'}`,
  ]
}

/** One run in lines for people. */
export function describeFleetRun(outcome: FleetOutcome): string[] {
  const { seed, traceHash, events, worldMs, calls, placings, faults } = outcome
  const counts = Object.entries(faults.table()).map(([fault, count]) => `${fault} ${count}`)
  const minutes = (worldMs / 60_000).toFixed(1)
  return [
    `seed ${seed}: trace ${traceHash}, ${events} events, ${minutes} minutes of the world, ${placings} placings, ${calls} calls to systemd judged`,
    `faults: ${counts.join(', ') || 'none'}`,
  ]
}

/** What a run has found, in lines for people, the command that replays it last. */
export function describeFinding(outcome: FleetOutcome, replay: string): string[] {
  const { finding, trace, seed } = outcome
  if (finding === undefined) return []
  return [
    `VIOLATION of ${finding.checker}: ${finding.message}`,
    'before it:',
    ...trace.map(line => `  ${line}`),
    `seed ${seed}, checker ${finding.checker}`,
    `replay: ${replay}`,
  ]
}
