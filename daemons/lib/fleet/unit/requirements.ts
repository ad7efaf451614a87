import type { Capacity, UnitOption } from '../model.ts'
import { compileGlob, type Glob } from './glob.ts'
import { splitName } from './name.ts'
import { parseCpu, parseMemory } from './quantity.ts'

/** What a unit asks of the machine that is to run it: its section [X-Fleet], specifiers replaced. */
export interface Requirements {
  /** Full ID or the short one; undefined for any. */
  machineId: string | undefined
  /** MachineOf: units that must be on the same machine. */
  peers: readonly string[]
  /** Key → values of which one must be the machine's. */
  metadata: ReadonlyMap<string, ReadonlySet<string>>
  conflicts: readonly Glob[]
  replaces: readonly Glob[]
  isGlobal: boolean
  /** MemoryReservation and CPUReservation; 0 asks for nothing. */
  reserves: Capacity
  /** Rebalance=no: stays where it is while it can. */
  stays: boolean
}

/** Section of a unit file that is for fleet. */
export const FLEET_SECTION = 'X-Fleet'

/** Names that the same option has had, the present one first. */
const FORMS: Readonly<Record<string, readonly string[]>> = {
  MachineID: ['MachineID', 'X-ConditionMachineID', 'X-ConditionMachineBootID'],
  MachineOf: ['MachineOf', 'X-ConditionMachineOf'],
  MachineMetadata: ['MachineMetadata', 'X-ConditionMachineMetadata'],
  Conflicts: ['Conflicts', 'X-Conflicts'],
  Replaces: ['Replaces'],
  Global: ['Global'],
  MemoryReservation: ['MemoryReservation'],
  CPUReservation: ['CPUReservation'],
  Rebalance: ['Rebalance'],
}
const KNOWN = new Set(Object.values(FORMS).flat())
const TRUTHY = new Set(['true', 'yes', '1', 'on', 't'])

/** The section's options by name, values split and specifiers replaced. */
export class FleetOptions {
  readonly #values = new Map<string, string[]>()

  /** @param name of the unit, for specifiers; undefined leaves them as they are */
  constructor(options: readonly UnitOption[], name?: string) {
    for (const { section, name: key, value } of options) {
      if (section !== FLEET_SECTION) continue
      const values = splitValues(value).map(text => (name === undefined ? text : expand(text, name)))
      this.#values.set(key, [...(this.#values.get(key) ?? []), ...values])
    }
  }

  /** Values under any of the names that the option has had. */
  all(key: string): string[] {
    return FORMS[key]!.flatMap(form => this.#values.get(form) ?? [])
  }

  /** Values under the first of its names that is there. */
  first(key: string): string | undefined {
    return FORMS[key]!.map(form => this.#values.get(form)?.[0]).find(value => value !== undefined)
  }

  /** Options that mean nothing to us. */
  unknown(): string[] {
    return [...this.#values.keys()].filter(key => !KNOWN.has(key))
  }
}

/** Every option that [X-Fleet] may have. */
export function knownOptions(): readonly string[] {
  return Object.keys(FORMS)
}

/**
 * Reads [X-Fleet] of a unit. What is wrong in it is not seen here, as in the original: `validateUnit` tells it before
 * a unit comes into the registry.
 */
export function readRequirements(name: string, options: readonly UnitOption[]): Requirements {
  const fleet = new FleetOptions(options, name)
  return {
    machineId: fleet.first('MachineID'),
    peers: fleet.all('MachineOf'),
    metadata: readMetadata(fleet.all('MachineMetadata')),
    conflicts: fleet
      .all('Conflicts')
      .flatMap(text => text.split(/\s+/))
      .filter(text => text !== '')
      .map(compileGlob),
    replaces: fleet.all('Replaces').map(compileGlob),
    isGlobal: isTruthy(fleet.all('Global').at(-1)),
    reserves: {
      memoryBytes: parseMemory(fleet.all('MemoryReservation').at(-1) ?? '0') ?? 0,
      cpuMillis: parseCpu(fleet.all('CPUReservation').at(-1) ?? '0') ?? 0,
    },
    stays: fleet.all('Rebalance').length > 0 && !isTruthy(fleet.all('Rebalance').at(-1)),
  }
}

/** Whether machine metadata are what a unit asks for. */
export function matchesMetadata(
  wanted: Requirements['metadata'],
  has: Readonly<Record<string, string>>,
): boolean {
  for (const [key, values] of wanted) {
    const value = has[key]
    if (value === undefined || !values.has(value)) return false
  }
  return true
}

/** `key=value` with both sides, or undefined. */
export function splitPair(text: string): [key: string, value: string] | undefined {
  const parts = text.split('=')
  const [key = '', value = ''] = parts
  return parts.length === 2 && key !== '' && value !== '' ? [key, value] : undefined
}

/** Whether an option is on, by the words the original takes. */
export function isTruthy(value: string | undefined): boolean {
  return value !== undefined && TRUTHY.has(value.toLowerCase())
}

function readMetadata(values: readonly string[]): Map<string, Set<string>> {
  const metadata = new Map<string, Set<string>>()
  for (const pair of values.map(splitPair)) {
    if (pair === undefined) continue
    const known = metadata.get(pair[0])
    if (known === undefined) metadata.set(pair[0], new Set([pair[1]]))
    else known.add(pair[1])
  }
  return metadata
}

/** A value in quotes is several, separated by blanks outside the quotes. */
function splitValues(value: string): string[] {
  if (value.length < 2 || !value.startsWith('"') || !value.endsWith('"')) return [value]
  const values: string[] = []
  let current = ''
  let isQuoted = false
  for (const char of value) {
    if (char === '"') isQuoted = !isQuoted
    else if (char === ' ' && !isQuoted) {
      if (current !== '') values.push(current)
      current = ''
    } else current += char
  }
  if (current !== '') values.push(current)
  return values
}

function expand(text: string, name: string): string {
  if (!text.includes('%')) return text
  const { full, base, prefix, instance } = splitName(name)
  return text
    .replaceAll('%n', () => full)
    .replaceAll('%N', () => base)
    .replaceAll('%p', () => prefix)
    .replaceAll('%i', () => instance)
}
