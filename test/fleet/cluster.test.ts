// A fleet over a whole simulated etcd: three real members, whose leader falls, or is cut off, again and again.

import t from 'tap'
import type { Node } from '../sim/cluster.ts'
import { FakeCluster } from './lib/cluster.ts'
import { TestFleet } from './lib/fleet.ts'

/** Longer than an agent waits before it has systemd read its files anew. */
const CALM_MS = 10_000
const UNIT = '[Service]\nExecStart=/bin/sleep 1\n'
const GLOBAL = `${UNIT}\n[X-Fleet]\nGlobal=true\n`
const FALLS = 6
const BETWEEN_MS = 20_000
const DOWN_MS = 4_000

t.setTimeout(120_000)

t.test('leaders of the store fall, and no unit is touched', async t => {
  let cluster: FakeCluster | undefined
  const f = new TestFleet({
    store: clock => {
      cluster = new FakeCluster(clock, 7, 3)
      return cluster
    },
  })
  t.teardown(() => f.close())
  const { cluster: members } = cluster!
  await f.clock.until(() => members.leader() !== undefined, 10_000)
  for (const id of ['a', 'b', 'c']) f.add(id)
  for (let n = 1; n <= 6; n++) await f.put(`u@${n}.service`, UNIT, 'launched')
  await f.put('g.service', GLOBAL, 'launched')
  const wanted = Object.fromEntries([1, 2, 3, 4, 5, 6].map(n => [`u@${n}.service`, 1]))
  t.ok(await f.untilRuns({ ...wanted, 'g.service': 3 }), 'all run within a minute')
  const calls = (): string[][] => [...f.machines.values()].map(({ systemd }) => [...systemd.calls])
  // systemd has read all of it.
  await f.clock.advance(CALM_MS)
  const before = calls()
  const { network } = cluster!
  const setCut = (one: string, isCut: boolean): void => {
    for (const other of members.nodes.keys()) {
      if (isCut) {
        network.cut(one, other)
        network.cut(other, one)
      } else {
        network.join(one, other)
        network.join(other, one)
      }
    }
  }
  const terms = new Set<number>()
  for (let fall = 0; fall < FALLS; fall++) {
    const leader = members.leader() as Node
    terms.add(leader.seen!.term)
    if (fall % 2 === 0) members.stop(leader, 'machine')
    else setCut(leader.id, true)
    await f.clock.advance(DOWN_MS)
    if (fall % 2 === 0) members.start(leader)
    else setCut(leader.id, false)
    await f.clock.advance(BETWEEN_MS)
  }
  t.equal(terms.size, FALLS, 'each time another term')
  t.same(calls(), before, 'nothing was stopped or started')
  // And while the leader is down, what is wanted still happens.
  members.stop(members.leader()!, 'machine')
  await f.clock.advance(3_000)
  await f.put('late.service', UNIT, 'launched')
  t.ok(await f.untilRuns({ 'late.service': 1 }, 30_000))
})
