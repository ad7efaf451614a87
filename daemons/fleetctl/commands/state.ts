import type { FlagSpec } from '#lib/cli/flags.ts'
import type { TargetState } from '#lib/fleet/model.ts'
import type { UnitBody } from '#lib/fleet/shapes.ts'
import { nameFromArgument } from '#lib/fleet/unit/name.ts'
import type { Client } from '../client.ts'
import type { Command, Context } from '../command.ts'
import { type Creation, missingUnit, partsOf, writeUnit } from '../creation.ts'
import { Failure } from '../io.ts'
import { Lines } from '../lines.ts'
import { View } from '../view.ts'
import { Forgiving, lookAtState, lookAtSystemd, type Patience, waitAll } from '../waits.ts'
import { atOnce, findUnits, messageOf, noUnits, patienceOf, tellLate, WAITING } from './common.ts'
import { isGlobal } from './listing.ts'

const REPLACE: FlagSpec = {
  names: ['replace'],
  type: 'bool',
  usage: 'take the local text where the registry has another',
}
const SIGN: FlagSpec = { names: ['sign'], type: 'bool', usage: 'deprecated', hidden: true }
/** A machine that does not answer tells of its units until its time to live is over. */
const DESTROY_ATTEMPTS = 20
const USAGE_STATUS = 2

/** Commands that change what units are wanted to be. */
export const STATE_COMMANDS: readonly Command[] = [
  {
    name: 'submit',
    summary: 'Upload one or more units to the cluster without starting them',
    usage: 'UNIT...',
    description: `Uploads unit files; they are not placed on a machine.

fleetctl submit hello.service
fleetctl submit foo@.service                a template
fleetctl submit --replace hello.service     with another text`,
    flags: [REPLACE, SIGN],
    run: async context => await bring(context, 'inactive', ['inactive']),
  },
  {
    name: 'load',
    summary: 'Schedule one or more units in the cluster, first submitting them if necessary.',
    usage: 'UNIT...',
    description: `Gives units a machine, whose systemd learns of them, and does not start them.

fleetctl load hello.service`,
    flags: [REPLACE, SIGN, ...WAITING],
    run: async context => await bring(context, 'loaded', ['inactive', 'loaded']),
  },
  {
    name: 'start',
    summary:
      'Instruct systemd to start one or more units in the cluster, first submitting and loading if necessary.',
    usage: 'UNIT...',
    description: `Starts units, and waits until systemd says that they run. A unit that has failed ends the wait with status 1, and
so does one that no machine can run, after a minute.

fleetctl start hello.service
fleetctl start foo@1.service foo@2.service
fleetctl start --no-block hello.service
fleetctl start --block-attempts=20 hello.service    wait 40 seconds at most`,
    flags: [REPLACE, SIGN, ...WAITING],
    run: async context => await bring(context, 'launched', ['inactive', 'loaded', 'launched']),
  },
  {
    name: 'stop',
    summary: 'Instruct systemd to stop one or more units in the cluster.',
    usage: 'UNIT...',
    description: 'Stops units; they stay on their machines.\n\nfleetctl stop hello.service',
    flags: WAITING,
    run: async context => await lower(context, 'loaded', 'stop'),
  },
  {
    name: 'unload',
    summary: 'Unschedule one or more units in the cluster.',
    usage: 'UNIT...',
    description:
      'Stops units and takes them from their machines; they stay in the cluster.\n\nfleetctl unload hello.service',
    flags: WAITING,
    run: async context => await lower(context, 'inactive', 'unload'),
  },
  {
    name: 'destroy',
    summary: 'Destroy one or more units in the cluster',
    usage: 'UNIT...',
    description: `Stops units and takes them out of the cluster. It waits until their machines have let go of them.

fleetctl destroy hello.service
fleetctl destroy --no-block hello.service`,
    flags: WAITING,
    run: destroy,
  },
]

async function bring(
  context: Context,
  wanted: TargetState,
  replaceable: readonly TargetState[],
): Promise<number> {
  const { words, io, flags } = context
  if (noUnits(context)) return 0
  if (flags.on('sign')) {
    io.err('DEPRECATED - units are not signed any more; leave out --sign\n')
    return USAGE_STATUS
  }
  const client = await context.connect()
  const creation: Creation = { io, client, replace: flags.on('replace'), replaceable }
  const units = await createAll(words, creation)
  if (wanted === 'inactive') return 0
  const word = wanted === 'loaded' ? 'load' : 'start'
  const raised = await raise(context, client, units, wanted).catch((error: unknown) => {
    throw new Failure(`Error ${word}ing units: ${messageOf(error)}`)
  })
  const patience = patienceOf(context, client)
  return patience === undefined ? 0 : await waitRaised(context, patience, raised, wanted)
}

/** A unit, not a global one, of which something is wanted. */
interface Raised {
  /** It was not wanted so before, or had another text. */
  isChanged: boolean
  /** Its machine told of a failure before. */
  hadFailed: boolean
}

/** Says what units are wanted to be. */
async function raise(
  context: Context,
  client: Client,
  units: ReadonlyMap<string, boolean>,
  wanted: TargetState,
): Promise<Map<string, Raised>> {
  const word = wanted === 'loaded' ? 'load' : 'start'
  const isWaiting = patienceOf(context, client) !== undefined
  const view = await View.of(client, [...units.keys()])
  const raised = new Map<string, Raised>()
  await atOnce(units, async ([name, isWritten]) => {
    const unit = view.unit(name)
    if (unit === undefined) throw new Error(`Unit ${name} does not exist`)
    const isSo = unit.desiredState === wanted
    const isChanged = !isSo || isWritten
    const hadFailed = view.states(name).some(state => state.systemdActiveState === 'failed')
    if (!isGlobal(unit)) raised.set(name, { isChanged, hadFailed })
    if (!isChanged) return
    if (!isSo) await client.put({ name, desiredState: wanted })
    if (isGlobal(unit)) context.io.out(`Triggered global unit ${name} ${word}\n`)
    else if (!isWaiting) context.io.out(`Triggered unit ${name} ${word}\n`)
  })
  return raised
}

async function waitRaised(
  context: Context,
  patience: Patience,
  raised: ReadonlyMap<string, Raised>,
  wanted: TargetState,
): Promise<number> {
  const { io } = context
  const names = [...raised.keys()]
  const again = names.filter(name => raised.get(name)!.isChanged && raised.get(name)!.hadFailed)
  const forgiving = new Forgiving(io, again)
  const late = await waitAll(patience, names, async (view, name) => {
    const look = forgiving.judge(view, name, await lookAtState(view, name, wanted))
    // What was so before is no news, but it may be that it does not run.
    return look.kind === 'done' && raised.get(name)?.isChanged === false ? { kind: 'done', line: '' } : look
  })
  if (tellLate(context, late, `report state ${wanted}`) !== undefined) {
    io.err('Error waiting for unit states, exit status: 1\n')
    return 1
  }
  if (wanted !== 'launched') return 0
  const idle = await waitAll(patience, names, (view, name) =>
    lookAtSystemd(name, view.states(name), { hash: view.hash(name), isLaunched: true }),
  )
  const why = tellLate(context, idle, 'become active')
  if (why === undefined) return 0
  io.err(`Error waiting for systemd unit states, err: ${why}\n`)
  return 1
}

/**
 * Creates what does not exist; the first failure ends it, and what was created before stays. Gives the names, and whether
 * each was created or replaced.
 */
async function createAll(words: readonly string[], creation: Creation): Promise<Map<string, boolean>> {
  const units = new Map<string, boolean>()
  try {
    for (const part of partsOf(words)) await createPart(part, creation, units)
  } catch (error) {
    throw new Failure(`Error creating units: ${messageOf(error)}`)
  }
  return units
}

/**
 * Creates units that do not need one another, several at a time: first all are looked at, then those before the first
 * with which something is wrong are written. What is said of them comes in their order.
 */
async function createPart(
  words: readonly string[],
  creation: Creation,
  units: Map<string, boolean>,
): Promise<void> {
  const { io, client } = creation
  const lines = new Lines(io)
  const missing: (UnitBody | undefined)[] = []
  let failure: { at: number; error: unknown } | undefined
  await atOnce(words.entries(), async ([at, word]) => {
    if (failure !== undefined && failure.at < at) return
    try {
      const voice = { ...lines.of(at), readFile: (path: string) => io.readFile(path) }
      missing[at] = await missingUnit(word, { ...creation, io: voice })
    } catch (error) {
      if (failure === undefined || at < failure.at) failure = { at, error }
    }
  })
  const right = words.slice(0, failure?.at)
  for (const [at, word] of right.entries()) {
    const name = nameFromArgument(word)
    units.set(name, missing[at] !== undefined || units.get(name) === true)
  }
  try {
    await atOnce(right.keys(), async at => {
      const unit = missing[at]
      if (unit !== undefined) await writeUnit(unit, client)
      if (unit?.desiredState === 'inactive')
        lines.of(at).out(`Unit ${unit.name} ${isGlobal(unit) ? '' : 'inactive'}\n`)
      lines.done(at)
    })
  } finally {
    if (failure !== undefined) lines.done(failure.at)
    lines.end()
  }
  if (failure !== undefined) throw failure.error
}

async function lower(context: Context, wanted: TargetState, word: 'stop' | 'unload'): Promise<number> {
  if (noUnits(context)) return 0
  const { io } = context
  const client = await context.connect()
  const units = await findUnits(context, client)
  const patience = patienceOf(context, client)
  const refused = units.findIndex(
    unit => word === 'stop' && !isGlobal(unit) && unit.currentState === 'inactive',
  )
  const done = (refused < 0 ? units : units.slice(0, refused)).filter(unit => unit.desiredState !== wanted)
  await atOnce(done, async unit => {
    const { name } = unit
    await client.put({ name, desiredState: wanted })
    if (isGlobal(unit)) io.out(`Triggered global unit ${name} ${word}\n`)
    else if (patience === undefined) io.out(`Triggered unit ${name} ${word}\n`)
  })
  if (refused >= 0) throw new Failure(`Unable to stop unit ${units[refused]!.name} in state inactive`)
  const names = done.map(({ name }) => name).join(' ')
  if (patience !== undefined) {
    const placed = done.filter(unit => !isGlobal(unit)).map(({ name }) => name)
    const late = await waitAll(patience, placed, (view, name) => lookAtState(view, name, wanted))
    const why = tellLate(context, late, `report state ${wanted}`)
    if (why !== undefined) {
      io.err(`Failed to ${word} units [${names}]. err: ${why}\n`)
      return 1
    }
  }
  io.err(`Successfully ${word === 'stop' ? 'stopped' : 'unloaded'} units [${names}].\n`)
  return 0
}

async function destroy(context: Context): Promise<number> {
  if (noUnits(context)) return 0
  const { io } = context
  const client = await context.connect()
  const patience = patienceOf(context, client)
  const destroyed: string[] = []
  let status = 0
  await atOnce(await findUnits(context, client), async ({ name }) => {
    try {
      await client.destroy(name)
      destroyed.push(name)
      if (patience === undefined) io.out(`Destroyed ${name}\n`)
    } catch (error) {
      io.err(`Error destroying units: ${messageOf(error)}\n`)
      status = 1
    }
  })
  if (patience === undefined) return status
  // Until no machine tells of it any more: a new unit of that name would meet the old one.
  const attempts = patience.attempts === 0 ? DESTROY_ATTEMPTS : patience.attempts
  const late = await waitAll({ ...patience, attempts }, destroyed, (view, name) =>
    view.unit(name) === undefined && view.states(name).length === 0
      ? { kind: 'done', line: `Destroyed ${name}` }
      : { kind: 'wait', news: '', stuck: '' },
  )
  for (const { name } of late)
    io.err(`Error destroying units: timed out waiting for unit ${name} to disappear\n`)
  return late.length > 0 ? 1 : status
}
