import t from 'tap'
import { SnapshotStore } from '../snap/store.ts'
import { Event } from '../store/event.ts'
import { Failure } from './service.ts'
import { set, World } from './testing/world.ts'

const THREE = ['a1', 'b2', 'c3']

t.test('a cluster of one agrees at once and its first write has index 4', async t => {
  const world = new World()
  const node = world.start('a1', ['a1'])
  world.run(200)
  t.equal(node.error, undefined)
  t.equal(node.member!.role, 'leader')
  let isPublished = false
  node.member!.whenPublished(() => {
    isPublished = true
  })
  world.run(100)
  t.ok(isPublished)
  const result = world.write(node, set('foo', 'bar'))
  t.ok(result instanceof Event)
  t.equal((result as Event).index, 4)
  t.match(node.member!.members(), [
    { id: 'a1', name: 'name-a1', peerUrls: ['http://a1:2380'], clientUrls: ['http://a1:2379'] },
  ])
  t.equal(node.member!.clusterVersion, '3.4.0')
})

t.test('what was acknowledged is there after a kill', async t => {
  const world = new World()
  const node = world.start('a1', ['a1'])
  world.run(300)
  for (let number = 0; number < 500; number++) world.write(node, set(`key-${number % 7}`, `${number}`))
  world.kill('a1')
  const again = world.start('a1', [])
  world.leader()
  world.run(300)
  t.equal(again.member!.store.index, 503)
  const result = world.write(again, set('after', 'x'))
  t.equal((result as Event).index, 504)
})

t.test(
  'snapshots that a crash left unmarked, one after the other, do not push out those that count',
  async t => {
    const world = new World()
    const settings = { snapshotCount: 20, snapshotCatchUp: 5, snapshotsRetained: 2 }
    world.start('a1', ['a1'], settings)
    world.run(300)
    for (let life = 1; life <= 4; life++) {
      const node = world.nodes.get('a1')!
      for (let number = 0; number < 60; number++) world.write(node, set(`key-${number % 7}`, `${number}`))
      world.kill('a1')
      world.run(100)
      // A leader's snapshot was saved, and the log was not told of it before the crash.
      const store = new SnapshotStore(node.disk, 'data/member/snap', { retained: 2 })
      const configuration = { voters: ['a1', 'b2'], learners: [] }
      let isSaved = false
      store.save({ term: 99, index: 10_000 + life, configuration }, [Buffer.from('x')].values(), error => {
        isSaved = error === undefined
      })
      world.run(100)
      t.ok(isSaved)
      const again = world.start('a1', [], settings)
      world.leader()
      t.equal(again.error, undefined)
      t.match(again.lines.join('\n'), /came before a crash/)
      t.equal(again.member!.store.index, 3 + 60 * life)
    }
  },
)

t.test('a cluster of three: first write has index 8, all have it, followers take writes', async t => {
  const world = new World()
  for (const id of THREE) world.start(id, THREE)
  const leader = world.leader()
  world.run(1000)
  const result = world.write(leader, set('foo', 'bar'))
  t.equal((result as Event).index, 8)
  const follower = [...world.nodes.values()].find(node => node !== leader)!
  t.equal((world.write(follower, set('foo', 'bar2')) as Event).index, 9)
  world.run(500)
  for (const node of world.nodes.values()) t.equal(node.member!.store.index, 9)
})

t.test('a write sent to a follower right after the leader died comes about, once', async t => {
  const world = new World()
  for (const id of THREE) world.start(id, THREE)
  const leader = world.leader()
  world.run(1000)
  world.kill(leader.id)
  const follower = [...world.nodes.values()].find(node => node !== leader)!
  const result = world.write(follower, set('foo', 'bar'))
  t.ok(result instanceof Event, 'it is answered')
  world.run(5000)
  t.equal(follower.member!.store.index, 8, 'it counts once')
})

t.test('without a majority writes time out and reads by barrier too', async t => {
  const world = new World()
  for (const id of THREE) world.start(id, THREE)
  const leader = world.leader()
  world.run(1000)
  for (const node of world.nodes.values()) if (node !== leader) world.kill(node.id)
  const result = world.write(leader, set('foo', 'bar'))
  t.ok(result instanceof Failure)
  t.notOk((result as Failure).isFinal)
  let failure: Failure | undefined
  leader.member!.readBarrier(value => {
    failure = value
  })
  world.run(8000)
  t.ok(failure instanceof Failure)
})

t.test('a graceful stop hands leadership over', async t => {
  const world = new World()
  for (const id of THREE) world.start(id, THREE)
  const leader = world.leader()
  world.run(1000)
  let isStopped = false
  leader.member!.stop(() => {
    isStopped = true
  })
  world.run(500)
  t.ok(isStopped)
  world.kill(leader.id)
  t.not(world.leader().id, leader.id)
})
