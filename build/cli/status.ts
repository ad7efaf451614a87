import { join } from 'node:path'
import { errorCode } from '#lib/errors.ts'
import { FILES } from '../vm/arguments.ts'
import { Console } from '../vm/console.ts'
import { QmpClient } from '../vm/qmp/client.ts'
import type { Boot } from '../vm/transcript.ts'
import type { Command } from './command.ts'
import { lookUp, machineCalled, machineNames, type NamedMachine, notRunning } from './machines.ts'
import { NAMES_MAX } from './power.ts'

/** What is told about a machine. */
export interface MachineStatus {
  name: string
  /** `failed`: its health checks did. */
  state: 'stopped' | 'booting' | 'up' | 'failed' | 'suspended'
  firmware: string
  memoryMiB: number
  cpus: number
  folder: string
  /** Present while it runs. */
  sshPort?: number
  /** In the network of its cluster. */
  address?: string
  pid?: number
  /** The last start as its console tells it. */
  slot?: string
  version?: string
}

/** A machine that runs answers at once. */
const ANSWER_TIMEOUT_MS = 2000

/** `orlop status`. */
export const statusCommand: Command = {
  name: 'status',
  summary: 'the machines of this user',
  usage: '[NAME]... [--json]',
  flags: { json: { type: 'boolean', help: 'an array of machines as JSON' } },
  operands: { min: 0, max: NAMES_MAX },
  examples: [['npm run orlop -- status --json', 'for scripts: name, state, sshPort, slot, …']],
  async run(parsed, context) {
    const machines = (parsed.operands.length > 0 ? parsed.operands : await machineNames()).map(machineCalled)
    const found = await Promise.all(machines.map(machineStatus))
    const all = found.filter(status => status !== undefined)
    const missing = found.indexOf(undefined)
    if (parsed.operands.length > 0 && missing >= 0) throw notRunning(machines[missing]!.name, false)
    if (parsed.set('json')) context.print(JSON.stringify(all))
    else if (all.length === 0) context.print('No machines. `npm start` makes one.')
    else for (const line of table(all)) context.print(line)
    return 0
  },
}

async function machineStatus({ name, folder }: NamedMachine): Promise<MachineStatus | undefined> {
  const found = await lookUp(folder)
  if (found === undefined) return undefined
  const { record, running } = found
  const boot = await lastBoot(folder, record.consoleStart ?? 0)
  const state = running ? stateOf(await runState(folder), boot) : 'stopped'
  return {
    name,
    state,
    firmware: record.firmware,
    memoryMiB: record.memoryMiB,
    cpus: record.cpus,
    folder,
    ...(record.address === undefined ? {} : { address: record.address }),
    ...(running && record.sshPort !== undefined ? { sshPort: record.sshPort } : {}),
    ...(running && record.process ? { pid: record.process.pid } : {}),
    ...(boot ? { slot: boot.slot } : {}),
    ...(boot?.version === undefined ? {} : { version: boot.version }),
  }
}

/** The state of a machine whose QEMU runs. */
export function stateOf(runState: string, boot: Boot | undefined): MachineStatus['state'] {
  if (runState === 'paused' || runState === 'suspended') return 'suspended'
  if (boot?.failure !== undefined) return 'failed'
  return boot?.version === undefined ? 'booting' : 'up'
}

async function lastBoot(folder: string, fromByte: number): Promise<Boot | undefined> {
  try {
    const console = await Console.follow(folder, fromByte)
    await console.end(new Error('read'))
    return console.boots.at(-1)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** What QEMU says of itself; `running` when its control socket is busy, for then somebody works with it. */
async function runState(folder: string): Promise<string> {
  try {
    const qmp = await QmpClient.connect(join(folder, FILES.visitors), ANSWER_TIMEOUT_MS)
    const answer = await qmp.execute('query-status', undefined, { timeoutMs: ANSWER_TIMEOUT_MS })
    qmp.close()
    return typeof answer === 'object' && answer !== null && 'status' in answer
      ? String(answer.status)
      : 'running'
  } catch {
    return 'running'
  }
}

/** Lines of a table with a head. */
export function table(all: readonly MachineStatus[]): string[] {
  const rows = [
    ['NAME', 'STATE', 'ADDRESS', 'SLOT', 'VERSION', 'FIRMWARE', 'MEMORY', 'CPUS', 'SSH'],
    ...all.map(one => [
      one.name,
      one.state,
      one.address ?? '-',
      one.slot ?? '-',
      one.version ?? '-',
      one.firmware,
      `${one.memoryMiB} MiB`,
      String(one.cpus),
      one.sshPort === undefined ? '-' : `127.0.0.1:${one.sshPort}`,
    ]),
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  return rows.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
}
