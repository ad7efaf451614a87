import type { Test } from 'tap'
import type { Fleet } from './lab.ts'
import { sleeper } from './units.ts'

/** TestDynamicClusterMemberReboot of the original, first half: unit → machine ID of three that cannot share one. */
export async function beforeReplacement(fleet: Fleet): Promise<Map<string, string>> {
  await fleet.write('conflict@.service', sleeper(['Conflicts=conflict@*.service']))
  await fleet.said('start', ...[1, 2, 3].map(number => `${fleet.folder}/conflict@${number}.service`))
  return await fleet.untilRunning(3)
}

/** Its second half, when a machine was replaced by one with another ID: just its unit is on that one now. */
export async function afterReplacement(
  t: Test,
  fleet: Fleet,
  before: ReadonlyMap<string, string>,
): Promise<void> {
  await fleet.untilMachines(3)
  const after = await fleet.untilRunning(3)
  const moved = [...after].filter(([name, id]) => before.get(name) !== id)
  t.equal(moved.length, 1, 'exactly one unit has another machine')
  t.notOk([...before.values()].includes(moved[0]?.[1] ?? ''), 'the new one')
  await fleet.untilClean()
}
