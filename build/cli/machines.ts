import { homedir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '#lib/errors.ts'
import { Cache } from '../cache/cache.ts'
import { findMirrors } from '../deb/host/apt.ts'
import { readLock } from '../deb/host/repository.ts'
import { Tools } from '../tools/tools.ts'
import { isRunning } from '../vm/identity.ts'
import { Machine, type MachineHost, readRecord } from '../vm/machine.ts'
import { choosePrograms } from '../vm/programs.ts'
import { checkMachineName, type MachineRecord } from '../vm/record.ts'
import type { Arguments, CliContext } from './command.ts'

/** The machine that is meant when none is named. */
export const DEFAULT_MACHINE = 'orlop'

/** Folder of this user's machines: `ORLOP_HOME`, else `XDG_STATE_HOME/orlop`, else `~/.local/state/orlop`. */
export function machinesFolder(environment: Record<string, string | undefined> = process.env): string {
  const state = environment['XDG_STATE_HOME'] || join(homedir(), '.local/state')
  return join(environment['ORLOP_HOME'] || join(state, 'orlop'), 'machines')
}

/** The machine that the command line names. */
export function namedMachine(parsed: Arguments): { name: string; folder: string } {
  const name = checkMachineName(parsed.operands[0] ?? DEFAULT_MACHINE)
  return { name, folder: join(machinesFolder(), name) }
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
 * The running machine that the command line names.
 *
 * @throws UserError when there is none, or it does not run
 */
export async function openMachine(parsed: Arguments, context: CliContext): Promise<Machine> {
  const { name, folder } = namedMachine(parsed)
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
  const again = name === DEFAULT_MACHINE ? '' : ` ${name}`
  return new UserError(
    exists ? `machine ${name} does not run` : `there is no machine ${name}`,
    `start it with \`npm run orlop -- up${again}\``,
  )
}
