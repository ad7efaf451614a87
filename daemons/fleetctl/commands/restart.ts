import type { FlagSpec } from '#lib/cli/flags.ts'
import type { UnitOption } from '#lib/fleet/model.ts'
import type { UnitBody } from '#lib/fleet/shapes.ts'
import { hashUnit } from '#lib/fleet/unit/file.ts'
import { isTemplate, nameFromArgument } from '#lib/fleet/unit/name.ts'
import type { Client } from '../client.ts'
import type { Command, Context } from '../command.ts'
import { checkUnit, readLocal } from '../creation.ts'
import { Failure } from '../io.ts'
import type { View } from '../view.ts'
import { type Look, lookAtState, lookAtSystemd, type Patience, waitAll } from '../waits.ts'
import { findUnits, instancesOf, noUnits, patienceOf, tellLate, WAITING } from './common.ts'
import { isGlobal } from './listing.ts'

const ROLLING: FlagSpec = { names: ['rolling'], type: 'bool', usage: 'one after the other' }

/** Commands that have units begin anew where they are. */
export const RESTART_COMMANDS: readonly Command[] = [
  {
    name: 'restart',
    summary: 'Instruct systemd to restart one or more units in the cluster.',
    usage: 'UNIT...',
    description: `Restarts units where they run, and waits until they run again. A template stands for all units made of it.

fleetctl restart hello.service
fleetctl restart --rolling web@1.service web@2.service   one after the other
fleetctl restart --rolling web@.service                  all of them, one after the other
fleetctl restart --rolling agent.service                 a global unit machine by machine`,
    flags: [...WAITING, ROLLING],
    run: restart,
  },
  {
    name: 'update',
    summary: 'Give one or more units another text without changing what they are wanted to be',
    usage: 'UNIT...',
    description: `Takes the texts of units from local files. Units that run are restarted with the new text where they are, and
waited for. With a template, all units made of it get the new text.

fleetctl update hello.service
fleetctl update --rolling web@.service   one after the other; the first that fails ends it`,
    flags: [...WAITING, ROLLING],
    run: update,
  },
]

/** What is to be restarted. */
interface Target {
  unit: UnitBody
  /** Only there; wherever it is when undefined. */
  machines: readonly string[] | undefined
}

async function restart(context: Context): Promise<number> {
  if (noUnits(context)) return 0
  const { io, flags } = context
  const client = await context.connect()
  const patience = patienceOf(context, client)
  const isRolling = flags.on('rolling')
  const targets: Target[] = []
  for (const unit of await withInstances(client, await findUnits(context, client))) {
    if ((unit.desiredState ?? 'inactive') === 'inactive')
      io.err(`Unable to restart unit ${unit.name} in state inactive\n`)
    else if (isRolling && isGlobal(unit) && unit.desiredState === 'launched') {
      const machines = (await client.states(unit.name)).map(({ machineID = '' }) => machineID).sort()
      targets.push(...machines.map(machine => ({ unit, machines: [machine] })))
    } else targets.push({ unit, machines: undefined })
  }
  for (const batch of isRolling ? targets.map(target => [target]) : [targets]) {
    const status = await restartAll(context, client, batch, patience)
    if (status !== 0) return status
  }
  return 0
}

/** A template is no unit that runs: all that were made of it are meant. */
async function withInstances(client: Client, units: readonly UnitBody[]): Promise<UnitBody[]> {
  const all = new Map<string, UnitBody>()
  for (const unit of units) {
    const meant = isTemplate(unit.name) ? await instancesOf(client, unit.name) : [unit]
    for (const one of meant) all.set(one.name, one)
  }
  return [...all.values()]
}

async function restartAll(
  context: Context,
  client: Client,
  targets: readonly Target[],
  patience: Patience | undefined,
): Promise<number> {
  const ids = new Map<string, string>()
  for (const { unit, machines } of targets) {
    const { name } = unit
    if (unit.desiredState === 'loaded') await client.put({ name, desiredState: 'launched' })
    else {
      const id = await client.restart(name, machines === undefined ? {} : { machines: [...machines] })
      if (id === undefined) await stopAndStart(client, name, patience)
      else ids.set(name, id)
    }
    if (patience === undefined) context.io.out(`Triggered unit ${name} restart\n`)
  }
  if (patience === undefined) return 0
  const machinesOf = new Map(targets.map(({ unit, machines }) => [unit.name, machines]))
  const names = targets.map(({ unit }) => unit.name)
  const late = await waitAll(patience, names, (view, name) =>
    lookAtRestart(view, name, machinesOf.get(name), ids.get(name)),
  )
  return tellLate(context, late, 'restart') === undefined ? 0 : 1
}

async function lookAtRestart(
  view: View,
  name: string,
  machines: readonly string[] | undefined,
  id: string | undefined,
): Promise<Look> {
  const unit = view.unit(name)
  if (unit !== undefined && id === undefined && !isGlobal(unit) && unit.currentState !== 'launched')
    return await lookAtState(view, name, 'launched')
  if (unit === undefined) return { kind: 'failed', reason: `Unit ${name} does not exist` }
  const states = view.states(name).filter(({ machineID = '' }) => machines?.includes(machineID) ?? true)
  const look = lookAtSystemd(name, states, { restart: id, isLaunched: true })
  return look.kind === 'done'
    ? { kind: 'done', line: await view.line(name, 'launched', machines?.[0]) }
    : look
}

/** For machines that cannot restart. */
async function stopAndStart(client: Client, name: string, patience: Patience | undefined): Promise<void> {
  await client.put({ name, desiredState: 'loaded' })
  const unit = await client.unit(name)
  if (patience !== undefined && unit !== undefined && !isGlobal(unit)) {
    await waitAll(patience, [name], async (view, one) => {
      const look = await lookAtState(view, one, 'loaded')
      return look.kind === 'done' ? { kind: 'done', line: '' } : look
    })
  }
  await client.put({ name, desiredState: 'launched' })
}

async function update(context: Context): Promise<number> {
  if (noUnits(context)) return 0
  const { io, words, flags } = context
  const client = await context.connect()
  const patience = patienceOf(context, client)
  const changes: { unit: UnitBody; options: UnitOption[] }[] = []
  for (const word of words) {
    const name = nameFromArgument(word)
    const present = await client.unit(name)
    if (present === undefined) throw new Failure(`Unit ${name} does not exist; fleetctl submit creates it`)
    const local = await readLocal(word, io)
    if (local === undefined) throw new Failure(`${word}: no such file`)
    checkUnit(name, local.options, io)
    const meant = isTemplate(name) ? [present, ...(await instancesOf(client, name))] : [present]
    for (const unit of meant) {
      if (hashUnit(local.options) === hashUnit(unit.options ?? []))
        io.out(`Found same Unit(${unit.name}) in Registry, nothing to do\n`)
      else changes.push({ unit, options: local.options })
    }
  }
  for (const batch of flags.on('rolling') ? changes.map(change => [change]) : [changes]) {
    const status = await updateAll(context, client, batch, patience)
    if (status !== 0) return status
  }
  return 0
}

async function updateAll(
  context: Context,
  client: Client,
  changes: readonly { unit: UnitBody; options: UnitOption[] }[],
  patience: Patience | undefined,
): Promise<number> {
  const hashes = new Map<string, string>()
  for (const { unit, options } of changes) {
    const { name, desiredState = 'inactive' } = unit
    const isHeld = (await client.states(name)).length > 0
    await client.put({ name, options, ...(isTemplate(name) ? {} : { desiredState }) })
    context.io.out(`Unit ${name} updated\n`)
    // What no machine has, none will tell of.
    if (isHeld && desiredState !== 'inactive') hashes.set(name, hashUnit(options))
  }
  if (patience === undefined) return 0
  const late = await waitAll(patience, [...hashes.keys()], async (view, name) => {
    const unit = view.unit(name)
    if (unit === undefined) return { kind: 'failed', reason: `Unit ${name} does not exist` }
    const wanted = unit.desiredState ?? 'inactive'
    const isLaunched = wanted === 'launched'
    const look = lookAtSystemd(name, view.states(name), { hash: hashes.get(name), isLaunched })
    return look.kind === 'done' ? { kind: 'done', line: await view.line(name, wanted) } : look
  })
  return tellLate(context, late, 'run with its new text') === undefined ? 0 : 1
}
