import type { Machine } from '../model.ts'
import { addGlobals, machineProblem, placingProblem, type ScheduleUnit } from './able.ts'
import { Board } from './board.ts'

/** A machine, and what keeps a unit from running there; `''` for nothing. */
export interface MachineProblem {
  id: string
  problem: string
}

/** Looks at each machine for one unit, by the rules of the engine, as units are placed now. */
export function problemsByMachine(
  unit: ScheduleUnit,
  units: readonly ScheduleUnit[],
  machines: readonly Machine[],
): MachineProblem[] {
  const board = new Board(machines)
  for (const other of units) {
    if (other.name === unit.name || other.target === undefined || other.requirements.isGlobal) continue
    const station = board.station(other.target)
    if (station !== undefined && other.desired !== 'inactive') board.place(other, station)
  }
  const globals = units
    .filter(other => other.requirements.isGlobal && other.desired !== 'inactive' && other.name !== unit.name)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  return machines.map(machine => {
    const station = board.station(machine.id)!
    if (unit.requirements.isGlobal) {
      const problem = machineProblem(unit, machine)
      const earlier = globals.filter(({ name }) => name < unit.name)
      addGlobals(station, earlier)
      const conflict = station.conflictWith(unit)
      return {
        id: machine.id,
        problem: problem ?? (conflict === undefined ? '' : `runs ${conflict}, with which it conflicts`),
      }
    }
    addGlobals(station, globals)
    return { id: machine.id, problem: placingProblem(unit, station) ?? '' }
  })
}
