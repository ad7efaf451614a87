import type { ScheduleUnit } from '#lib/fleet/placing/able.ts'
import { placingProblem, type Station } from '#lib/fleet/placing/able.ts'
import type { Plan } from './schedule.ts'

/** A difference of one cannot be evened out. */
const DIFFERENCE_MIN = 2

/**
 * Moves units from the machines with the most to those with the fewest, at most so many: after a machine came back.
 * Units that are tied to others, or say that they stay, are left.
 */
export function rebalance(plan: Plan, units: ReadonlyMap<string, ScheduleUnit>, movesMax: number): void {
  const { board, decisions } = plan
  const asked = new Set([...units.values()].flatMap(unit => unit.requirements.peers))
  for (let moves = 0; moves < movesMax; moves++) {
    const found = findMove(board.order, units, asked)
    if (found === undefined) return
    const { unit, from, to } = found
    board.take(unit.name)
    board.place(unit, to)
    const machine = from.machine.id
    decisions.push({ type: 'unschedule', unit: unit.name, machine, reason: 'the load is evened out' })
    decisions.push({ type: 'schedule', unit: unit.name, machine: to.machine.id })
  }
}

function findMove(
  order: readonly Station[],
  units: ReadonlyMap<string, ScheduleUnit>,
  asked: ReadonlySet<string>,
): { unit: ScheduleUnit; from: Station; to: Station } | undefined {
  for (const from of [...order].reverse()) {
    const emptiest = order[0]!
    if (from.count - emptiest.count < DIFFERENCE_MIN) return undefined
    for (const { name } of [...from.units()].sort((a, b) => (a.name < b.name ? 1 : -1))) {
      const unit = units.get(name)
      if (unit === undefined || !isFree(unit, asked)) continue
      const to = order.find(
        place =>
          from.count - place.count >= DIFFERENCE_MIN &&
          placingProblem(unit, place) === undefined &&
          place.replacementOf(unit) === undefined,
      )
      if (to !== undefined) return { unit, from, to }
    }
  }
  return undefined
}

function isFree({ name, requirements }: ScheduleUnit, asked: ReadonlySet<string>): boolean {
  return !requirements.isGlobal && !requirements.stays && requirements.peers.length === 0 && !asked.has(name)
}
