import t from 'tap'
import { patienceMs } from '../../daemons/fleet/machine/presence.ts'
import { TestFleet } from './lib/fleet.ts'

const UNIT = '[Service]\nExecStart=/bin/sleep 1\n'
/** Life of a sign of life. */
const TTL_MS = 30_000
const SOON_MS = 2_000
const fleet = (lines: string): string => `${UNIT}\n[X-Fleet]\n${lines}\n`

t.test('units are spread over the machines and run', async t => {
  const f = new TestFleet()
  t.teardown(() => f.close())
  for (const id of ['a', 'b', 'c']) f.add(id)
  for (let n = 1; n <= 6; n++) await f.put(`u@${n}.service`, UNIT, 'launched')
  const wanted = Object.fromEntries([1, 2, 3, 4, 5, 6].map(n => [`u@${n}.service`, 1]))
  t.ok(await f.untilRuns(wanted), 'all run within a minute')
  for (const { systemd } of f.machines.values()) t.equal(systemd.running.length, 2)
  t.equal(f.clock.now() % 1, 0)
  const target = await f.read(f.keys.jobKey('u@1.service', 'target'))
  await f.clock.advance(2_000)
  t.equal(await f.read(f.keys.jobKey('u@1.service', 'job-state')), target)
  t.match(await f.read(f.keys.state('u@1.service', target!)), /"activeState":"active"/)
  await f.setDesired('u@1.service', 'loaded')
  t.ok(await f.untilRuns({ 'u@1.service': 0 }))
  await f.clock.advance(2_000)
  t.equal(await f.read(f.keys.jobKey('u@1.service', 'job-state')), undefined)
  await f.destroy('u@2.service')
  t.ok(await f.untilRuns({ 'u@2.service': 0 }))
  await f.clock.advance(2_000)
  for (const { systemd } of f.machines.values()) t.notOk(systemd.files.has('u@2.service'))
})

t.test('a state that systemd gave before a unit was started is not told as one of after it', async t => {
  const f = new TestFleet()
  t.teardown(() => f.close())
  const { systemd } = f.add('a')
  const name = 'u.service'
  await f.put(name, UNIT, 'loaded')
  const states = (): Promise<string | undefined> => f.read(f.keys.state(name, 'a'))
  for (let look = 0; (await states()) === undefined; look++) t.ok(look < 1_000)
  t.match(await states(), /"activeState":"inactive".*"agentState":"loaded"/)
  systemd.answerMs = 400
  systemd.jobMs = 2_000
  // While systemd is asked, for a change of another unit, this one is started.
  for (const afterMs of [0, 100, 200, 300, 500]) {
    await f.setDesired(name, 'loaded')
    await f.clock.advance(10_000)
    await f.put(`other@${afterMs}.service`, UNIT, 'launched')
    await f.clock.advance(afterMs)
    await f.setDesired(name, 'launched')
    const seen: string[] = []
    for (const end = f.clock.now() + 8_000; f.clock.now() < end; ) {
      const isLaunched = (await f.read(f.keys.jobKey(name, 'job-state'))) !== undefined
      const text = await states()
      const { activeState, agentState } = JSON.parse(text!) as { activeState: string; agentState: string }
      const told = `${isLaunched ? 'launched: ' : ''}${activeState}, ${agentState}`
      if (seen.at(-1) !== told) seen.push(told)
    }
    t.equal(seen.at(-1), 'launched: active, launched')
    t.notOk(
      seen.some(told => /launched.*inactive|inactive, launched/.test(told)),
      seen.join('; '),
    )
  }
})

t.test('a lost machine: its units run elsewhere within its time to live', async t => {
  const f = new TestFleet()
  t.teardown(() => f.close())
  const machines = ['a', 'b', 'c'].map(id => f.add(id))
  for (let n = 1; n <= 6; n++) await f.put(`u@${n}.service`, UNIT, 'launched')
  await f.untilRuns({ 'u@1.service': 1, 'u@6.service': 1 })
  await f.clock.advance(60_000)
  for (const lost of machines.slice(0, 2)) {
    await f.crash(lost)
    const start = f.clock.now()
    const isDone = await f.clock.until(
      () => [1, 2, 3, 4, 5, 6].every(n => f.whereRuns(`u@${n}.service`).length === 1),
      60_000,
    )
    t.ok(isDone, `all run again after ${f.clock.now() - start} ms`)
  }
})

t.test('the machine that leads the engines is lost: its units run elsewhere as soon as any', async t => {
  for (const afterBeatMs of [0, 5_000, 10_000, 14_900]) {
    const f = new TestFleet()
    t.teardown(() => f.close())
    for (const id of ['a', 'b', 'c']) f.add(id)
    for (let n = 1; n <= 6; n++) await f.put(`u@${n}.service`, UNIT, 'launched')
    await f.clock.advance(60_000 + afterBeatMs)
    const { MachineID: leader } = JSON.parse((await f.read(f.keys.lease))!) as { MachineID: string }
    await f.crash(f.machines.get(leader)!)
    const start = f.clock.now()
    const isDone = await f.clock.until(
      () => [1, 2, 3, 4, 5, 6].every(n => f.whereRuns(`u@${n}.service`).length === 1),
      60_000,
    )
    const ms = f.clock.now() - start
    t.ok(isDone && ms < TTL_MS + SOON_MS, `all run again after ${ms} ms`)
  }
})

t.test('how long machines are given to say that they live', async t => {
  t.equal(patienceMs(TTL_MS, 0), TTL_MS, 'where the store was away, or all were switched on: all of it')
  t.equal(patienceMs(TTL_MS, 4_000), TTL_MS - 4_000)
  t.equal(patienceMs(TTL_MS, 3_600_000), 20_000, 'where it was not: a beat, and a pause before the next try')
})

t.test('the store goes away for long: nothing stops, then or after', async t => {
  const f = new TestFleet()
  t.teardown(() => f.close())
  for (const id of ['a', 'b', 'c']) f.add(id)
  for (let n = 1; n <= 6; n++) await f.put(`u@${n}.service`, UNIT, 'launched')
  await f.put('g.service', fleet('Global=true'), 'launched')
  t.ok(await f.untilRuns({ 'u@1.service': 1, 'u@6.service': 1, 'g.service': 3 }))
  await f.clock.advance(10_000)
  const before = [...f.machines.values()].map(({ systemd }) => systemd.running.join())
  const calls = [...f.machines.values()].map(({ systemd }) => systemd.calls.length)
  f.etcd.isDown = true
  await f.clock.advance(300_000)
  f.etcd.isDown = false
  await f.clock.advance(120_000)
  t.same(
    [...f.machines.values()].map(({ systemd }) => systemd.running.join()),
    before,
  )
  t.same(
    [...f.machines.values()].map(({ systemd }) => systemd.calls.length),
    calls,
    'nothing was done at all',
  )
})

t.test('one machine is cut off: moved, and stopped there once it knows', async t => {
  const f = new TestFleet()
  t.teardown(() => f.close())
  const [a] = ['a', 'b', 'c'].map(id => f.add(id))
  await f.put('u.service', fleet('MachineMetadata=x=y'), 'launched')
  a!.metadata.x = 'y'
  t.ok(await f.untilRuns({ 'u.service': 1 }))
  await f.put('v.service', UNIT, 'launched')
  await f.put('w.service', UNIT, 'launched')
  await f.put('x.service', UNIT, 'launched')
  t.ok(await f.untilRuns({ 'v.service': 1, 'w.service': 1, 'x.service': 1 }))
  const here = a!.systemd.running
  a!.link!.isCut = true
  await f.clock.advance(90_000)
  t.same(a!.systemd.running, here, 'units go on where nobody can say anything')
  a!.link!.isCut = false
  await f.clock.advance(90_000)
  for (const name of ['u', 'v', 'w', 'x']) t.equal(f.whereRuns(`${name}.service`).length, 1, name)
})

t.test('a registry that was wiped stops nothing', async t => {
  const f = new TestFleet()
  t.teardown(() => f.close())
  for (const id of ['a', 'b']) f.add(id)
  for (const name of ['u', 'v']) await f.put(`${name}.service`, UNIT, 'launched')
  t.ok(await f.untilRuns({ 'u.service': 1, 'v.service': 1 }))
  f.etcd.isDown = true
  await f.clock.advance(5_000)
  f.etcd.wipe()
  f.etcd.isDown = false
  await f.clock.advance(120_000)
  t.equal(f.whereRuns('u.service').length, 1)
  t.equal(f.whereRuns('v.service').length, 1)
})

t.test('a daemon that is killed and comes back touches nothing', async t => {
  const f = new TestFleet()
  t.teardown(() => f.close())
  const a = f.add('a')
  await f.put('u.service', UNIT, 'launched')
  await f.put('l.service', UNIT, 'loaded')
  await f.put('once.service', UNIT, 'launched')
  t.ok(await f.untilRuns({ 'u.service': 1, 'once.service': 1 }))
  await f.clock.advance(5_000)
  a.systemd.end('once.service', 'inactive', 'dead')
  await f.kill(a)
  const calls = a.systemd.calls.length
  await f.setDesired('l.service', 'launched')
  f.start(a)
  await f.clock.advance(5_000)
  t.same(a.systemd.calls.slice(calls), ['start l.service'], 'only what changed meanwhile')
  await f.kill(a)
  await f.setDesired('u.service', 'loaded')
  f.start(a)
  await f.clock.advance(5_000)
  t.same(a.systemd.running, ['l.service'])
})

t.test('leaving in order', async t => {
  const f = new TestFleet()
  t.teardown(() => f.close())
  const machines = ['a', 'b'].map(id => f.add(id))
  for (let n = 1; n <= 4; n++) await f.put(`u@${n}.service`, UNIT, 'launched')
  t.ok(await f.untilRuns({ 'u@1.service': 1, 'u@4.service': 1 }))
  await f.clock.advance(5_000)
  const start = f.clock.now()
  await f.stop(machines[0]!)
  t.same(machines[0]!.systemd.running, [])
  t.equal(machines[0]!.systemd.files.size, 0)
  t.equal(await f.read(f.keys.machineObject('a')), undefined)
  t.ok(await f.clock.until(() => machines[1]!.systemd.running.length === 4, 20_000))
  t.ok(f.clock.now() - start < 15_000, `elsewhere after ${f.clock.now() - start} ms`)
})

t.test('restart, update in place, and a text that systemd refuses', async t => {
  const f = new TestFleet()
  t.teardown(() => f.close())
  const a = f.add('a')
  await f.put('u.service', UNIT, 'launched')
  t.ok(await f.untilRuns({ 'u.service': 1 }))
  await f.pass(f.registry.restart('u.service', { id: '1' }))
  await f.clock.advance(1_000)
  t.equal(a.systemd.starts.get('u.service'), 2)
  await f.clock.advance(2_000)
  t.match(await f.read(f.keys.state('u.service', 'a')), /"restart":"1"/)
  await f.put('u.service', UNIT.replace('1', '2'), 'launched')
  await f.clock.advance(2_000)
  t.equal(a.systemd.starts.get('u.service'), 3)
  t.match(a.systemd.files.get('u.service'), /sleep 2/)
  a.systemd.failing.add('link bad.service')
  await f.put('bad.service', UNIT, 'launched')
  await f.put('good.service', UNIT, 'launched')
  t.ok(await f.untilRuns({ 'good.service': 1 }), 'one that fails holds up no other')
  await f.clock.advance(2_000)
  t.match(await f.read(f.keys.state('bad.service', 'a')), /"activeState":"failed"/)
  t.notOk(a.systemd.files.has('bad.service'))
  a.systemd.failing.clear()
  t.ok(await f.untilRuns({ 'bad.service': 1 }, 120_000), 'and is tried again')
})

t.test('two machines with one ID: the second one waits, and does nothing', async t => {
  const f = new TestFleet()
  t.teardown(() => f.close())
  const a = f.add('a')
  await f.clock.advance(1_000)
  t.equal(a.node!.presence.trouble, undefined)
  const twin = f.add('a', { name: 'twin' })
  await f.put('u.service', UNIT, 'launched')
  t.ok(await f.untilRuns({ 'u.service': 1 }))
  await f.clock.advance(60_000)
  t.match(twin.node!.presence.trouble, /machine ID a is in use by the machine at 10\.0\.0\.1/)
  t.equal(a.node!.presence.trouble, undefined)
  t.same(f.whereRuns('u.service'), ['a'], 'units of the first one do not run on the second')
  t.notOk(twin.node!.engine!.isLeader, 'nor does it take the leadership of the first for its own')
  await f.kill(a)
  await f.clock.advance(60_000)
  t.equal(twin.node!.presence.trouble, undefined, 'it joins when the first is gone')
})

t.test('why a unit has no machine, and when it gets one', async t => {
  const f = new TestFleet()
  t.teardown(() => f.close())
  const a = f.add('a')
  await f.put('u.service', fleet('MachineMetadata=disk=ssd'), 'launched')
  await f.clock.advance(5_000)
  t.equal(
    await f.read(f.keys.jobKey('u.service', 'problem')),
    'no machine can run it: 1 machine has not the metadata disk=ssd',
  )
  const done = f.registry.store.set(f.keys.metadata('a', 'disk'), 'ssd')
  await f.clock.advance(5_000)
  await done
  t.same(a.systemd.running, ['u.service'])
  t.equal(await f.read(f.keys.jobKey('u.service', 'problem')), undefined)
})

t.test('systemd reads its files anew when it has to, and else when things are calm', async t => {
  const f = new TestFleet()
  t.teardown(() => f.close())
  const { systemd } = f.add('a')
  await f.put('u.service', UNIT, 'launched')
  t.ok(await f.untilRuns({ 'u.service': 1 }))
  t.same(systemd.calls, ['link u.service', 'start u.service'], 'a unit that is new to it waits for nothing')
  await f.clock.advance(4_000)
  t.notOk(systemd.calls.includes('reload'))
  await f.put('v.service', UNIT, 'launched')
  await f.clock.advance(4_000)
  t.notOk(systemd.calls.includes('reload'), 'it is not calm yet')
  await f.clock.advance(2_000)
  t.equal(systemd.calls.filter(call => call === 'reload').length, 1, 'now it is')
  await f.clock.advance(120_000)
  t.equal(systemd.calls.filter(call => call === 'reload').length, 1, 'and once is enough')
  systemd.calls.length = 0
  await f.put('u.service', '[Service]\nExecStart=/bin/sleep 2\n', 'launched')
  await f.clock.advance(2_000)
  t.same(systemd.calls, ['link u.service', 'reload', 'restart u.service'], 'a text that it has read before')
  const install = `${UNIT}\n[Install]\nWantedBy=u.service\n`
  systemd.calls.length = 0
  await f.put('w.service', install, 'launched')
  await f.clock.advance(2_000)
  t.same(systemd.calls, ['link w.service', 'reload', 'start w.service'], 'one that others are told of')
  systemd.calls.length = 0
  for (let n = 1; n <= 40; n++) {
    await f.put(`x@${n}.service`, UNIT, 'launched')
    await f.clock.advance(2_000)
  }
  t.equal(
    systemd.calls.filter(call => call === 'reload').length,
    1,
    'without a calm moment for a minute, too',
  )
})
