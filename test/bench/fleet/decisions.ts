import type { ScheduleUnit } from '#lib/fleet/placing/able.ts'
import { parseUnit } from '#lib/fleet/unit/file.ts'
import { readRequirements } from '#lib/fleet/unit/requirements.ts'
import { schedule } from '../../../daemons/fleet/engine/schedule.ts'
import { machineOf, nameOf, UNIT_TEXT } from './synthetic.ts'

/** The engine's own time, in seconds: what the pure decision takes, without a store. */
export interface DecisionTimes {
  /** To place all units on empty machines. */
  scheduleSeconds: number
  /** To place the units of one machine that was lost, with all others where they are. */
  reactSeconds: number
}

/** Each is done so often, the first times to warm the code, and the median of the others counts. */
const ROUNDS = { warm: 2, counted: 5 }

/**
 * Times the scheduler.
 *
 * @throws Error when it did not place what it should have placed
 */
export function timeDecisions(machines: number, units: number): DecisionTimes {
  const present = Array.from({ length: machines }, (_, n) => machineOf(n))
  const options = parseUnit(UNIT_TEXT)
  const all = Array.from({ length: units }, (_, n): ScheduleUnit => {
    const name = nameOf(n)
    return { name, requirements: readRequirements(name, options), desired: 'launched', target: undefined }
  })
  const cluster = { awaited: new Set<string>(), rebalanceMax: 0 }
  const [scheduleSeconds, first] = median(() => schedule({ ...cluster, units: all, machines: present }))
  const targets = new Map(first.decisions.map(({ unit, machine }) => [unit, machine]))
  const placed = all.map(unit => ({ ...unit, target: targets.get(unit.name) }))
  const [reactSeconds, second] = median(() =>
    schedule({ ...cluster, units: placed, machines: present.slice(1) }),
  )
  const moved = second.decisions.filter(({ type }) => type === 'schedule').length
  const lost = placed.filter(({ target }) => target === machineOf(0).id).length
  if (targets.size !== units || moved !== lost)
    throw new Error(`placed ${targets.size} of ${units} units, and ${moved} of ${lost} that were lost`)
  return { scheduleSeconds, reactSeconds }
}

function median<T>(work: () => T): [seconds: number, result: T] {
  const times: number[] = []
  let result = work()
  for (let round = 1; round < ROUNDS.warm + ROUNDS.counted; round++) {
    const began = performance.now()
    result = work()
    if (round >= ROUNDS.warm) times.push((performance.now() - began) / 1000)
  }
  return [times.sort((a, b) => a - b)[times.length >> 1]!, result]
}
