// What simulated fleets have found once, each as the smallest scene that shows it.

import t from 'tap'
import { TestFleet, type TestMachine } from './lib/fleet.ts'

const UNIT = '[Service]\nExecStart=/bin/sleep 1\n'
const OTHER = UNIT.replace('1', '2')

/** A renewal falls into this time after a fleet has settled. */
const RENEWAL_MS = 6_000
const RENEWAL_STEP_MS = 100
const SLOW_MS = 600

/** Machines with a unit on each. */
async function fleetOf(ids: readonly string[], members = 1, chance = 0.5): Promise<TestFleet> {
  const f = new TestFleet({ members, random: () => chance })
  for (const id of ids) f.add(id)
  for (const id of ids) await f.put(`${id}.service`, UNIT, 'launched')
  await f.untilRuns(Object.fromEntries(ids.map(id => [`${id}.service`, 1])))
  await f.clock.advance(20_000)
  return f
}

const leaderOf = (f: TestFleet): TestMachine =>
  [...f.machines.values()].find(({ node }) => node!.engine!.isLeader)!
const callsOf = (f: TestFleet): string[] =>
  [...f.machines.values()].flatMap(({ id, systemd }) => systemd.calls.map(call => `${id} ${call}`)).sort()

t.test(
  'a leader that was suspended as a whole takes nothing from machines that had no time to come back',
  async t => {
    const f = await fleetOf(['a', 'b', 'c'])
    t.teardown(() => f.close())
    const calls = callsOf(f)
    const leader = leaderOf(f)
    await f.clock.advance(60_000)
    f.etcd.isDown = true
    leader.clock.stop(false)
    await f.clock.advance(60_000)
    // All that is due ends at once; the leader is the first one who is back.
    const others = [...f.machines.values()].filter(machine => machine !== leader)
    for (const { link } of others) link!.isCut = true
    f.etcd.isDown = false
    await f.clock.advance(600)
    leader.clock.goOn()
    await f.clock.advance(5_000)
    for (const { link } of others) link!.isCut = false
    await f.clock.advance(90_000)
    t.same(callsOf(f), calls)
  },
)

t.test('a machine that is cut off tries nothing again that others may do by now', async t => {
  const f = await fleetOf(['a', 'b'], 1, 0.4)
  t.teardown(() => f.close())
  for (const { systemd } of f.machines.values()) systemd.failing.add('start u.service')
  await f.put('u.service', UNIT, 'launched')
  await f.clock.advance(5_000)
  const id = await f.read(f.keys.jobKey('u.service', 'target'))
  const cut = f.machines.get(id!)!
  cut.link!.isCut = true
  await f.clock.advance(40_000)
  for (const { systemd } of f.machines.values()) systemd.failing.clear()
  await f.clock.advance(120_000)
  t.notOk(cut.systemd.running.includes('u.service'))
  t.equal(f.whereRuns('u.service').length, 1)
})

t.test('a store of several members that was wiped is noticed, though watches only wait', async t => {
  const f = await fleetOf(['a', 'b'], 3)
  t.teardown(() => f.close())
  f.etcd.wipe()
  await f.clock.advance(40_000)
  await f.put('u.service', UNIT, 'launched')
  t.ok(await f.untilRuns({ 'u.service': 1, 'a.service': 0, 'b.service': 0 }))
})

t.test('a store that was wiped looks so also when late words of daemons have left directories', async t => {
  const f = await fleetOf(['a'])
  t.teardown(() => f.close())
  f.etcd.wipe()
  const key = f.keys.jobKey('a.service', 'job-state')
  f.etcd.write(key, 'a')
  await f.pass(f.client.keys.delete(key))
  const a = f.machines.get('a')!
  await f.kill(a)
  f.start(a)
  await f.clock.advance(60_000)
  t.same(f.whereRuns('a.service'), ['a'])
})

t.test('a new text runs also when systemd could not be asked to read it', async t => {
  const f = await fleetOf(['a'])
  t.teardown(() => f.close())
  const { systemd } = f.machines.get('a')!
  systemd.failing.add('reload')
  await f.put('a.service', OTHER, 'launched')
  await f.clock.advance(10_000)
  systemd.failing.clear()
  await f.clock.advance(90_000)
  t.match(systemd.runs.get('a.service'), /sleep 2/)
})

t.test('a new text runs also when the daemon was killed after it was written', async t => {
  const f = await fleetOf(['a'])
  t.teardown(() => f.close())
  const a = f.machines.get('a')!
  a.systemd.callMs = 1_000
  await f.put('a.service', OTHER, 'launched')
  await f.clock.until(() => /sleep 2/.test(a.systemd.files.get('a.service') ?? ''), 5_000)
  await f.kill(a)
  a.systemd.callMs = 0
  t.match(a.systemd.runs.get('a.service'), /sleep 1/, 'it was killed in the midst of it')
  f.start(a)
  await f.clock.advance(10_000)
  t.match(a.systemd.runs.get('a.service'), /sleep 2/)
})

t.test('a unit that was let go of by half, and is wanted again, is loaded and started anew', async t => {
  for (const verb of ['disable', 'resetFailed'] as const) {
    const f = await fleetOf(['a'])
    const a = f.machines.get('a')!
    a.systemd.failing.add(`${verb} a.service`)
    await f.setDesired('a.service', 'inactive')
    await f.clock.advance(2_000)
    t.same(a.systemd.running, [], `${verb} fails after it was stopped`)
    a.systemd.calls.length = 0
    await f.setDesired('a.service', 'launched')
    await f.clock.advance(10_000)
    t.same(a.systemd.running, ['a.service'])
    t.ok(a.systemd.calls.includes('link a.service'), 'its link may be gone')
    await f.close()
  }
})

t.test(
  'a daemon that is killed in the midst of a step does not take it for done, nor for not done',
  async t => {
    const turns = [
      ['launched', 'loaded', 'launched'],
      ['launched', 'inactive', 'launched'],
      ['loaded', 'launched', 'loaded'],
    ] as const
    for (const [before, meanwhile, after] of turns) {
      for (let afterMs = 100; afterMs < 5_000; afterMs += 300) {
        const f = await fleetOf(['a'])
        const a = f.machines.get('a')!
        await f.setDesired('a.service', before)
        await f.clock.advance(5_000)
        a.systemd.callMs = 1_000
        await f.setDesired('a.service', meanwhile)
        await f.clock.advance(afterMs)
        await f.kill(a)
        // What was asked for before it died is done.
        await f.clock.advance(1_000)
        a.systemd.callMs = 0
        await f.setDesired('a.service', after)
        f.start(a)
        await f.clock.advance(60_000)
        const runs = a.systemd.running.includes('a.service')
        t.equal(runs, after === 'launched', `${before}, ${meanwhile}, killed after ${afterMs} ms, ${after}`)
        await f.close()
      }
    }
  },
)

t.test('a failure is not told any more when nothing is to be done', async t => {
  const f = await fleetOf(['a'])
  t.teardown(() => f.close())
  const { systemd } = f.machines.get('a')!
  systemd.failing.add('start u.service')
  await f.put('u.service', UNIT, 'launched')
  await f.clock.advance(5_000)
  t.match(await f.read(f.keys.state('u.service', 'a')), /"activeState":"failed"/)
  await f.setDesired('u.service', 'loaded')
  await f.clock.advance(10_000)
  t.match(await f.read(f.keys.state('u.service', 'a')), /"activeState":"inactive"/)
})

t.test('what the engine wrote of a unit that was destroyed in that moment goes', async t => {
  const f = await fleetOf(['a'])
  t.teardown(() => f.close())
  f.etcd.write(f.keys.jobKey('gone.service', 'target'), 'a')
  f.etcd.write(f.keys.jobKey('gone.service', 'problem'), 'none')
  await f.clock.advance(5_000)
  t.same(f.etcd.names(f.keys.job('gone.service')), [])
})

t.test('a round that takes long is broken off when something else is wanted', async t => {
  const f = await fleetOf(['a'])
  t.teardown(() => f.close())
  const { systemd } = f.machines.get('a')!
  systemd.callMs = 2_000
  for (const n of [1, 2, 3, 4]) await f.put(`u${n}.service`, UNIT, 'launched')
  await f.clock.advance(13_000)
  await f.destroy('u4.service')
  await f.clock.advance(60_000)
  t.notOk(systemd.calls.includes('start u4.service'), 'it was not wanted any more')
  t.same(systemd.running, ['a.service', 'u1.service', 'u2.service', 'u3.service'])
})

t.test(
  'a member of the store that has lost the others keeps no machine from hearing of anything',
  async t => {
    const f = await fleetOf(['a', 'b'], 3, 0.3)
    t.teardown(() => f.close())
    for (const [n, replica] of f.etcd.replicas.all.entries()) {
      replica.isIsolated = true
      await f.clock.advance(20_000)
      for (const id of ['a', 'b']) {
        const name = `u${n}${id}.service`
        const text = `${UNIT}\n[X-Fleet]\nMachineID=${id}\n`
        // What may not be done twice is asked of one member only; the next one is asked the next time.
        await f.put(name, text, 'launched').catch(() => f.put(name, text, 'launched'))
        t.ok(await f.untilRuns({ [name]: 1 }, 60_000), `${name} with ${replica.name} alone`)
      }
      replica.isIsolated = false
      f.etcd.replicas.catchUp(replica)
      await f.clock.advance(20_000)
    }
  },
)

t.test('a unit whose time comes in the middle of a round is not restarted without its new text', async t => {
  const f = await fleetOf(['a'])
  t.teardown(() => f.close())
  const { systemd } = f.machines.get('a')!
  systemd.failing.add('link a.service')
  await f.put('a.service', OTHER, 'launched')
  await f.clock.advance(500)
  systemd.failing.clear()
  systemd.calls.length = 0
  // It may be tried again half a second from now. The round that begins before takes longer.
  systemd.callMs = 700
  await f.put('z.service', UNIT, 'launched')
  await f.clock.advance(30_000)
  const own = systemd.calls.filter(call => call.endsWith(' a.service'))
  t.same(own, ['link a.service', 'restart a.service'])
  t.equal(systemd.runs.get('a.service'), OTHER)
})

t.test('a word that is renewed while the agent lets go of the unit is taken back all the same', async t => {
  const left: number[] = []
  // The renewal is a few writes long; a unit that is let go of in each of their moments.
  for (let afterMs = 0; afterMs < RENEWAL_MS; afterMs += RENEWAL_STEP_MS) {
    const f = await fleetOf(['a'])
    f.etcd.slowMs = SLOW_MS
    await f.clock.advance(afterMs)
    await f.setDesired('a.service', 'inactive')
    await f.clock.advance(8_000)
    if ((await f.read(f.keys.jobKey('a.service', 'job-state'))) !== undefined) left.push(afterMs)
    f.close()
  }
  t.same(left, [])
})
