import type { ScheduleUnit } from '#lib/fleet/placing/able.ts'
import { type Candidate, placingProblem } from '#lib/fleet/placing/able.ts'
import type { Board } from '#lib/fleet/placing/board.ts'

/** Different problems named in one sentence; more are counted. */
const PROBLEMS_NAMED_MAX = 4
/** Machines looked at for a sentence; in a large cluster the others are alike. */
const MACHINES_EXPLAINED_MAX = 200

/** Why no machine can run a unit, in one sentence for people. */
export function explain(
  unit: ScheduleUnit,
  group: readonly Candidate[],
  units: ReadonlyMap<string, ScheduleUnit>,
  board: Board,
): string {
  if (board.order.length === 0) return 'no machine is in the cluster'
  const peer = missingPeer(unit, units)
  if (peer !== undefined) return peer
  const counts = new Map<string, number>()
  for (const station of board.order.slice(0, MACHINES_EXPLAINED_MAX)) {
    const problem = placingProblem(unit, station) ?? groupProblem(unit, group)
    counts.set(problem, (counts.get(problem) ?? 0) + 1)
  }
  const sorted = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
  const named = sorted.slice(0, PROBLEMS_NAMED_MAX).map(([problem, count]) => `${machines(count)} ${problem}`)
  const rest = sorted.slice(PROBLEMS_NAMED_MAX).reduce((sum, [, count]) => sum + count, 0)
  if (rest > 0) named.push(`${machines(rest)} for other reasons`)
  return `no machine can run it: ${named.join('; ')}`
}

/** A unit that is asked for and will never be anywhere. */
function missingPeer(unit: ScheduleUnit, units: ReadonlyMap<string, ScheduleUnit>): string | undefined {
  for (const name of unit.requirements.peers) {
    const peer = units.get(name)
    if (peer === undefined) return `MachineOf names ${name}, which is not in the registry`
    if (peer.desired === 'inactive') return `MachineOf names ${name}, which is neither loaded nor started`
  }
  return undefined
}

function groupProblem(unit: Candidate, group: readonly Candidate[]): string {
  const others = group.filter(({ name }) => name !== unit.name).map(({ name }) => name)
  return others.length === 0 ? 'cannot run it' : `cannot run it together with ${others.join(', ')}`
}

function machines(count: number): string {
  return count === 1 ? '1 machine' : `${count} machines`
}
