// Runs the simulator from the command line: seed after seed, one seed again, or the planted bugs.

import { parseArgs } from 'node:util'
import { describeFailure, UserError } from '#lib/errors.ts'
import { simulateFleets } from '../fleet/sim/command.ts'
import { ACTS_DEFAULT } from '../fleet/sim/run.ts'
import { type Campaign, runCampaign } from './campaign.ts'
import { memberSubject } from './member/subject.ts'
import { type Planted, plantedBugs } from './planted.ts'
import { raftSubject, walSubject } from './raft/subject.ts'
import { describeCampaign, describeRun, describeViolation, replayCommand } from './report.ts'
import { EVENTS_DEFAULT, type Outcome, runSeed } from './run.ts'
import type { SubjectMaker } from './subject.ts'

const MINUTES_DEFAULT = 1
/** Minutes for one planted bug, where nobody says otherwise. */
const PLANTED_MINUTES_DEFAULT = 1

const HELP = `Usage: npm run sim -- [options]

Simulates whole clusters, or fleets, in this process, one seed after the other, and stops at the first
thing that must never happen.

  --minutes N        minutes of processor time (default ${MINUTES_DEFAULT}); with --planted for each bug (default ${PLANTED_MINUTES_DEFAULT})
  --seed S           first seed; without --minutes just this one run
  --events N         events of each run with faults (default ${EVENTS_DEFAULT}); of a fleet, things done to it (${ACTS_DEFAULT})
  --planted [NAME]   plant one bug, or each in its turn, and look for it; status 1 when one is not found
  --subject NAME     wal: Raft on the server's own log and snapshots (default); raft: Raft on a simple journal;
                     member: all that the server runs; fleet: machines with fleetd over a store
  --verbose          print what happens to machines
  --json             print the result as JSON
  --help             print this

The same seed and number of events give the same run, event for event.
`

/** What is no cluster of members: it has a simulator of its own. */
const FLEET = 'fleet'
/** What can be simulated. */
const SUBJECTS: Record<string, SubjectMaker> = {
  member: memberSubject,
  wal: walSubject,
  raft: raftSubject,
}

const SUBJECT_DEFAULT = 'wal'

interface Wishes {
  subject: string
  minutes: number | undefined
  seed: number | undefined
  events: number | undefined
  planted: string | true | undefined
  verbose: boolean
  json: boolean
}

/** Reads the words of the command line. */
function parse(words: readonly string[]): Wishes | 'help' {
  // The name of a planted bug may be left out.
  const args = words.flatMap((word, at) => {
    const next = words[at + 1]
    return word === '--planted' && (next === undefined || next.startsWith('-')) ? ['--planted='] : [word]
  })
  const options = {
    minutes: { type: 'string' },
    seed: { type: 'string' },
    subject: { type: 'string' },
    events: { type: 'string' },
    planted: { type: 'string' },
    verbose: { type: 'boolean' },
    json: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  } as const
  let values: ReturnType<typeof parseArgs<{ options: typeof options }>>['values']
  try {
    ;({ values } = parseArgs({ args, options, strict: true }))
  } catch (error) {
    throw new UserError(error instanceof Error ? error.message : String(error), 'see --help')
  }
  if (values.help) return 'help'
  const { subject = SUBJECT_DEFAULT } = values
  if (SUBJECTS[subject] === undefined && subject !== FLEET) {
    const known = [...Object.keys(SUBJECTS), FLEET].join(' or ')
    throw new UserError(`--subject must be ${known}, not '${subject}'`, 'see --help')
  }
  return {
    subject,
    minutes: numberOf('minutes', values.minutes, Number.MIN_VALUE, false),
    seed: numberOf('seed', values.seed, 0, true),
    events: numberOf('events', values.events, 1, true),
    planted: values.planted === '' ? true : values.planted,
    verbose: values.verbose ?? false,
    json: values.json ?? false,
  }
}

function numberOf(name: string, text: string | undefined, low: number, whole: boolean): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  const good = text.trim() !== '' && value >= low && value <= Number.MAX_SAFE_INTEGER
  if (!good || (whole && !Number.isSafeInteger(value)))
    throw new UserError(`--${name} must be a ${whole ? 'whole ' : ''}number, not '${text}'`, 'see --help')
  return value
}

function replayOf({ subject, events }: Wishes, seed: number, planted: string | undefined): string {
  return replayCommand(seed, { subject: subject === SUBJECT_DEFAULT ? undefined : subject, events, planted })
}

/** Some bugs are in one subject only. */
function wishesFor(wishes: Wishes, { subject }: Planted): Wishes {
  return subject === undefined ? wishes : { ...wishes, subject }
}

/** Of processor time: whoever has to share processors tries as many seeds as who does not. */
const seconds = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000_000
}
const print = (lines: readonly string[]) => process.stdout.write(`${lines.join('\n')}\n`)

/** Without a seed every campaign is another one. */
function anySeed(): number {
  return Math.floor(Math.random() * 2 ** 31)
}

function runOne(wishes: Wishes, seed: number, planted: string | undefined): boolean {
  const outcome = runSeed({
    seed,
    subject: SUBJECTS[wishes.subject]!,
    ...(wishes.events === undefined ? {} : { events: wishes.events }),
    ...(planted === undefined ? {} : { planted: new Set([planted]) }),
    ...(wishes.verbose ? { verbose: (line: string) => print([line]) } : {}),
  })
  if (wishes.json) print([JSON.stringify(jsonOfRun(outcome))])
  else print([...describeRun(outcome), ...describeViolation(outcome, replayOf(wishes, seed, planted))])
  return outcome.violation === undefined
}

function runMany(wishes: Wishes): boolean {
  const firstSeed = wishes.seed ?? anySeed()
  const secondsMax = (wishes.minutes ?? MINUTES_DEFAULT) * 60
  const campaign = runCampaign({
    subject: SUBJECTS[wishes.subject]!,
    firstSeed,
    events: wishes.events,
    verbose: wishes.verbose ? line => print([line]) : undefined,
    clock: seconds,
    goesOn: ({ seconds }) => seconds < secondsMax,
  })
  const { violation } = campaign
  if (wishes.json) print([JSON.stringify(jsonOf(campaign))])
  else {
    print(describeCampaign(campaign))
    if (violation !== undefined)
      print(describeViolation(violation, replayOf(wishes, violation.seed, undefined)))
  }
  return violation === undefined
}

function runPlanted(wishes: Wishes, bugs: readonly Planted[]): boolean {
  const firstSeed = wishes.seed ?? anySeed()
  const secondsMax = (wishes.minutes ?? PLANTED_MINUTES_DEFAULT) * 60
  const results = bugs.map(bug => {
    const { name } = bug
    const own = wishesFor(wishes, bug)
    const campaign = runCampaign({
      subject: SUBJECTS[own.subject]!,
      firstSeed,
      events: wishes.events,
      planted: new Set([name]),
      clock: seconds,
      goesOn: ({ seconds }) => seconds < secondsMax,
    })
    const { violation, seeds, events } = campaign
    const effort = `${seeds} runs, ${events} events, ${campaign.seconds.toFixed(1)} s`
    if (!wishes.json) {
      if (violation?.violation === undefined) print([`${name}: NOT FOUND in ${effort}`])
      else {
        const { checker, message } = violation.violation
        print([`${name}: found by ${checker} after ${effort}: ${message}`])
        print([`    ${replayOf(own, violation.seed, name)}`])
      }
    }
    return { name, found: violation !== undefined, ...jsonOf(campaign) }
  })
  if (wishes.json) print([JSON.stringify(results)])
  return results.every(({ found }) => found)
}

function jsonOf(campaign: Campaign): Record<string, unknown> {
  const { faults, violation, ...counts } = campaign
  return {
    ...counts,
    faults: faults.table(),
    silent: faults.silent(),
    violation: violation === undefined ? null : jsonOfRun(violation),
  }
}

function jsonOfRun(outcome: Outcome): Record<string, unknown> {
  return { ...outcome, faults: outcome.faults.table(), violation: outcome.violation ?? null }
}

/** The whole program; its exit status. */
export async function main(words: readonly string[]): Promise<number> {
  try {
    const wishes = parse(words)
    if (wishes === 'help') {
      process.stdout.write(HELP)
      return 0
    }
    if (wishes.subject === FLEET)
      return (await simulateFleets(wishes, { print, clock: seconds, anySeed })) ? 0 : 1
    if (wishes.planted !== undefined) {
      const bugs = plantedBugs(wishes.planted === true ? undefined : wishes.planted)
      const [only] = bugs
      if (wishes.planted !== true && wishes.seed !== undefined && wishes.minutes === undefined)
        return runOne(wishesFor(wishes, only!), wishes.seed, only!.name) ? 0 : 1
      return runPlanted(wishes, bugs) ? 0 : 1
    }
    if (wishes.seed !== undefined && wishes.minutes === undefined)
      return runOne(wishes, wishes.seed, undefined) ? 0 : 1
    return runMany(wishes) ? 0 : 1
  } catch (error) {
    const line = describeFailure(error)
    if (line === undefined) throw error
    process.stderr.write(`sim: ${line}\n`)
    return 2
  }
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2))
