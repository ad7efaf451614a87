import { goJson } from '../../cli/quote.ts'
import type { Machine, UnitOption, UnitState } from '../model.ts'
import { serializeUnit } from '../unit/file.ts'

/** A demand to restart a unit that is launched. */
export interface RestartDemand {
  id: string
  /** Only there; every machine that runs it when absent. */
  machines?: readonly string[]
}

const HASH = /^[0-9a-f]{40}$/

/** `unit/<hash>`. */
export function encodeUnit(options: readonly UnitOption[]): string {
  return goJson({ Raw: serializeUnit(options) })
}

/** The text of a unit, or undefined for what is none. */
export function decodeUnit(value: string): string | undefined {
  const raw = objectOf(value)?.Raw
  return typeof raw === 'string' ? raw : undefined
}

/** `job/<name>/object`: the hash is an array of bytes, as Go writes one. */
export function encodeJob(name: string, hash: string): string {
  return goJson({ Name: name, UnitHash: [...Buffer.from(hash, 'hex')] })
}

/** The hash of a job's unit in hex, or undefined. */
export function decodeJob(value: string): string | undefined {
  const bytes = objectOf(value)?.UnitHash
  if (!Array.isArray(bytes) || !bytes.every(byte => Number.isInteger(byte) && byte >= 0 && byte < 256))
    return undefined
  const hash = Buffer.from(bytes as number[]).toString('hex')
  return HASH.test(hash) ? hash : undefined
}

/** `states/<name>/<machine>`; the fields that are ours stand last, and only when they say something. */
export function encodeState(state: UnitState): string {
  return goJson({
    loadState: state.load,
    activeState: state.active,
    subState: state.sub,
    machineState: { ID: state.machineId, PublicIP: '', Metadata: null, Capabilities: null, Version: '' },
    unitHash: state.hash,
    ...(state.restart === '' ? {} : { restart: state.restart }),
    ...(state.agentState === '' ? {} : { agentState: state.agentState }),
  })
}

/** The state of a unit on a machine, or undefined for what is none. */
export function decodeState(name: string, machineId: string, value: string): UnitState | undefined {
  const fields = objectOf(value)
  if (fields === undefined) return undefined
  return {
    name,
    machineId,
    hash: text(fields.unitHash),
    load: text(fields.loadState),
    active: text(fields.activeState),
    sub: text(fields.subState),
    restart: text(fields.restart),
    agentState: fields.agentState === 'loaded' || fields.agentState === 'launched' ? fields.agentState : '',
  }
}

/** `machines/<id>/object`. */
export function encodeMachine(machine: Machine, disableEngine: boolean): string {
  return goJson({
    ID: machine.id,
    PublicIP: machine.ip,
    Metadata: sorted(machine.metadata),
    Capabilities: { DISABLE_ENGINE: disableEngine, GRPC: false },
    Version: machine.version,
    Boot: machine.boot,
    Api: machine.api,
    MemoryBytes: machine.capacity.memoryBytes,
    CPUMillis: machine.capacity.cpuMillis,
  })
}

/**
 * A machine, or undefined for what is none, so that one bad value does not hide the others.
 *
 * @param overlay what stands below `metadata/`: `''` takes an entry away
 */
export function decodeMachine(
  id: string,
  value: string,
  overlay: ReadonlyMap<string, string>,
): Machine | undefined {
  const fields = objectOf(value)
  if (fields === undefined) return undefined
  const metadata: Record<string, string> = {}
  for (const [key, entry] of Object.entries(objectFrom(fields.Metadata) ?? {})) {
    if (typeof entry === 'string') metadata[key] = entry
  }
  for (const [key, entry] of overlay) {
    if (entry === '') delete metadata[key]
    else metadata[key] = entry
  }
  return {
    id,
    ip: text(fields.PublicIP),
    metadata: sorted(metadata),
    version: text(fields.Version),
    capacity: { memoryBytes: amount(fields.MemoryBytes), cpuMillis: amount(fields.CPUMillis) },
    boot: text(fields.Boot),
    api: text(fields.Api),
  }
}

/** `job/<name>/restart`. */
export function encodeRestart(demand: RestartDemand): string {
  return goJson(demand)
}

/** A restart demand, or undefined for what is none. */
export function decodeRestart(value: string): RestartDemand | undefined {
  const fields = objectOf(value)
  const id = text(fields?.id)
  if (id === '') return undefined
  const machines = fields?.machines
  if (!Array.isArray(machines)) return { id }
  return { id, machines: machines.filter(machine => typeof machine === 'string') }
}

/** Who leads the engines. */
export interface Lease {
  machineId: string
  /** Of the engine; one that is lower is not waited for. */
  version: number
}

/** `lease/engine-leader`. */
export function encodeLease({ machineId, version }: Lease): string {
  return goJson({ MachineID: machineId, Version: version })
}

/** A lease; a bare word is a machine ID of an engine of version 0. */
export function decodeLease(value: string): Lease {
  const fields = objectOf(value)
  if (fields === undefined) return { machineId: value, version: 0 }
  return { machineId: text(fields.MachineID), version: amount(fields.Version) }
}

function objectOf(value: string): Record<string, unknown> | undefined {
  try {
    return objectFrom(JSON.parse(value))
  } catch {
    return undefined // Somebody else's value is data, and not a failure of ours.
  }
}

function objectFrom(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function amount(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0
}

function sorted(record: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
}
