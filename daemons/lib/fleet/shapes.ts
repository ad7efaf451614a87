import type { TargetState, UnitOption } from './model.ts'

/*
 * Bodies of the HTTP API v1 (spec fleet b.1). What is empty is left out. The fields that the original has not are
 * marked; its clients pass over them.
 */

/** A unit. */
export interface UnitBody {
  name: string
  options?: UnitOption[]
  desiredState?: TargetState
  currentState?: TargetState
  machineID?: string
  /** Ours: why it has no machine. */
  reason?: string
}

/** A unit on a machine. */
export interface UnitStateBody {
  name: string
  hash?: string
  machineID?: string
  systemdLoadState?: string
  systemdActiveState?: string
  systemdSubState?: string
  /** Ours: the restart demand that it has fulfilled last. */
  restart?: string
  /** Ours: what its agent had done with it before systemd was asked for these states. */
  agentState?: 'loaded' | 'launched'
}

/** A machine. */
export interface MachineBody {
  id: string
  primaryIP?: string
  metadata?: Record<string, string>
  /** Ours: thousandths of a core and bytes it offers. */
  capacity?: { cpuMillis: number; memoryBytes: number }
}

/** A page of a listing; no array when it is empty. */
export interface Page {
  units?: UnitBody[]
  states?: UnitStateBody[]
  machines?: MachineBody[]
  nextPageToken?: string
}

/** An error. */
export interface ErrorBody {
  error: { code: number; message: string }
}

/** Ours: body of `PUT /fleet/v1/units/N/restart`; no machines is all that run it. The answer is the same with the ID. */
export interface RestartBody {
  machines?: string[]
  id?: string
}

/** Ours: one event of `GET /fleet/v1/events`, as the data of a server-sent event named by its type. */
export interface EventBody {
  type: 'unit' | 'state' | 'machine'
  name: string
  /** Of a unit or a machine: gone. */
  removed?: boolean
  unit?: UnitBody
  state?: UnitStateBody
  machine?: MachineBody
}

/** Ours: answer of `GET /fleet/v1/units/N/why`: each machine with what keeps the unit from it, `''` for nothing. */
export interface WhyBody {
  name: string
  desiredState: TargetState
  machineID?: string
  /** In one sentence. */
  reason: string
  machines: { id: string; problem: string }[]
}

/** Ours: answer of `GET /fleet/v1/units/N/status?machineID=`. */
export interface StatusBody {
  /** What `systemctl status` printed. */
  output: string
  /** Its exit status. */
  status: number
}

/** A body without what is empty, the keys of each object in the order of the alphabet, as the original's come out. */
export function compactBody<T>(value: T): T {
  if (Array.isArray(value)) return value.map(compactBody) as T
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, field]) => field !== undefined && field !== '')
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, field]) => [key, compactBody(field)]),
  ) as T
}

/** A unit as it was before what is empty was left out: an option without a value says something to systemd. */
export function wholeUnit(unit: UnitBody): UnitBody {
  if (unit.options === undefined) return unit
  const options = unit.options.map(({ section = '', name = '', value = '' }: Partial<UnitOption>) => ({
    name,
    section,
    value,
  }))
  return { ...unit, options }
}
