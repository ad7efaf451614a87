import type { Outcome, RunRequest } from './run.ts'
import { runSeed } from './run.ts'
import type { SubjectMaker } from './subject.ts'
import { FaultCounts } from './world/faults.ts'

/** What many runs have come to. */
export interface Campaign {
  firstSeed: number
  seeds: number
  events: number
  worldMs: number
  operations: number
  committed: number
  elections: number
  undecided: number
  stranded: number
  faults: FaultCounts
  seconds: number
  /** The run that found something; the last one. */
  violation: Outcome | undefined
}

/** How many runs, and of what. */
export interface CampaignRequest {
  subject: SubjectMaker
  firstSeed: number
  events?: number | undefined
  planted?: ReadonlySet<string>
  verbose?: ((line: string) => void) | undefined
  /** Called after each run; false ends the campaign. */
  goesOn: (campaign: Campaign) => boolean
  /** Seconds of any clock. */
  clock: () => number
}

/** Runs seed after seed until one finds something or it has been enough. */
export function runCampaign(request: CampaignRequest): Campaign {
  const started = request.clock()
  const campaign: Campaign = {
    firstSeed: request.firstSeed,
    seeds: 0,
    events: 0,
    worldMs: 0,
    operations: 0,
    committed: 0,
    elections: 0,
    undecided: 0,
    stranded: 0,
    faults: new FaultCounts(),
    seconds: 0,
    violation: undefined,
  }
  do {
    const run: RunRequest = { seed: request.firstSeed + campaign.seeds, subject: request.subject }
    if (request.events !== undefined) run.events = request.events
    if (request.planted !== undefined) run.planted = request.planted
    if (request.verbose !== undefined) run.verbose = request.verbose
    const outcome = runSeed(run)
    campaign.seeds += 1
    campaign.events += outcome.events
    campaign.worldMs += outcome.worldMs
    campaign.operations += outcome.operations
    campaign.committed += outcome.committed
    campaign.elections += outcome.elections
    campaign.undecided += outcome.undecided
    campaign.stranded += outcome.stranded ? 1 : 0
    campaign.faults.add(outcome.faults)
    campaign.seconds = request.clock() - started
    if (outcome.violation !== undefined) campaign.violation = outcome
  } while (campaign.violation === undefined && request.goesOn(campaign))
  return campaign
}
