import type { FlagSpec } from '#lib/cli/flags.ts'
import { machineLegend, type TargetState } from '#lib/fleet/model.ts'
import type { UnitBody } from '#lib/fleet/shapes.ts'
import { hashUnit } from '#lib/fleet/unit/file.ts'
import { isTemplate, nameFromArgument } from '#lib/fleet/unit/name.ts'
import type { ApiClient } from '../client.ts'
import type { Command, Context } from '../command.ts'
import { type Creation, checkUnit, ensureUnit, readLocal } from '../creation.ts'
import { Failure } from '../io.ts'
import { type Look, lookAtState, lookAtSystemd, type Patience, waitFor } from '../waits.ts'
import { isGlobal } from './listing.ts'

const REPLACE: FlagSpec = {
  names: ['replace'],
  type: 'bool',
  usage: 'take the local text where the registry has another',
}
const SIGN: FlagSpec = { names: ['sign'], type: 'bool', usage: 'deprecated', hidden: true }
const NO_BLOCK: FlagSpec = { names: ['no-block'], type: 'bool', usage: 'do not wait' }
const BLOCK_ATTEMPTS: FlagSpec = {
  names: ['block-attempts'],
  type: 'int',
  default: '0',
  usage: 'wait so many times 2 seconds; 0 is as long as there is hope',
}
const WAITING = [NO_BLOCK, BLOCK_ATTEMPTS]

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
  {
    name: 'restart',
    summary: 'Instruct systemd to restart one or more units in the cluster.',
    usage: 'UNIT...',
    description: `Restarts units where they run, and waits until they run again.

fleetctl restart hello.service
fleetctl restart --rolling web@1.service web@2.service   one after the other
fleetctl restart --rolling agent.service                 a global unit machine by machine`,
    flags: [BLOCK_ATTEMPTS, NO_BLOCK, { names: ['rolling'], type: 'bool', usage: 'one after the other' }],
    run: restart,
  },
  {
    name: 'update',
    summary: 'Give one or more units another text without changing what they are wanted to be',
    usage: 'UNIT...',
    description: `Takes the texts of units from local files. Units that run are restarted with the new text where they are.

fleetctl update hello.service`,
    run: update,
  },
]

async function bring(
  context: Context,
  wanted: TargetState,
  replaceable: readonly TargetState[],
): Promise<number> {
  const { words, io, flags } = context
  if (noUnits(context)) return 0
  const api = await context.api()
  const creation: Creation = { io, api, replace: flags.on('replace'), replaceable }
  const names = await createAll(words, creation)
  if (wanted === 'inactive') return 0
  const patience = patienceOf(context, api)
  const word = wanted === 'loaded' ? 'load' : 'start'
  const changed: UnitBody[] = []
  try {
    for (const name of names) {
      const unit = await api.unit(name)
      if (unit === undefined) throw new Error(`Unit ${name} does not exist`)
      if (unit.desiredState === wanted) continue
      await api.put({ name, desiredState: wanted })
      changed.push(unit)
      if (isGlobal(unit)) io.out(`Triggered global unit ${name} ${word}\n`)
      else if (patience === undefined) io.out(`Triggered unit ${name} ${word}\n`)
    }
  } catch (error) {
    throw new Failure(`Error ${word}ing units: ${messageOf(error)}`)
  }
  if (patience === undefined) return 0
  const placed = changed.filter(unit => !isGlobal(unit)).map(({ name }) => name)
  const states = await waitAll(patience, placed, name => lookAtState(api, name, wanted))
  if (states !== undefined)
    return tell(context, `Error waiting for units: ${states(`report state ${wanted}`)}`)
  if (wanted !== 'launched') return 0
  const active = await waitAll(patience, placed, async name => lookAtSystemd(name, await api.states()))
  return active === undefined ? 0 : tell(context, `Error waiting for units: ${active('become active')}`)
}

/** Creates what does not exist; the first failure ends it, and what was created before stays. */
async function createAll(words: readonly string[], creation: Creation): Promise<string[]> {
  const names: string[] = []
  try {
    for (const word of words) {
      const { name, isNew } = await ensureUnit(word, creation)
      names.push(name)
      if (!isNew) continue
      const unit = await creation.api.unit(name)
      const isPlain = unit === undefined || !isGlobal(unit)
      creation.io.out(`Unit ${name} ${isPlain ? 'inactive' : ''}\n`)
    }
  } catch (error) {
    throw new Failure(`Error creating units: ${messageOf(error)}`)
  }
  return names
}

async function lower(context: Context, wanted: TargetState, word: 'stop' | 'unload'): Promise<number> {
  if (noUnits(context)) return 0
  const { io } = context
  const api = await context.api()
  const units = await findUnits(context, api)
  const patience = patienceOf(context, api)
  const done: UnitBody[] = []
  for (const unit of units) {
    const { name } = unit
    const isAt = word === 'stop' ? unit.desiredState === 'loaded' : unit.desiredState === 'inactive'
    if (word === 'stop' && !isGlobal(unit) && unit.currentState === 'inactive')
      throw new Failure(`Unable to stop unit ${name} in state inactive`)
    if (isAt) continue
    await api.put({ name, desiredState: wanted })
    done.push(unit)
    if (isGlobal(unit)) io.out(`Triggered global unit ${name} ${word}\n`)
    else if (patience === undefined) io.out(`Triggered unit ${name} ${word}\n`)
  }
  const names = done.map(({ name }) => name).join(' ')
  if (patience !== undefined) {
    const placed = done.filter(unit => !isGlobal(unit)).map(({ name }) => name)
    const late = await waitAll(patience, placed, name => lookAtState(api, name, wanted))
    if (late !== undefined)
      return tell(context, `Failed to ${word} units [${names}]. err: ${late(`report state ${wanted}`)}`)
  }
  io.err(`Successfully ${word === 'stop' ? 'stopped' : 'unloaded'} units [${names}].\n`)
  return 0
}

async function destroy(context: Context): Promise<number> {
  if (noUnits(context)) return 0
  const api = await context.api()
  const patience = patienceOf(context, api)
  let status = 0
  for (const { name } of await findUnits(context, api)) {
    try {
      await api.destroy(name)
      const gone = patience === undefined ? undefined : await waitGone(patience, name)
      if (gone !== undefined) throw new Error(gone)
      context.io.out(`Destroyed ${name}\n`)
    } catch (error) {
      context.io.err(`Error destroying units: ${messageOf(error)}\n`)
      status = 1
    }
  }
  return status
}

/** Until no machine tells of it any more: a new unit of that name would meet the old one. */
async function waitGone({ io, api, attempts }: Patience, name: string): Promise<string | undefined> {
  const bounded = { io, api, attempts: attempts === 0 ? DESTROY_ATTEMPTS : attempts }
  const why = await waitFor(bounded, async () => {
    const isGone =
      (await api.unit(name)) === undefined && (await api.states()).every(state => state.name !== name)
    return isGone ? { kind: 'done', line: '' } : { kind: 'wait', reason: '' }
  })
  return why === undefined ? undefined : `timed out waiting for unit ${name} to disappear`
}

/** A machine that does not answer tells of its units until its time to live is over. */
const DESTROY_ATTEMPTS = 20

async function restart(context: Context): Promise<number> {
  if (noUnits(context)) return 0
  const { io, flags } = context
  const api = await context.api()
  const patience = patienceOf(context, api)
  const running: { name: string; machines: readonly string[] | undefined }[] = []
  for (const unit of await findUnits(context, api)) {
    const { name } = unit
    if (unit.desiredState === 'inactive') io.err(`Unable to restart unit ${name} in state inactive\n`)
    else if (unit.desiredState === 'loaded') {
      await api.put({ name, desiredState: 'launched' })
      const why = patience && (await waitFor(patience, () => lookAtState(api, name, 'launched')))
      if (why !== undefined)
        return tell(context, `Error waiting for units: timed out waiting for unit ${name}`)
    } else if (isGlobal(unit) && flags.on('rolling')) {
      const states = (await api.states()).filter(state => state.name === name)
      for (const { machineID } of states) running.push({ name, machines: [machineID ?? ''] })
    } else running.push({ name, machines: undefined })
  }
  if (flags.on('rolling')) {
    for (const target of running) {
      const status = await restartAll(context, [target], api, patience)
      if (status !== 0) return status
    }
    return 0
  }
  return await restartAll(context, running, api, patience)
}

async function restartAll(
  context: Context,
  targets: readonly { name: string; machines: readonly string[] | undefined }[],
  api: ApiClient,
  patience: Patience | undefined,
): Promise<number> {
  const ids = new Map<string, string>()
  for (const { name, machines } of targets) {
    const id = await api.restart(name, machines === undefined ? {} : { machines: [...machines] })
    if (id === undefined) await stopAndStart(api, name, patience)
    else ids.set(name, id)
    if (patience === undefined) context.io.out(`Triggered unit ${name} restart\n`)
  }
  if (patience === undefined) return 0
  for (const { name, machines } of targets) {
    const why = await waitFor(patience, async () => {
      const states = (await api.states()).filter(
        ({ machineID = '' }) => machines === undefined || machines.includes(machineID),
      )
      const look = lookAtSystemd(name, states, ids.get(name))
      return look.kind === 'done' ? { kind: 'done', line: await restartedLine(api, name, machines) } : look
    })
    if (why !== undefined)
      return tell(
        context,
        `Error waiting for units: ${why || `timed out waiting for unit ${name} to restart`}`,
      )
  }
  return 0
}

async function restartedLine(
  api: ApiClient,
  name: string,
  machines: readonly string[] | undefined,
): Promise<string> {
  const unit = await api.unit(name)
  const machineId = machines?.[0] ?? unit?.machineID
  if (machineId === undefined) return `Unit ${name} launched`
  const machine = (await api.machines()).find(({ id }) => id === machineId)
  return `Unit ${name} launched on ${machineLegend(machineId, machine?.primaryIP ?? '', false)}`
}

/** For a fleetd that cannot restart. */
async function stopAndStart(api: ApiClient, name: string, patience: Patience | undefined): Promise<void> {
  await api.put({ name, desiredState: 'loaded' })
  if (patience !== undefined) await waitFor(patience, () => silently(lookAtState(api, name, 'loaded')))
  await api.put({ name, desiredState: 'launched' })
}

async function silently(looking: Promise<Look>): Promise<Look> {
  const look = await looking
  return look.kind === 'done' ? { kind: 'done', line: '' } : look
}

async function update(context: Context): Promise<number> {
  if (noUnits(context)) return 0
  const { io, words } = context
  const api = await context.api()
  for (const word of words) {
    const name = nameFromArgument(word)
    const present = await api.unit(name)
    if (present === undefined) throw new Failure(`Unit ${name} does not exist; fleetctl submit creates it`)
    const local = await readLocal(word, io)
    if (local === undefined) throw new Failure(`${word}: no such file`)
    checkUnit(name, local.options, io)
    if (hashUnit(local.options) === hashUnit(present.options ?? [])) {
      io.out(`Found same Unit(${name}) in Registry, nothing to do\n`)
      continue
    }
    const { desiredState = 'inactive' } = present
    await api.put({ name, options: local.options, ...(isTemplate(name) ? {} : { desiredState }) })
    io.out(`Unit ${name} updated\n`)
  }
  return 0
}

function noUnits({ words, io }: Context): boolean {
  if (words.length === 0) io.err('No units given\n')
  return words.length === 0
}

/** Units that are named and exist, in the order in which they were named. */
async function findUnits({ words, io }: Context, api: ApiClient): Promise<UnitBody[]> {
  const all = new Map((await api.units()).map(unit => [unit.name, unit]))
  const found = words.map(word => all.get(nameFromArgument(word))).filter(unit => unit !== undefined)
  if (found.length === 0) io.err('Units not found in registry\n')
  return found
}

/** Undefined for no waiting at all. */
function patienceOf({ flags, io }: Context, api: ApiClient): Patience | undefined {
  const attempts = flags.number('block-attempts')
  return flags.on('no-block') || attempts < 0 ? undefined : { io, api, attempts }
}

/** Waits for all at once. Gives undefined, or what words to tell the first one that was late by. */
async function waitAll(
  patience: Patience,
  names: readonly string[],
  look: (name: string) => Promise<Look>,
): Promise<((what: string) => string) | undefined> {
  const late = await Promise.all(
    names.map(async name => ({ name, why: await waitFor(patience, () => look(name)) })),
  )
  const first = late.find(({ why }) => why !== undefined)
  if (first === undefined) return undefined
  return what => first.why || `timed out waiting for unit ${first.name} to ${what}`
}

function tell({ io }: Context, line: string): number {
  io.err(`${line}\n`)
  return 1
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
