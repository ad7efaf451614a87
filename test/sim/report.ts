import type { Campaign } from './campaign.ts'
import type { Outcome } from './run.ts'

/** What a run was asked for, beside its seed. */
export interface Asked {
  /** Undefined for the usual one. */
  subject: string | undefined
  events: number | undefined
  planted: string | undefined
}

/** The command that runs a seed again. */
export function replayCommand(seed: number, { subject, events, planted }: Asked): string {
  const words = ['npm run sim --', `--seed ${seed}`]
  if (subject !== undefined) words.push(`--subject ${subject}`)
  if (events !== undefined) words.push(`--events ${events}`)
  if (planted !== undefined) words.push(`--planted ${planted}`)
  return words.join(' ')
}

/** A campaign in lines for people. */
export function describeCampaign(campaign: Campaign): string[] {
  const { firstSeed, seeds, events, worldMs, operations, committed, elections, seconds } = campaign
  const hours = (worldMs / 3_600_000).toFixed(1)
  const lines = [
    `seeds ${firstSeed} to ${firstSeed + seeds - 1}: ${seeds} runs, ${events} events, ${hours} hours of the world in ${seconds.toFixed(1)} s`,
    `${operations} operations of clients, ${committed} entries committed, ${elections} elections`,
  ]
  const counts = Object.entries(campaign.faults.table())
  lines.push(`faults: ${counts.map(([fault, count]) => `${fault} ${count}`).join(', ') || 'none'}`)
  const silent = campaign.faults.silent()
  if (silent.length > 0) lines.push(`enabled and never happened: ${silent.join(', ')}`)
  if (campaign.undecided > 0) lines.push(`histories too hard to decide: ${campaign.undecided}`)
  if (campaign.stranded > 0)
    lines.push(`runs that ended without a quorum that could come back: ${campaign.stranded}`)
  return lines
}

/** One run in lines for people. */
export function describeRun(outcome: Outcome): string[] {
  const lines = [
    `seed ${outcome.seed}: trace ${outcome.traceHash}, ${outcome.events} events, ${outcome.answered} of ${outcome.operations} operations answered, ${outcome.unknown} unknown`,
  ]
  if (outcome.silent.length > 0) lines.push(`enabled and never happened: ${outcome.silent.join(', ')}`)
  return lines
}

/** What a run has found, in lines for people, the command that replays it last. */
export function describeViolation(outcome: Outcome, replay: string): string[] {
  const { violation, seed } = outcome
  if (violation === undefined) return []
  const { checker, event, message, details, trace } = violation
  return [
    `VIOLATION of ${checker}: ${message}`,
    ...details.map(line => `  ${line}`),
    'before it:',
    ...trace.map(line => `  ${line}`),
    `seed ${seed}, event ${event}, checker ${checker}`,
    `replay: ${replay}`,
  ]
}
