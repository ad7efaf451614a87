import type { Machine, TargetState } from '../model.ts'
import type { Glob } from '../unit/glob.ts'
import { formatMemory } from '../unit/quantity.ts'
import { matchesMetadata, type Requirements } from '../unit/requirements.ts'

/** What a rule looks at of a unit. */
export interface Candidate {
  name: string
  requirements: Requirements
}

/** A unit as the engine sees it. */
export interface ScheduleUnit extends Candidate {
  desired: TargetState
  target: string | undefined
}

/** A machine and the units that are on it, by which rules are judged. Placing costs no more than the unit itself. */
export class Station {
  readonly machine: Machine
  readonly #units = new Map<string, Candidate>()
  // Units whose own patterns may speak against others; most machines have none.
  readonly #picky = new Map<string, Candidate>()
  #memoryBytes = 0
  #cpuMillis = 0

  constructor(machine: Machine) {
    this.machine = machine
  }

  /** Units on it, global ones included. */
  get count(): number {
    return this.#units.size
  }

  has(name: string): boolean {
    return this.#units.has(name)
  }

  units(): IterableIterator<Candidate> {
    return this.#units.values()
  }

  add(unit: Candidate): void {
    const { conflicts, replaces, reserves } = unit.requirements
    this.#units.set(unit.name, unit)
    if (conflicts.length > 0 || replaces.length > 0) this.#picky.set(unit.name, unit)
    this.#memoryBytes += reserves.memoryBytes
    this.#cpuMillis += reserves.cpuMillis
  }

  remove(name: string): void {
    const unit = this.#units.get(name)
    if (unit === undefined) return
    this.#units.delete(name)
    this.#picky.delete(name)
    this.#memoryBytes -= unit.requirements.reserves.memoryBytes
    this.#cpuMillis -= unit.requirements.reserves.cpuMillis
  }

  /** The first unit here that conflicts with this one, either way; a unit never does with itself. */
  conflictWith(unit: Candidate): string | undefined {
    return this.#related(unit, requirements => requirements.conflicts)
  }

  /** The first unit here that replaces this one or is replaced by it. Two that replace each other do not. */
  replacementOf(unit: Candidate): string | undefined {
    return this.#related(unit, requirements => requirements.replaces, true)
  }

  /** Whether a unit here would drive this one away at once. */
  drivesAway(unit: Candidate): boolean {
    for (const other of this.#picky.values()) {
      if (other.name === unit.name || !matchesAny(other.requirements.replaces, unit.name)) continue
      if (!matchesAny(unit.requirements.replaces, other.name)) return true
    }
    return false
  }

  /** Units here that this one drives away. */
  replacedBy(unit: Candidate): Candidate[] {
    if (unit.requirements.replaces.length === 0) return []
    return [...this.#units.values()].filter(
      other =>
        other.name !== unit.name &&
        matchesAny(unit.requirements.replaces, other.name) &&
        !matchesAny(other.requirements.replaces, unit.name),
    )
  }

  /** What of its reservation the machine cannot give; a machine that does not say what it has gives anything. */
  shortageFor({ requirements: { reserves } }: Candidate): string | undefined {
    const { memoryBytes, cpuMillis } = this.machine.capacity
    const freeBytes = memoryBytes - this.#memoryBytes
    if (reserves.memoryBytes > 0 && memoryBytes > 0 && reserves.memoryBytes > freeBytes)
      return `has ${formatMemory(Math.max(0, freeBytes))} of memory left, ${formatMemory(reserves.memoryBytes)} are reserved`
    const freeMillis = cpuMillis - this.#cpuMillis
    if (reserves.cpuMillis > 0 && cpuMillis > 0 && reserves.cpuMillis > freeMillis)
      return `has ${Math.max(0, freeMillis) / 1000} cores left, ${reserves.cpuMillis / 1000} are reserved`
    return undefined
  }

  #related(
    unit: Candidate,
    patternsOf: (requirements: Requirements) => readonly Glob[],
    unlessMutual = false,
  ): string | undefined {
    const own = patternsOf(unit.requirements)
    const others = own.length > 0 ? this.#units : this.#picky
    for (const other of others.values()) {
      if (other.name === unit.name) continue
      const mine = matchesAny(own, other.name)
      const theirs = matchesAny(patternsOf(other.requirements), unit.name)
      if (unlessMutual ? mine !== theirs : mine || theirs) return other.name
    }
    return undefined
  }
}

/** Why a machine can never run a unit as things are with the machine itself; undefined when nothing is in the way. */
export function machineProblem({ requirements }: Candidate, machine: Machine): string | undefined {
  const { machineId, metadata } = requirements
  if (machineId !== undefined && machineId !== machine.id && machineId !== machine.id.slice(0, 8))
    return `is not the machine ${machineId} that MachineID names`
  if (!matchesMetadata(metadata, machine.metadata))
    return `has not the metadata ${describeMetadata(metadata)}`
  return undefined
}

/** Why a machine cannot run a unit beside what it runs, in the order of the original's rules (spec fleet e). */
export function stationProblem(unit: Candidate, station: Station): string | undefined {
  const problem = machineProblem(unit, station.machine)
  if (problem !== undefined) return problem
  // Where it is itself, it is: one that names itself asks for nothing.
  const peer = unit.requirements.peers.find(name => name !== unit.name && !station.has(name))
  if (peer !== undefined) return `does not run ${peer}, which MachineOf names`
  const conflict = station.conflictWith(unit)
  return conflict === undefined ? undefined : `runs ${conflict}, with which it conflicts`
}

/** As `stationProblem`, for a unit that is not there yet: its reservation must be free as well. */
export function placingProblem(unit: Candidate, station: Station): string | undefined {
  return stationProblem(unit, station) ?? station.shortageFor(unit)
}

/**
 * The global units that run on a machine beside the units placed there: by name, each that finds what it asks for and
 * conflicts with nothing taken before. Engine and agent decide by this same rule.
 *
 * @param station holds the units placed there, and gets the global ones added
 * @param globals by name
 */
export function addGlobals(station: Station, globals: readonly Candidate[]): void {
  for (const unit of globals) {
    if (machineProblem(unit, station.machine) !== undefined) continue
    if (station.conflictWith(unit) === undefined) station.add(unit)
  }
}

/** `region=us|eu, disk=ssd` */
function describeMetadata(metadata: Requirements['metadata']): string {
  return [...metadata].map(([key, values]) => `${key}=${[...values].join('|')}`).join(', ')
}

function matchesAny(patterns: readonly Glob[], name: string): boolean {
  for (const pattern of patterns) if (pattern.matches(name)) return true
  return false
}
