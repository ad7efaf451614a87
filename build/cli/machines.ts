import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { errorCode, UserError } from '#lib/errors.ts'
import { Cache } from '../cache/cache.ts'
import { findMirrors } from '../deb/host/apt.ts'
import { readLock } from '../deb/host/repository.ts'
import { Tools } from '../tools/tools.ts'
import { Cluster } from '../vm/cluster/host/cluster.ts'
import { isRunning } from '../vm/identity.ts'
import { Machine, type MachineHost, readRecord } from '../vm/machine.ts'
import { choosePrograms } from '../vm/programs.ts'
import { checkMachineName, type MachineRecord, NAME_PATTERN } from '../vm/record.ts'
import type { Arguments, CliContext } from './command.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** A machine by its name, and where it is kept. */
export interface NamedMachine {
  name: string
  folder: string
}

/** Folder of this user's state: `ORLOP_HOME`, else `XDG_STATE_HOME/orlop`, else `~/.local/state/orlop`. */
export function homeFolder(environment: Environment = process.env): string {
  const state = environment['XDG_STATE_HOME'] || join(homedir(), '.local/state')
  return environment['ORLOP_HOME'] || join(state, 'orlop')
}

/** The config that is taken when none is named: in `ORLOP_HOME`, else `XDG_CONFIG_HOME/orlop`, else `~/.config/orlop`. */
export function configPath(environment: Environment = process.env): string {
  const home = environment['ORLOP_HOME']
  const folder = home || join(environment['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'orlop')
  return join(folder, 'config')
}

/** Folder of this user's machines. */
export function machinesFolder(environment: Environment = process.env): string {
  return join(homeFolder(environment), 'machines')
}

/** The flag by which a command takes another config. */
export const CONFIG_FLAG = {
  type: 'string',
  value: 'FILE',
  help: 'config of the cluster (default ~/.config/orlop/config, if it is there)',
} as const

/** The cluster of this user, by its config. */
export async function openCluster(parsed: Arguments, context: CliContext): Promise<Cluster> {
  const config = parsed.has('config') ? parsed.text('config') : undefined
  const cluster = await Cluster.open({
    home: homeFolder(),
    root: context.root,
    defaultConfig: configPath(),
    ...(config === undefined ? {} : { config: resolve(config) }),
  })
  for (const note of cluster.notes) context.progress.note(note)
  return cluster
}

/** A machine by its name. */
export function machineCalled(name: string): NamedMachine {
  return { name: checkMachineName(name), folder: join(machinesFolder(), name) }
}

/** The one machine that the command line names, else the first one of the cluster. */
export async function namedMachine(parsed: Arguments, context: CliContext): Promise<NamedMachine> {
  const [name] = parsed.operands
  if (name !== undefined) return machineCalled(name)
  const cluster = await openCluster(parsed, context)
  return machineCalled(cluster.members(1)[0]!.name)
}

/**
 * The machines that the command line names, else all that there are.
 *
 * @throws UserError when one that is named is not there, or there are none
 */
export async function namedMachines(parsed: Arguments): Promise<NamedMachine[]> {
  const machines = (parsed.operands.length > 0 ? parsed.operands : await machineNames()).map(machineCalled)
  for (const { name, folder } of machines) if (!existsSync(folder)) throw notRunning(name, false)
  if (machines.length === 0) throw new UserError('there are no machines', 'start them with `npm start`')
  return machines
}

/** Names of all machines there are, sorted. */
export async function machineNames(): Promise<string[]> {
  try {
    return (await readdir(machinesFolder())).filter(name => NAME_PATTERN.test(name)).sort()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}

/** Ends what machines share when none of the cluster runs any more. */
export async function stopShared(context: CliContext): Promise<void> {
  const names = await machineNames()
  const found = await Promise.all(
    names.map(name => lookUp(machineCalled(name).folder).catch(() => undefined)),
  )
  if (found.some(one => one?.running)) return
  const places = { home: homeFolder(), root: context.root, defaultConfig: configPath() }
  await Cluster.stop(places)
}

/** The programs for machines, fetched when they are missing. */
export async function openTools(
  context: CliContext,
): Promise<{ cache: Cache; tools: Tools; host: MachineHost }> {
  const { progress, signal } = context
  const cache = await Cache.open()
  const lock = await readLock(context.root)
  const tools = await Tools.open(lock, { cache, mirrors: findMirrors, progress, signal })
  return { cache, tools, host: { programs: choosePrograms(tools, process.env), cacheFolder: cache.root } }
}

/** The record of a machine and whether it runs. */
export async function lookUp(
  folder: string,
): Promise<{ record: MachineRecord; running: boolean } | undefined> {
  const record = await readRecord(folder)
  if (record === undefined) return undefined
  return { record, running: record.process !== undefined && (await isRunning(record.process)) }
}

/**
 * A machine that runs.
 *
 * @throws UserError when there is none, or it does not run
 */
export async function openMachine({ name, folder }: NamedMachine, context: CliContext): Promise<Machine> {
  const found = await lookUp(folder)
  if (found?.running) {
    const { host } = await openTools(context)
    const machine = await Machine.open(folder, host)
    if (machine) return machine
  }
  throw notRunning(name, found !== undefined)
}

/** The error for commands that need a running machine. */
export function notRunning(name: string, exists: boolean): UserError {
  return new UserError(
    exists ? `machine ${name} does not run` : `there is no machine ${name}`,
    `start it with \`npm run orlop -- up ${name}\``,
  )
}
