import type { Test } from 'tap'
import type { Fleet, FleetTest } from './lab.ts'
import { sleeper } from './units.ts'

/** The group `scheduling` of the original's tests, as far as units do not care what else there is. */
export const SCHEDULING_TESTS: readonly FleetTest[] = [
  ['TestScheduleOneWayConflict', 'oneway-', oneWayConflict],
  ['TestScheduleGlobalUnits', 'global.', globalUnits],
  ['TestScheduleCircularReplace', 'circular.', circularReplace],
  ['TestScheduleGlobalConflicts', 'global-conflict.', globalConflicts],
  ['TestScheduleConflicts', 'conflict@', conflicts],
  ['TestScheduleMultipleConflicts', 'multiple-', multipleConflicts],
  ['TestScheduleConditionMachineID', 'on-', machineId],
]

/** Of the same group, those with a machine that goes, or units that count what is on each machine. */
export const PLACING_TESTS: readonly FleetTest[] = [
  ['TestScheduleMachineOf', 'pair.', machineOf],
  ['TestScheduleReplace', 'replace.', replace],
]

const CONFLICTING = sleeper(['Conflicts=conflict@*.service'])
const FIRST = 'MachineMetadata=hostname=core-01'
/** On one of two machines: the same key twice is "or". */
const TWO = [FIRST, 'MachineMetadata=hostname=core-02']

async function machineOf(t: Test, fleet: Fleet): Promise<void> {
  for (const { id, guest } of fleet.members)
    t.equal(await fleet.said('ssh', id, 'hostname'), `${guest.name}\n`, 'each can be reached by its ID')
  const numbers = [1, 2, 3]
  const units = numbers.flatMap(number => [
    [`pair.ping.${number}.service`, sleeper()],
    [`pair.pong.${number}.service`, sleeper([`MachineOf=pair.ping.${number}.service`])],
  ])
  const paths = await fleet.writeAll(Object.fromEntries(units) as Record<string, string>)
  await fleet.said('start', '--no-block', ...paths)
  const places = await fleet.untilRunning(6)
  const isTogether = (places: Map<string, string>): void => {
    for (const number of numbers)
      t.equal(
        places.get(`pair.pong.${number}.service`),
        places.get(`pair.ping.${number}.service`),
        `pair ${number} is together`,
      )
  }
  isTogether(places)
  const lost = fleet.member(places.get('pair.ping.1.service'))
  await fleet.without(lost, async other => {
    await fleet.untilMachines(2, other)
    const moved = await fleet.untilRunning(6, other)
    isTogether(moved)
    t.not(moved.get('pair.ping.1.service'), lost.id, 'elsewhere')
  })
}

async function conflicts(t: Test, fleet: Fleet): Promise<void> {
  await fleet.write('conflict@.service', CONFLICTING)
  const names = [1, 2, 3, 4, 5].map(number => `${fleet.folder}/conflict@${number}.service`)
  await fleet.said('start', '--no-block', ...names)
  const places = await fleet.untilRunning(3)
  t.equal(new Set(places.values()).size, 3, 'on three machines')
  const units = await fleet.units()
  t.equal(units.length, 5)
  const waiting = units.filter(({ machineID }) => machineID === undefined)
  t.equal(waiting.length, 2)
  for (const { name, reason } of waiting) t.match(reason, /conflict/, `${name} is told why it waits`)
}

/** The original had one machine; here both ask for the same one. */
async function oneWayConflict(t: Test, fleet: Fleet): Promise<void> {
  const first = 'oneway-first.service'
  const paths = await fleet.writeAll({
    [first]: sleeper([FIRST, 'Conflicts=oneway-second.service']),
    'oneway-second.service': sleeper([FIRST]),
  })
  await fleet.said('start', paths[0]!)
  t.same([...(await fleet.untilRunning(1)).keys()], [first])
  await fleet.said('start', '--no-block', paths[1]!)
  await fleet.until('a reason', async () =>
    /conflict/.test((await fleet.unit('oneway-second.service')).reason ?? ''),
  )
  t.same([...(await fleet.untilRunning(1)).keys()], [first], 'the one that was there stays')
  await fleet.said('destroy', first)
  t.same([...(await fleet.untilRunning(1)).keys()], ['oneway-second.service'])
}

async function multipleConflicts(t: Test, fleet: Fleet): Promise<void> {
  const paths = await fleet.writeAll({
    'multiple-a.service': sleeper(['Conflicts=multiple-b.service multiple-c.service']),
    'multiple-b.service': sleeper(['Conflicts=multiple-a.service', 'Conflicts=multiple-c.service']),
    'multiple-c.service': sleeper(['Conflicts="multiple-a.service" "multiple-b.service"']),
  })
  await fleet.said('start', '--no-block', ...paths)
  const places = await fleet.untilRunning(3)
  t.equal(new Set(places.values()).size, 3, 'on three machines')
}

/** The original had two machines; here all units ask for the same two. */
async function replace(t: Test, fleet: Fleet): Promise<void> {
  const paths = await fleet.writeAll({
    'replace.0.service': sleeper(TWO),
    'replace.1.service': sleeper(TWO),
    'replace.2.service': sleeper([...TWO, 'MachineOf=replace.1.service']),
    'replace.kick0.service': sleeper([...TWO, 'Replaces=replace.0.service']),
  })
  const kick = paths.pop()!
  for (const path of paths) await fleet.said('start', path)
  const before = await fleet.untilRunning(3)
  t.not(before.get('replace.0.service'), before.get('replace.1.service'))
  t.equal(before.get('replace.1.service'), before.get('replace.2.service'))
  await fleet.said('start', kick)
  const after = await fleet.untilRunning(4)
  t.equal(after.get('replace.kick0.service'), before.get('replace.0.service'), 'the new one is in its place')
  t.equal(after.get('replace.0.service'), before.get('replace.1.service'), 'and it is on the other machine')
  t.equal(after.get('replace.1.service'), before.get('replace.1.service'))
}

/** Two that drive one another away have no quarrel: both run, and neither moves for ever. */
async function circularReplace(t: Test, fleet: Fleet): Promise<void> {
  const paths = await fleet.writeAll({
    'circular.0.service': sleeper([FIRST]),
    'circular.kick0.service': sleeper([FIRST, 'Replaces=circular.kick1.service']),
    'circular.kick1.service': sleeper([FIRST, 'Replaces=circular.kick0.service']),
  })
  await fleet.said('start', '--no-block', ...paths)
  await fleet.untilRunning(3)
  await fleet.until('three launched units', async () => {
    const states = (await fleet.units()).map(({ currentState }) => currentState)
    return states.join() === 'launched,launched,launched'
  })
  // How wide the columns are depends on the units of others.
  const list = async (): Promise<string> =>
    [...(await fleet.listed('list-unit-files')), ...(await fleet.listed('list-units'))]
      .join('\n')
      .replaceAll(/\t+/g, ' ')
  const before = await list()
  const { guest } = fleet.members[0]!
  const invocations = 'systemctl show -p Id -p InvocationID "circular*"'
  const started = await guest.said(invocations)
  // Nothing happens: some rounds of the engine, which looks every two seconds.
  await guest.said('sleep 6')
  t.equal(await list(), before)
  t.equal(await guest.said(invocations), started, 'none of them was started again')
}

async function machineId(t: Test, fleet: Fleet): Promise<void> {
  const members = [...fleet.members].reverse()
  const units = members.map(({ id, guest }) => [`on-${guest.name}.service`, sleeper([`MachineID=${id}`])])
  await fleet.said('start', ...(await fleet.writeAll(Object.fromEntries(units) as Record<string, string>)))
  const places = await fleet.untilRunning(3)
  for (const { id, guest } of members) t.equal(places.get(`on-${guest.name}.service`), id)
}

/** The original's `status` and `restart` passed global units over with status 0; here they are done on each machine. */
async function globalUnits(t: Test, fleet: Fleet): Promise<void> {
  const paths = await fleet.writeAll({
    'global.plain.1.service': sleeper(),
    'global.plain.2.service': sleeper(),
    'global.everywhere.service': sleeper(['Global=true']),
  })
  await fleet.said('start', ...paths)
  await fleet.untilRunning(5)
  const machines = async (): Promise<(string | undefined)[]> =>
    (await fleet.running())
      .filter(({ name }) => name === 'global.everywhere.service')
      .map(({ machineID }) => machineID)
      .sort()
  const ids = fleet.members.map(({ id }) => id).sort()
  t.same(await machines(), ids)
  t.equal(
    (await fleet.said('status', 'global.everywhere.service')).match(/Active: active \(running\)/g)?.length,
    3,
  )
  const show = (): Promise<string[]> =>
    fleet.everywhere(() => 'systemctl show --value -p InvocationID global.everywhere.service')
  const before = await show()
  const restarted = await fleet.said('restart', '--rolling', 'global.everywhere.service')
  t.equal(restarted.match(/Unit global\.everywhere\.service launched on/g)?.length, 3)
  await fleet.untilRunning(5)
  t.same(await machines(), ids)
  for (const [at, id] of (await show()).entries()) t.not(id, before[at], 'it was restarted')
}

async function globalConflicts(t: Test, fleet: Fleet): Promise<void> {
  const paths = await fleet.writeAll({
    'global-conflict.0.service': sleeper(['Global=true', 'Conflicts=global-conflict.*.service']),
    'global-conflict.1.service': sleeper(['Global=true', 'Conflicts=global-conflict.*.service']),
  })
  for (const path of paths) await fleet.said('start', path)
  await fleet.untilRunning(3)
  // Nothing happens: the second one stays out, on all three.
  await fleet.members[0]!.guest.said('sleep 3')
  const states = await fleet.running()
  t.same(new Set(states.map(({ name }) => name)), new Set(['global-conflict.0.service']))
  t.equal(new Set(states.map(({ machineID }) => machineID)).size, 3)
}
