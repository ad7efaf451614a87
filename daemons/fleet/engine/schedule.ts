import type { Machine } from '#lib/fleet/model.ts'
import {
  addGlobals,
  type Candidate,
  machineProblem,
  placingProblem,
  type ScheduleUnit,
  type Station,
  stationProblem,
} from '#lib/fleet/placing/able.ts'
import { Board } from '#lib/fleet/placing/board.ts'
import { explain } from './reasons.ts'
import { rebalance } from './rebalance.ts'

/** The cluster at one moment. */
export interface Cluster {
  /** Units that can be read. */
  units: readonly ScheduleUnit[]
  /** Machines that are present. */
  machines: readonly Machine[]
  /** Machines that are not there and may come back: nothing is taken from them, and nothing given to them. */
  awaited: ReadonlySet<string>
  /** How many units may be moved only to even out the load; 0 for none. */
  rebalanceMax: number
}

/** One write to the registry. */
export type Decision =
  | { type: 'unschedule'; unit: string; machine: string; reason: string }
  | { type: 'schedule'; unit: string; machine: string }

/** What to do, in this order, and why units that should run have no machine. */
export interface Plan {
  decisions: Decision[]
  /** Unit → one sentence. */
  problems: Map<string, string>
  /** How units are spread when all of it is done. */
  board: Board
}

/**
 * Decides where units run: a pure function, the same for the same cluster.
 *
 * 1. Placed units that may stay are put on the board; the others are taken from their machines.
 * 2. Global units join, each machine by the rule that its agent uses.
 * 3. Units that a `Replaces` drives away move, if another machine can have them.
 * 4. Units without a machine get the least loaded one that can run them; those that ask for one another, together.
 * 5. If wanted and nothing else is to be done, some units move from the fullest machines to the emptiest.
 */
export function schedule(cluster: Cluster): Plan {
  const plan: Plan = { decisions: [], problems: new Map(), board: new Board(cluster.machines) }
  const settled = cluster.units.filter(unit => unit.target === undefined || !cluster.awaited.has(unit.target))
  const units = new Map(settled.map(unit => [unit.name, unit]))
  const names = [...units.keys()].sort()
  keepPlaced(plan, units, names)
  addAllGlobals(plan.board, units, names)
  dropLonely(plan, units, names)
  replace(plan, units, names)
  placeAll(plan, units, names)
  if (cluster.rebalanceMax > 0 && plan.decisions.length === 0 && plan.problems.size === 0)
    rebalance(plan, units, cluster.rebalanceMax)
  return plan
}

type Units = ReadonlyMap<string, ScheduleUnit>

function keepPlaced({ decisions, board }: Plan, units: Units, names: readonly string[]): void {
  for (const name of names) {
    const unit = units.get(name)!
    if (unit.target === undefined) continue
    const station = board.station(unit.target)
    const why = reasonToGo(unit, station)
    if (station === undefined || why !== undefined)
      decisions.push({ type: 'unschedule', unit: name, machine: unit.target, reason: why! })
    else board.place(unit, station)
  }
}

function reasonToGo(unit: ScheduleUnit, station: Station | undefined): string | undefined {
  if (unit.requirements.isGlobal) return 'it is global now'
  if (unit.desired === 'inactive') return 'target state inactive'
  if (station === undefined) return `target Machine(${unit.target}) went away`
  const conflict = station.conflictWith(unit)
  const problem =
    machineProblem(unit, station.machine) ??
    (conflict === undefined ? undefined : `runs ${conflict}, with which it conflicts`)
  return problem === undefined
    ? undefined
    : `target Machine(${unit.target}) unable to run unit: it ${problem}`
}

function addAllGlobals(board: Board, units: Units, names: readonly string[]): void {
  const globals = names
    .map(name => units.get(name)!)
    .filter(unit => unit.requirements.isGlobal && unit.desired !== 'inactive')
  if (globals.length === 0) return
  for (const station of board.order) addGlobals(station, globals)
  board.sort()
}

/** Units whose peers are elsewhere go; those that asked for them follow, hence until nothing changes. */
function dropLonely({ decisions, board }: Plan, units: Units, names: readonly string[]): void {
  const asking = names.filter(name => units.get(name)!.requirements.peers.length > 0)
  for (let changed = true; changed; ) {
    changed = false
    for (const name of asking) {
      const station = board.placeOf(name)
      const peer = units.get(name)!.requirements.peers.find(other => station?.has(other) === false)
      if (station === undefined || peer === undefined) continue
      board.take(name)
      const machine = station.machine.id
      const reason = `target Machine(${machine}) unable to run unit: it does not run ${peer}, which MachineOf names`
      decisions.push({ type: 'unschedule', unit: name, machine, reason })
      changed = true
    }
  }
}

/** A unit that is driven away goes where none drives it away again, or stays. */
function replace(plan: Plan, units: Units, names: readonly string[]): void {
  for (const name of names) {
    const unit = units.get(name)!
    const station = plan.board.placeOf(name)
    if (station !== undefined) driveAway(plan, units, unit, station)
  }
}

function driveAway({ decisions, board }: Plan, units: Units, unit: Candidate, station: Station): void {
  for (const other of station.replacedBy(unit)) {
    const driven = units.get(other.name)
    if (driven === undefined || board.placeOf(other.name) !== station) continue
    const isFree = (place: Station): boolean =>
      place !== station &&
      placingProblem(driven, place) === undefined &&
      place.replacementOf(driven) === undefined
    const free = board.order.find(isFree)
    if (free === undefined) continue
    const from = station.machine.id
    // It may have been placed in this very plan: then its own decision is changed.
    const fresh = decisions.findIndex(({ type, unit: moved }) => type === 'schedule' && moved === other.name)
    if (fresh >= 0) decisions.splice(fresh, 1)
    else
      decisions.push({
        type: 'unschedule',
        unit: other.name,
        machine: from,
        reason: `${unit.name} replaces it`,
      })
    board.take(other.name)
    board.place(driven, free)
    decisions.push({ type: 'schedule', unit: other.name, machine: free.machine.id })
  }
}

function placeAll(plan: Plan, units: Units, names: readonly string[]): void {
  const { board, problems } = plan
  for (const name of names) {
    const unit = units.get(name)!
    if (unit.desired === 'inactive' || unit.requirements.isGlobal || board.placeOf(name) !== undefined)
      continue
    const group = groupOf(unit, units, board)
    if (placeGroup(plan, group, units)) {
      for (const member of group) problems.delete(member.name)
    } else problems.set(name, explain(unit, group, units, board))
  }
}

/** A unit with the units it asks for, and those they ask for, that have no machine yet. Asked ones first. */
function groupOf(unit: ScheduleUnit, units: Units, board: Board): ScheduleUnit[] {
  if (unit.requirements.peers.length === 0) return [unit]
  const group = new Map<string, ScheduleUnit>([[unit.name, unit]])
  for (const { requirements } of group.values()) {
    for (const name of requirements.peers) {
      const peer = units.get(name)
      if (peer === undefined || group.has(name) || board.placeOf(name) !== undefined) continue
      if (peer.desired === 'inactive' || peer.requirements.isGlobal) continue
      group.set(name, peer)
    }
  }
  return [...group.values()].reverse()
}

/** Places all of a group on one machine, or none of it. A machine from which none is driven away is preferred. */
function placeGroup(plan: Plan, group: readonly ScheduleUnit[], units: Units): boolean {
  const { board, decisions } = plan
  const candidates = candidatesFor(group, board)
  const isCalm = (place: Station): boolean => !group.some(unit => place.drivesAway(unit))
  const station =
    candidates.find(place => fits(group, place) && isCalm(place)) ??
    candidates.find(place => fits(group, place))
  if (station === undefined) return false
  for (const unit of group) {
    board.place(unit, station)
    decisions.push({ type: 'schedule', unit: unit.name, machine: station.machine.id })
  }
  for (const unit of group) driveAway(plan, units, unit, station)
  return true
}

/** Where the group could be at all: on the machine of a peer that has one, or anywhere. */
function candidatesFor(group: readonly ScheduleUnit[], board: Board): readonly Station[] {
  for (const { requirements } of group) {
    for (const peer of requirements.peers) {
      const station = board.placeOf(peer)
      if (station !== undefined) return [station]
    }
  }
  return board.order
}

/** Whether a machine can run all of them: each is put there for the look at the next, and taken away again. */
function fits(group: readonly ScheduleUnit[], station: Station): boolean {
  if (group.length === 1) return placingProblem(group[0]!, station) === undefined
  const added: ScheduleUnit[] = []
  let isFit = true
  for (const unit of group) {
    if (machineProblem(unit, station.machine) ?? station.conflictWith(unit) ?? station.shortageFor(unit)) {
      isFit = false
      break
    }
    station.add(unit)
    added.push(unit)
  }
  isFit &&= group.every(unit => stationProblem(unit, station) === undefined)
  for (const unit of added) station.remove(unit.name)
  return isFit
}
