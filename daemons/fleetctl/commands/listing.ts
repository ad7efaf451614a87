import type { FlagSpec } from '#lib/cli/flags.ts'
import { machineLegend } from '#lib/fleet/model.ts'
import type { MachineBody, UnitBody, UnitStateBody } from '#lib/fleet/shapes.ts'
import { firstValue, hashUnit } from '#lib/fleet/unit/file.ts'
import { readRequirements } from '#lib/fleet/unit/requirements.ts'
import type { Command, Context } from '../command.ts'
import { Failure } from '../io.ts'
import { tabulate } from '../table.ts'

const FULL: FlagSpec = { names: ['full', 'l'], type: 'bool', usage: 'do not shorten machine IDs and hashes' }
const NO_LEGEND: FlagSpec = { names: ['no-legend'], type: 'bool', usage: 'no header' }
const JSON_FLAG: FlagSpec = { names: ['json'], type: 'bool', usage: 'as JSON' }
const SHORT_HASH_CHARS = 7

/** A column: the cell of an item. */
type Column<T> = (item: T, shown: Shown) => string

/** How machines and hashes are shown. */
interface Shown {
  isFull: boolean
  /** ID → address. */
  addresses: ReadonlyMap<string, string>
}

const STATE_COLUMNS: Readonly<Record<string, Column<UnitStateBody>>> = {
  unit: ({ name }) => name,
  machine: ({ machineID }, shown) => legend(machineID, shown),
  load: ({ systemdLoadState }) => systemdLoadState || '-',
  active: ({ systemdActiveState }) => systemdActiveState || '-',
  sub: ({ systemdSubState }) => systemdSubState || '-',
  hash: ({ hash }, { isFull }) => shortHash(hash ?? '', isFull),
}

const UNIT_COLUMNS: Readonly<Record<string, Column<UnitBody>>> = {
  unit: ({ name }) => name,
  hash: ({ options = [] }, { isFull }) => shortHash(hashUnit(options), isFull),
  desc: ({ options = [] }) => firstValue(options, 'Unit', 'Description') || '-',
  dstate: ({ desiredState }) => desiredState || '-',
  state: unit => (isGlobal(unit) ? '-' : unit.currentState || '-'),
  target: (unit, shown) => (isGlobal(unit) ? 'global' : legend(unit.machineID, shown)),
  tmachine: (unit, shown) => (isGlobal(unit) ? 'global' : legend(unit.machineID, shown)),
  global: unit => String(isGlobal(unit)),
  reason: ({ reason }) => reason || '-',
}

const MACHINE_COLUMNS: Readonly<Record<string, Column<MachineBody>>> = {
  machine: ({ id }, { isFull }) => machineLegend(id, '', isFull),
  ip: ({ primaryIP }) => primaryIP || '-',
  metadata: ({ metadata = {} }) =>
    Object.keys(metadata)
      .sort()
      .map(key => `${key}=${metadata[key]}`)
      .join(',') || '-',
}

/** Whether a unit runs on every machine that can. */
export function isGlobal({ name, options = [] }: UnitBody): boolean {
  return readRequirements(name, options).isGlobal
}

/** Commands that list. */
export const LISTING_COMMANDS: readonly Command[] = [
  {
    name: 'list-units',
    summary: 'List the current state of units in the cluster',
    usage: '',
    description: `Lists units that are loaded or started, with the state that systemd has of them: a line for each machine
that has the unit. For all units, placed or not, see list-unit-files.

fleetctl list-units --fields unit,machine
fleetctl list-units --no-legend | grep failed`,
    flags: [fieldsFlag(STATE_COLUMNS, 'unit,machine,active,sub'), FULL, NO_LEGEND, JSON_FLAG],
    async run(context) {
      const columns = readColumns(context, STATE_COLUMNS)
      const states = await retrieve(
        'list of units from repository',
        async () => await (await context.connect()).states(),
      )
      const order = (a: UnitStateBody, b: UnitStateBody): number =>
        compare(a.name, b.name) || compare(a.machineID ?? '', b.machineID ?? '')
      return await print(context, states.sort(order), STATE_COLUMNS, columns)
    },
  },
  {
    name: 'list-unit-files',
    summary: 'List the units that exist in the cluster',
    usage: '',
    description: `Lists all units with what they are wanted to be and what they are, whether they have a machine or not.

fleetctl list-unit-files --fields unit,dstate,reason   why units have no machine`,
    flags: [fieldsFlag(UNIT_COLUMNS, 'unit,hash,dstate,state,target'), FULL, NO_LEGEND, JSON_FLAG],
    async run(context) {
      const columns = readColumns(context, UNIT_COLUMNS)
      if (columns.includes('tmachine')) context.io.err('WARN: field tmachine is deprecated, use target\n')
      const units = await retrieve(
        'list of units from repository',
        async () => await (await context.connect()).units(),
      )
      return await print(
        context,
        units.sort((a, b) => compare(a.name, b.name)),
        UNIT_COLUMNS,
        columns,
      )
    },
  },
  {
    name: 'list-machines',
    summary: 'List the machines in the cluster',
    usage: '',
    description: `Lists the machines that are there now, with address and metadata.

fleetctl list-machines --full`,
    flags: [fieldsFlag(MACHINE_COLUMNS, 'machine,ip,metadata'), FULL, NO_LEGEND, JSON_FLAG],
    async run(context) {
      const columns = readColumns(context, MACHINE_COLUMNS)
      return await print(context, await listMachines(context), MACHINE_COLUMNS, columns)
    },
  },
]

async function listMachines(context: Context): Promise<MachineBody[]> {
  try {
    const machines = await (await context.connect()).machines()
    return machines.sort((a, b) => compare(a.id, b.id))
  } catch (error) {
    if (error instanceof Failure) throw error
    if (context.settings.driver === 'etcd')
      throw new Failure(`Error retrieving list of active machines from the registry (${messageOf(error)})`)
    throw new Failure(`Error retrieving list of active machines from fleet API (${messageOf(error)})
Possible issues:
- fleetd is not running, or its socket is not the one that --endpoint names
- fleetd cannot reach etcd
- this user may not open the socket`)
  }
}

/** Prints a table, or JSON. */
async function print<T>(
  context: Context,
  items: readonly T[],
  columns: Readonly<Record<string, Column<T>>>,
  names: readonly string[],
): Promise<number> {
  const { flags, io } = context
  if (flags.on('json')) {
    io.out(`${JSON.stringify(items, undefined, 2)}\n`)
    return 0
  }
  const addresses =
    names.some(name => WITH_MACHINE.has(name)) && items.length > 0 ? await addressesOf(context) : NONE
  const shown = { isFull: flags.on('full'), addresses }
  const rows = items.map(item => names.map(name => columns[name]!(item, shown)))
  const header = flags.on('no-legend') ? [] : [names.map(name => name.toUpperCase())]
  io.out(tabulate([...header, ...rows]))
  return 0
}

const WITH_MACHINE = new Set(['target', 'tmachine', 'machine'])
const NONE: ReadonlyMap<string, string> = new Map()

/** Machine ID → address. */
async function addressesOf(context: Context): Promise<Map<string, string>> {
  const machines = await listMachines(context)
  return new Map(machines.map(({ id, primaryIP = '' }) => [id, primaryIP]))
}

function fieldsFlag(columns: object, standard: string): FlagSpec {
  const usage = `columns, separated by commas, of: ${Object.keys(columns).join(', ')}`
  return { names: ['fields'], type: 'string', default: standard, usage }
}

function readColumns({ flags }: Context, columns: object): string[] {
  const text = flags.text('fields')
  if (text === '') throw new Failure('Must define output format')
  const names = text.split(',').map(name => name.trim())
  const bad = names.find(name => !Object.hasOwn(columns, name))
  if (bad !== undefined) throw new Failure(`Invalid key in output format: ${JSON.stringify(bad)}`)
  return names
}

async function retrieve<T>(what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure(`Error retrieving ${what}: ${messageOf(error)}`)
  }
}

function legend(machineId: string | undefined, { isFull, addresses }: Shown): string {
  return machineId === undefined || machineId === ''
    ? '-'
    : machineLegend(machineId, addresses.get(machineId) ?? '', isFull)
}

function shortHash(hash: string, isFull: boolean): string {
  return (isFull ? hash : hash.slice(0, SHORT_HASH_CHARS)) || '-'
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
