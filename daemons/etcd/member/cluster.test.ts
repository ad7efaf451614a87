import t from 'tap'
import { hashState } from '../store/hash.ts'
import type { Operation } from '../store/operation.ts'
import type { RunningMember } from './running.ts'
import { Failure } from './service.ts'
import { type Node, set, WALL_MS, World } from './testing/world.ts'

const THREE = ['a1', 'b2', 'c3']

function founded(set: Parameters<World['start']>[2] = {}): { world: World; leader: Node } {
  const world = new World()
  for (const id of THREE) world.start(id, THREE, set)
  const leader = world.leader()
  world.run(1000)
  return { world, leader }
}

function others(world: World, leader: Node): Node[] {
  return [...world.nodes.values()].filter(node => node.id !== leader.id)
}

function hashOf(node: Node): string {
  return hashState(node.member!.store.state)
}

t.test('snapshots are taken, and a member starts from one', async t => {
  const world = new World()
  const options = { snapshotCount: 50, snapshotCatchUp: 5 }
  const node = world.start('a1', ['a1'], options)
  world.run(300)
  for (let number = 0; number < 230; number++) world.write(node, set(`key-${number % 9}`, `${number}`))
  const before = hashOf(node)
  t.ok(node.disk.paths().some(path => path.endsWith('.snap')))
  world.kill('a1')
  const again = world.start('a1', [], options)
  world.leader()
  t.equal(hashOf(again), before)
})

t.test('a follower that was away gets a snapshot', async t => {
  const { world, leader } = founded({ snapshotCount: 50, snapshotCatchUp: 5 })
  const [away] = others(world, leader)
  world.kill(away!.id)
  for (let number = 0; number < 300; number++) world.write(leader, set(`key-${number % 9}`, `${number}`))
  const back = world.start(away!.id, [], { snapshotCount: 50, snapshotCatchUp: 5 })
  world.until('it has caught up', () => back.member?.appliedIndex === leader.member!.appliedIndex)
  t.equal(hashOf(back), hashOf(leader))
  // When it starts again its snapshot is all that there is: who the others are it can only have from there.
  ;(back.member as RunningMember).takeSnapshot()
  world.run(1000)
  world.kill(away!.id)
  const again = world.start(away!.id, [], { snapshotCount: 50, snapshotCatchUp: 5 })
  world.until('it is there again', () => again.member?.appliedIndex === leader.member!.appliedIndex)
  t.equal(hashOf(again), hashOf(leader))
  world.until('it hears of the leader', () => again.member!.leader === leader.id)
  let isHealthy = false
  again.member!.checkHealth(5_000, answer => {
    isHealthy = answer
  })
  world.until('it takes part', () => isHealthy)
})

t.test('all start from snapshots with nothing behind them', async t => {
  const { world, leader } = founded()
  for (let number = 0; number < 9; number++) world.write(leader, set('key', `${number}`))
  world.run(1000)
  for (const { member } of world.nodes.values()) (member as RunningMember).takeSnapshot()
  world.run(1000)
  for (const id of THREE) world.kill(id)
  for (const id of THREE) world.start(id, [])
  const next = world.leader()
  t.equal(next.member!.members().length, 3, 'they find one another')
  t.type(world.write(next, set('key', 'more')), 'object')
})

for (const aheadMs of [-30_000, 30_000]) {
  t.test(
    `a follower whose clock is ${aheadMs / 1000} s ahead writes keys that live as long as they should`,
    async t => {
      const { world, leader } = founded()
      const [odd] = others(world, leader)
      odd!.aheadMs = aheadMs
      const has = (): boolean => leader.member!.store.state.tree.find('/1/sign') !== undefined
      // What a daemon beside that member does: the time to live is counted from the member's clock.
      const sign = (): Operation => {
        const expiresAtMs = WALL_MS + world.nowMs + odd!.aheadMs + 10_000
        return { type: 'set', path: '/1/sign', dir: false, value: 'here', expiresAtMs, refresh: false }
      }
      world.write(odd!, sign())
      world.run(9000)
      t.ok(has(), 'it is there for its ten seconds')
      world.run(2000)
      t.notOk(has(), 'and not much longer')
      world.loses = message => message.type === 'propose'
      odd!.member!.write(sign(), () => {})
      world.run(3000)
      world.loses = () => false
      world.until('it is handed over again', has)
      world.run(9000)
      t.ok(has(), 'and the wait is not counted')
      const states = [...world.nodes.values()].map(hashOf)
      t.equal(new Set(states).size, 1, 'all members hold the same')
    },
  )
}

t.test('keys live by the clock that most members agree on, whoever leads and whatever is set', async t => {
  const { world, leader } = founded()
  const has = (): boolean =>
    [...world.nodes.values()].some(({ member }) => member?.store.state.tree.find('/1/sign') !== undefined)
  const write = (node: Node): void => {
    const expiresAtMs = WALL_MS + world.nowMs + node.aheadMs + 10_000
    world.write(node, {
      type: 'set',
      path: '/1/sign',
      dir: false,
      value: 'here',
      expiresAtMs,
      refresh: false,
    })
  }
  const livesTenSeconds = (what: string): void => {
    world.run(9000)
    t.ok(has(), `${what}: it is there for its ten seconds`)
    world.run(2500)
    t.notOk(has(), `${what}: and not much longer`)
  }
  leader.aheadMs = -40_000
  world.run(1000)
  write(leader)
  livesTenSeconds('the clock of the leader is behind')
  write(leader)
  world.run(1000)
  leader.aheadMs = 0
  world.run(8000)
  t.ok(has(), 'its clock is set, and nothing ends for that')
  world.run(2500)
  t.notOk(has())
  // One that slept comes to lead: the clock of the leader before is the right one.
  const [odd] = others(world, leader)
  odd!.aheadMs = -40_000
  world.run(1000)
  write(leader)
  leader.member!.transferLeadership(odd!.id, () => {})
  world.until('the other one to lead', () => odd!.member!.role === 'leader')
  livesTenSeconds('a clock that is behind comes to lead')
})

t.test('a member is added, found to be there, moved and removed', async t => {
  const { world, leader } = founded({ snapshotCount: 50, snapshotCatchUp: 5 })
  for (let number = 0; number < 200; number++) world.write(leader, set('key', `${number}`))
  const results: unknown[] = []
  const took = (result: unknown): void => void results.push(result)
  leader.member!.addMember(['http://d4:2380'], took)
  world.run(500)
  const [added] = results as { id: string }[]
  t.match(added, { id: /^[0-9a-f]+$/, name: '', peerUrls: ['http://d4:2380'] })
  leader.member!.addMember(['http://d4:2380'], took)
  world.run(100)
  t.match(results[1], { refused: 'peerUrlExists' })
  const peers = new Map(THREE.map(id => [id, [`http://${id}:2380`]]))
  const fourth = world.start(added!.id, [], { snapshotCount: 50, snapshotCatchUp: 5, peers })
  world.until('it has all', () => fourth.member?.appliedIndex === leader.member!.appliedIndex)
  world.until('it is published', () =>
    leader.member!.members().some(({ id, name }) => id === added!.id && name !== ''),
  )
  leader.member!.updateMember(added!.id, ['http://d5:2380'], took)
  world.run(500)
  t.equal(results[2], undefined)
  t.match(
    leader.member!.members().find(({ id }) => id === added!.id),
    { peerUrls: ['http://d5:2380'], name: `name-${added!.id}` },
  )
  leader.member!.removeMember(added!.id, took)
  world.run(3000)
  t.equal(results[3], undefined)
  t.ok(leader.member!.wasRemoved(added!.id))
  t.equal(leader.member!.members().length, 3)
  t.match(fourth.exit, /^removed:/)
  leader.member!.removeMember(added!.id, took)
  leader.member!.removeMember('99', took)
  world.run(100)
  t.match(results.slice(4), [{ refused: 'idRemoved' }, { refused: 'idNotFound' }])
})

t.test('a leader that is removed ends itself after a while, the others go on', async t => {
  const { world, leader } = founded()
  let result: unknown = 'none'
  leader.member!.removeMember(leader.id, value => {
    result = value
  })
  world.run(500)
  t.equal(result, undefined)
  t.equal(leader.exit, undefined, 'its last answers go out')
  world.run(3000)
  t.match(leader.exit, /^removed:/)
  const next = world.leader()
  t.equal(next.member!.members().length, 2)
  t.notOk(world.write(next, set('x', 'y')) instanceof Failure)
})

/** As it knows itself; undefined when it is no member. */
function isVoter({ id, member }: Node): boolean | undefined {
  const self = member!.members().find(member => member.id === id)
  return self === undefined ? undefined : !self.isLearner
}

t.test('a leader of two that is removed, and another that falls before it hears of it', async t => {
  const world = new World()
  for (const id of ['a1', 'b2']) world.start(id, ['a1', 'b2'], { strictReconfig: false })
  const leader = world.leader()
  const [other] = others(world, leader)
  let result: unknown = 'none'
  // The other one has the change and falls before it knows that it is committed.
  let appends = 0
  world.loses = message => {
    if (message.to === other!.id && message.type === 'append' && message.entries.length > 0) appends += 1
    return message.to === other!.id && (appends > 1 || (appends === 1 && message.entries.length === 0))
  }
  leader.member!.removeMember(leader.id, value => {
    result = value
  })
  world.until('the change is applied', () => isVoter(leader) === false)
  world.kill(other!.id)
  world.run(100)
  t.equal(leader.exit, undefined, 'who is to go stays until it is needed no more')
  world.loses = () => false
  const again = world.start(other!.id, [], { strictReconfig: false })
  world.until('it is removed', () => leader.exit !== undefined)
  t.equal(result, undefined)
  t.match(leader.exit, /^removed:/)
  t.equal(again.member!.role, 'leader')
  t.notOk(world.write(again, set('x', 'y')) instanceof Failure)
})

t.test('a proposal that comes twice counts once', async t => {
  const { world, leader } = founded()
  const [follower] = others(world, leader)
  // The leader takes it, but its follower does not hear of it until another one leads.
  world.loses = message =>
    message.from === leader.id && message.type === 'append' && message.to === follower!.id
  const results: unknown[] = []
  const operation = { type: 'create', path: '/1/q', dir: false, value: 'v', expiresAtMs: 0 } as const
  follower!.member!.write({ ...operation, unique: true }, result => void results.push(result))
  world.run(3000)
  world.loses = () => false
  world.run(8000)
  t.equal(results.length, 1)
  for (const node of world.nodes.values())
    t.equal(node.member!.store.state.tree.find('/1/q')?.children?.size, 1, node.id)
})

t.test('a full disk: writes are refused, reads go on, and there may be space again', async t => {
  const world = new World()
  const node = world.start('a1', ['a1'])
  world.run(300)
  node.disk.capacity = 60_000
  let refusal: Failure | undefined
  for (let number = 0; number < 2000 && refusal === undefined; number++) {
    const result = world.write(node, set('key', 'x'.repeat(200)))
    if (result instanceof Failure) refusal = result
  }
  t.match(refusal, { kind: 'noSpace', isFinal: true })
  t.ok(node.member!.isFull)
  let isRead = false
  node.member!.readBarrier(failure => {
    isRead = failure === undefined
  })
  world.run(200)
  t.ok(isRead)
  node.disk.capacity = Number.POSITIVE_INFINITY
  world.run(10_000)
  t.notOk(node.member!.isFull)
  t.notOk(world.write(node, set('key', 'again')) instanceof Failure)
})

t.test(
  'a leader whose disk is full hands over to one that has room, and takes no work of others',
  async t => {
    const { world, leader } = founded()
    leader.disk.capacity = 60_000
    for (let number = 0; number < 2000 && !leader.member!.isFull; number++)
      world.write(leader, set('key', 'x'.repeat(200)))
    t.ok(leader.member!.isFull)
    world.run(3000)
    const next = world.leader()
    t.not(next, leader)
    t.notOk(next.member!.isFull)
    t.notOk(world.write(next, set('key', 'goes on')) instanceof Failure)
    leader.disk.capacity = Number.POSITIVE_INFINITY
    world.run(10_000)
    t.notOk(world.write(leader, set('key', 'again')) instanceof Failure)
  },
)

t.test('a disk that fails is the end', async t => {
  const world = new World()
  const node = world.start('a1', ['a1'])
  world.run(300)
  node.disk.fault = call => (call.startsWith('sync') ? { code: 'EIO', message: 'it broke' } : undefined)
  const result = world.write(node, set('key', 'x'))
  t.match(result, { kind: 'stopped', isFinal: false })
  t.match(node.exit, /^disk: .*it broke/)
})

t.test('one member makes a cluster of its own, with all it has', async t => {
  const { world, leader } = founded()
  world.write(leader, set('foo', 'bar'))
  for (const id of THREE) world.kill(id)
  world.run(100)
  const alone = world.start(leader.id, [], { forceNewCluster: true })
  for (const node of others(world, leader)) world.nodes.delete(node.id)
  world.run(2000)
  t.equal(alone.error, undefined)
  t.equal(alone.member!.role, 'leader')
  t.same(
    alone.member!.members().map(({ id }) => id),
    [leader.id],
  )
  t.equal(alone.member!.store.state.tree.find('/1/foo')?.value, 'bar')
  t.notOk(world.write(alone, set('foo', 'baz')) instanceof Failure)
})

t.test('keys expire by the leader alone', async t => {
  const { world, leader } = founded()
  world.write(leader, {
    ...set('key', 'x'),
    expiresAtMs: leader.member!.startedAtMs + world.nowMs + 2000,
  } as never)
  world.run(1000)
  const { committedIndex } = leader.member!
  for (const node of world.nodes.values()) t.equal(node.member!.store.expiring, 1)
  world.run(900)
  t.equal(leader.member!.committedIndex, committedIndex, 'nothing is written before one is due')
  world.run(2100)
  for (const node of world.nodes.values()) t.equal(node.member!.store.expiring, 0)
})

t.test('leadership is handed over on request', async t => {
  const { world, leader } = founded()
  const [next] = others(world, leader)
  let failure: unknown = 'none'
  leader.member!.transferLeadership(next!.id, value => {
    failure = value
  })
  world.run(1000)
  t.equal(failure, undefined)
  t.equal(world.leader().id, next!.id)
})

t.test('too many proposals are refused at once', async t => {
  const { world, leader } = founded()
  world.loses = () => true
  const kinds = new Map<string, number>()
  for (let number = 0; number < 17_000; number++)
    leader.member!.write(set('key', 'x'), result => {
      const kind = result instanceof Failure ? result.kind : 'done'
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
    })
  world.run(10)
  t.equal(kinds.get('tooManyRequests'), 17_000 - 16_384)
  t.equal((leader.member as RunningMember).proposer.count, 16_384)
})

t.test('large values in one turn go into the log in pieces', async t => {
  const world = new World()
  const node = world.start('a1', ['a1'])
  world.run(300)
  const value = 'x'.repeat(10 * 1024 * 1024)
  const results: unknown[] = []
  for (let number = 0; number < 5; number++)
    node.member!.write(set(`key-${number}`, value), result => void results.push(result))
  node.member!.write(set('key', value + value), result => void results.push(result))
  world.run(1000)
  t.equal(results.filter(result => result instanceof Failure).length, 1)
  t.match(results[0], { kind: 'tooLarge', isFinal: true })
  world.kill('a1')
  const again = world.start('a1', [])
  world.leader()
  t.equal(again.member!.store.state.tree.find('/1/key-4')?.value, value)
})
