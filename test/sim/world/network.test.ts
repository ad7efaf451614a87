import t from 'tap'
import { FaultCounts } from './faults.ts'
import { CALM_NETWORK, Network, type NetworkOptions } from './network.ts'
import { Random } from './random.ts'
import { Schedule } from './schedule.ts'

function setUp(options: Partial<NetworkOptions>, seed = 1) {
  const schedule = new Schedule()
  const faults = new FaultCounts()
  const network = new Network(schedule, new Random(seed), faults, { ...CALM_NETWORK, ...options })
  const arrived: [to: string, from: string, number: number, timeUs: number][] = []
  for (const name of ['a', 'b', 'c'])
    network.attach(name, (from, bytes) => arrived.push([name, from, bytes[0]!, schedule.nowUs]))
  return { schedule, faults, network, arrived }
}

t.test('a calm network carries everything in order, and a copy', t => {
  const { schedule, network, arrived, faults } = setUp({})
  const bytes = new Uint8Array([1])
  network.send('a', 'b', bytes)
  bytes[0] = 2
  network.send('a', 'b', bytes)
  schedule.runUntil(10_000)
  t.same(arrived, [
    ['b', 'a', 1, 1000],
    ['b', 'a', 2, 1000],
  ])
  t.same(faults.table(), {})
  t.end()
})

t.test('loss, repetition, order and room are counted, and enabled faults that never came are named', t => {
  const options = { lossProbability: 0.1, duplicateProbability: 0.1, delayMsMean: 5, pathMessagesMax: 60 }
  const { schedule, network, arrived, faults } = setUp(options)
  faults.enable('disk-full')
  for (let at = 0; at < 1000; at++) {
    network.send('a', 'b', new Uint8Array([at]))
    schedule.runUntil(schedule.nowUs + 100)
  }
  schedule.runUntil(1e9)
  const count = (fault: Parameters<typeof faults.count>[0]) => faults.count(fault)
  t.ok(count('message-lost') > 50 && count('message-lost') < 150)
  t.ok(count('message-duplicated') > 50 && count('message-duplicated') < 150)
  t.ok(count('message-reordered') > 100)
  t.ok(count('path-full') > 0)
  const carried = 1000 - count('message-lost') + count('message-duplicated') - count('path-full')
  t.equal(arrived.length, carried)
  t.same(faults.silent(), ['disk-full'])
  t.end()
})

t.test('a cut path carries nothing, the other way does; a filter sees everything; healing ends both', t => {
  const { schedule, network, arrived } = setUp({})
  network.cut('a', 'b')
  const seen: string[] = []
  network.setFilter((from, to) => {
    seen.push(`${from}${to}`)
    return to !== 'c'
  })
  const round = () => {
    for (const path of ['ab', 'ba', 'ac']) network.send(path[0]!, path[1]!, new Uint8Array([0]))
    schedule.runUntil(schedule.nowUs + 10_000)
    return arrived.splice(0).map(([to, from]) => `${from}${to}`)
  }
  t.same(round(), ['ba'])
  t.same(seen, ['ab', 'ba', 'ac'])
  network.setFilter(undefined)
  network.heal()
  t.same(round(), ['ab', 'ba', 'ac'])
  network.detach('c')
  t.same(round(), ['ab', 'ba'])
  t.end()
})

for (const mode of ['isolate', 'split', 'one-way'] as const) {
  t.test(`partitions come and go: ${mode}`, t => {
    const times = { wholeMsMin: 50, wholeMsMean: 50, dividedMsMin: 50, dividedMsMean: 50 }
    const { schedule, network, arrived, faults } = setUp({ partitions: [mode], ...times })
    let held = 0
    let asymmetric = 0
    for (let round = 0; round < 100; round++) {
      const paths = ['ab', 'ba', 'bc', 'cb', 'ac', 'ca']
      for (const path of paths) network.send(path[0]!, path[1]!, new Uint8Array([0]))
      schedule.runUntil(schedule.nowUs + 20_000)
      const came = new Set(arrived.splice(0).map(([to, from]) => from + to))
      if (came.size < paths.length) held += 1
      if (paths.some(path => came.has(path) && !came.has(path[1]! + path[0]!))) asymmetric += 1
    }
    t.ok(held > 20 && held < 80, `${held} of 100 rounds were divided`)
    if (mode === 'one-way') t.ok(asymmetric > 20)
    else t.ok(asymmetric < 10, 'only at the edges of a partition')
    t.same(faults.silent(), [])
    t.end()
  })
}

t.test('a clogged path delivers late, not never', t => {
  const { schedule, network, arrived } = setUp({ clogProbability: 0.05, clogMsMean: 50 })
  for (let at = 0; at < 100; at++) network.send('a', 'b', new Uint8Array([at]))
  schedule.runUntil(1e9)
  t.equal(arrived.length, 100)
  t.ok(arrived.some(([, , , timeUs]) => timeUs > 5000))
  t.end()
})
