// Members on loopback that send messages to each other, over connections that are cut, refused, damaged and stuck.

import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type MessageType, newMessage } from '../../raft/message.ts'
import { FAST, TestMember, until, Way } from '../testing/member.ts'

/** More than between two measurements of latency, in the time of the tests. */
const SAMPLE_MS = 10

async function member(t: Test, id: string, options: { clusterId?: string } = {}): Promise<TestMember> {
  const made = await new TestMember(id, options).listen()
  t.teardown(() => made.close())
  return made
}

/** Makes each the peer of all others, and waits until all are connected. */
async function joinAll(members: readonly TestMember[]): Promise<void> {
  const peers = new Map(members.map(({ id, url }) => [id, [url]]))
  for (const { transport } of members) transport.setPeers(peers)
  await until('all connected', () =>
    members.every(({ transport }) => transport.activeCount === members.length - 1),
  )
}

/** A peer that takes the greeting and does nothing else. */
async function deafPeer(t: Test): Promise<{ url: string; sockets: Socket[] }> {
  const sockets: Socket[] = []
  const server = createServer(socket => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: orlop-raft/1\r\n\r\n')
      socket.pause()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const address = server.address()
  return { url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, sockets }
}

t.test('three members tell each other much, and all of it arrives in order', async t => {
  const members = [await member(t, 'a'), await member(t, 'b'), await member(t, 'ffffffffffffffff')]
  await joinAll(members)
  for (let round = 0; round < 20; round++) {
    for (const from of members) {
      for (const to of members) {
        if (from === to) continue
        for (let count = 0; count < 50; count++)
          from.send(to.id, round * 50 + count, round === 7 ? 30_000 : count)
      }
    }
    if (round % 3 === 0) await new Promise(setImmediate)
  }
  await until('all arrived', () => members.every(({ messages }) => messages.length === 2000))
  for (const to of members) {
    for (const from of members) {
      const indexes = to.messages.filter(message => message.from === from.id).map(({ index }) => index)
      if (from !== to)
        t.same(
          indexes,
          Array.from({ length: 1000 }, (_, at) => at),
          `${from.id} → ${to.id}`,
        )
    }
    t.ok(to.messages.every(({ entries, index }) => entries[0]!.data.every(byte => byte === index % 256)))
    t.same(to.unreachables, [])
  }
  const [statistics] = members[0]!.transport.statistics()
  t.match(statistics, { id: 'b', isActive: true, successes: 1000, failures: 0 })
  t.ok(statistics!.bytesSent > 50 * 30_000 && statistics!.bytesReceived > 50 * 30_000)
  t.ok(statistics!.activeSinceMs > 0)
  await until('a sample', () => members[0]!.transport.statistics()[0]!.latency.current > 0)
})

t.test('what is sent in one turn leaves in one write', async t => {
  const [a, b] = [await member(t, 'a'), await member(t, 'b')]
  const way = await new Way(b.url).listen()
  t.teardown(() => way.close())
  a.transport.setPeers(new Map([['b', [way.url]]]))
  await until('connected', () => a.transport.activeCount === 1)
  a.send('b', 0)
  await until('the first', () => b.messages.length === 1)
  let pieces = 0
  way.forward = (bytes, to) => {
    if (bytes.length > 50) pieces++
    to.write(bytes)
  }
  for (let index = 1; index < 100; index++) a.send('b', index)
  await until('all', () => b.messages.length === 100)
  t.equal(pieces, 1)
})

t.test('a connection that is killed is told of once and comes again', async t => {
  const [a, b] = [await member(t, 'a'), await member(t, 'b')]
  const way = await new Way(b.url).listen()
  t.teardown(() => way.close())
  a.transport.setPeers(new Map([['b', [way.url]]]))
  for (let round = 1; round <= 3; round++) {
    await until('connected', () => a.transport.activeCount === 1)
    a.send('b', round)
    await until('arrived', () => b.messages.length === round)
    way.cut()
    await until('told', () => a.unreachables.length === round)
  }
  await until('connected again', () => a.transport.activeCount === 1)
  t.same(a.unreachables, ['b', 'b', 'b'])
  way.close()
  await until('lost', () => a.transport.activeCount === 0)
  await until('tried in vain', () => a.log.some(line => line.startsWith('cannot reach')))
  t.equal(a.unreachables.length, 4)
  a.send('b', 9)
  t.equal(a.unreachables.length, 4, 'not within the call')
  await until('told of what is lost meanwhile', () => a.unreachables.length === 5)
  t.equal(a.transport.statistics()[0]!.failures, 1)
})

t.test('a peer that does not read: a bound, drops, one word about it, and then it goes on', async t => {
  const a = await member(t, 'a')
  const { url, sockets } = await deafPeer(t)
  a.transport.setPeers(new Map([['b', [url]]]))
  await until('connected', () => a.transport.activeCount === 1)
  for (let index = 0; index < 100; index++) a.send('b', index, 1024 * 1024)
  const { failures, successes } = a.transport.statistics()[0]!
  t.ok(successes >= 32 && successes <= 34, `${successes} megabytes wait`)
  t.equal(failures, 100 - successes)
  t.same(a.unreachables, [], 'not within the call')
  await until('told', () => a.unreachables.length > 0)
  t.same(a.unreachables, ['b'])
  sockets[0]!.resume()
  t.match(a.log.join('\n'), /messages to member b at .* are dropped: it does not take them as fast/)
  const before = a.transport.statistics()[0]!.successes
  await until('there is room again', () => {
    a.send('b', 1)
    return a.transport.statistics()[0]!.successes > before
  })
})

t.test('a peer that neither answers nor reads is given up', async t => {
  const a = await member(t, 'a')
  const { url, sockets } = await deafPeer(t)
  a.transport.setPeers(new Map([['b', [url]]]))
  await until('connected', () => a.transport.activeCount === 1)
  // The kernel takes these, and nobody reads them.
  const beat = setInterval(() => a.send('b', 1), 5)
  t.teardown(() => clearInterval(beat))
  await until('given up', () => a.unreachables.length > 0)
  t.match(a.log.join('\n'), /member b at .* has not answered for 5000 ms/)
  await until('tried again', () => sockets.length > 1)
})

t.test('who has stood still himself gives up nobody', async t => {
  const [a, b] = [await member(t, 'a'), await member(t, 'b')]
  await joinAll([a, b])
  let index = 0
  await until('measured', () => {
    a.send('b', ++index)
    return a.transport.statistics()[0]!.latency.current > 0
  })
  await new Promise(done => setTimeout(done, SAMPLE_MS))
  a.send('b', ++index)
  await new Promise<void>(done => process.nextTick(done)) // It has left, and the answer to its ping is not read yet.
  const untilMs = performance.now() + 400 // 8 s in the time of this test
  while (performance.now() < untilMs);
  await until('arrived', () => b.messages.length === index)
  a.send('b', ++index)
  await until('arrived', () => b.messages.length === index)
  t.same([a.unreachables, b.unreachables], [[], []])
})

t.test('another cluster, another member, one that was removed', async t => {
  const a = await member(t, 'a')
  const foreign = await member(t, 'b', { clusterId: 'c2' })
  a.transport.setPeers(new Map([['b', [foreign.url]]]))
  await until('refused', () => a.log.length > 0)
  t.match(a.log[0], /412.*cluster ID mismatch: member a is of cluster c1, this one of c2/)
  t.match(foreign.log.join('\n'), /refused 127\.0\.0\.1: cluster ID mismatch: member a is of cluster c1.*c2/)

  const other = await member(t, 'd')
  a.transport.setPeers(new Map([['e', [other.url]]]))
  await until('refused', () => a.log.length > 1)
  t.match(a.log[1], /412.*member a looks for member e, this one is d/)

  const starting = await member(t, 'f')
  starting.hasStarted = false
  a.transport.setPeers(new Map([['f', [starting.url]]]))
  await until('refused', () => a.log.some(line => /503.*has not started/.test(line)))
  starting.hasStarted = true
  await until('let in', () => a.transport.activeCount === 1)

  t.equal(a.removals, 0)
  const left = await member(t, 'c')
  left.gone.add('a')
  a.transport.setPeers(new Map([['c', [left.url]]]))
  await until('told', () => a.removals > 0)
  const { length } = left.log
  await until('tried again', () => a.transport.statistics()[0]!.isActive === false && a.log.length > 3)
  t.equal(a.removals, 1)
  t.equal(left.log.length, length, 'said once')
})

t.test('a member is looked for at all its URLs, and found where it has moved', async t => {
  const [a, b] = [await member(t, 'a'), await member(t, 'b')]
  a.transport.setPeers(new Map([['b', ['http://127.0.0.1:1', b.url]]]))
  await until('found', () => a.transport.activeCount === 1)
  const way = await new Way(b.url).listen()
  t.teardown(() => way.close())
  a.transport.setPeers(new Map([['b', [way.url, b.url]]]))
  t.equal(a.transport.activeCount, 1)
  t.same(a.unreachables, [], 'where it is connected is still right')
  a.transport.setPeers(new Map([['b', [way.url]]]))
  await until('lost', () => a.unreachables.length === 1)
  await until('found again', () => a.transport.activeCount === 1)
  a.send('b', 5)
  await until('arrived', () => b.messages.length === 1)
})

t.test('a peer that comes is looked for at once', async t => {
  const [a, b] = [await member(t, 'a'), new TestMember('b', { env: { ...FAST, setTimer: () => () => {} } })]
  t.teardown(() => b.close())
  await b.listen()
  a.hasStarted = false
  b.transport.setPeers(new Map([['a', [a.url]]]))
  await until('refused', () => b.log.some(line => line.includes('503')))
  a.hasStarted = true
  a.transport.setPeers(new Map([['b', [b.url]]]))
  await until('found, though b never tries by itself', () => b.transport.activeCount === 1)
})

t.test('who calls is answered, also where nobody knows of it', async t => {
  const [a, b] = [await member(t, 'a'), await member(t, 'b')]
  const say = (type: MessageType, context: number): void =>
    b.transport.send({ ...newMessage(type, 'a', 'b', 1), context })
  a.transport.setPeers(new Map([['b', [b.url]]]))
  await until('connected', () => a.transport.activeCount === 1)
  a.send('b', 1)
  await until('heard', () => b.messages.length === 1)
  say('append', 1)
  say('heartbeatAnswer', 2)
  await until('answered', () => a.messages.length > 0)
  b.transport.setPeers(new Map([['a', ['http://127.0.0.1:1']]]))
  say('propose', 3)
  say('appendAnswer', 4)
  await until('also where it was believed to be elsewhere', () => a.messages.length > 1)
  t.same(
    a.messages.map(({ type, from, context }) => [type, from, context]),
    [
      ['heartbeatAnswer', 'b', 2],
      ['appendAnswer', 'b', 4],
    ],
    'but nothing else is told to one that is not known',
  )
  b.transport.setPeers(new Map([['a', [a.url]]]))
  await until('found', () => b.transport.activeCount === 1)
  say('append', 5)
  await until('all goes the usual way', () => a.messages.length === 3)
})

t.test('a peer at a unix socket', async t => {
  const [a, b] = [await member(t, 'a'), await member(t, 'b')]
  const folder = await mkdtemp(join(tmpdir(), 'peer-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await b.server.listen({ path: join(folder, 'b') })
  a.transport.setPeers(new Map([['b', [`unix://${folder}/b`]]]))
  await until('connected', () => a.transport.activeCount === 1)
  a.send('b', 1)
  await until('arrived', () => b.messages.length === 1)
})

t.test('who is no peer any more hears the last word and nothing else', async t => {
  const [a, b] = [await member(t, 'a'), await member(t, 'b')]
  await joinAll([a, b])
  a.send('b', 1)
  b.gone.add('a')
  a.transport.setPeers(new Map([['a', [a.url]]]))
  a.send('b', 2)
  await until('the last word', () => b.messages.length === 1)
  t.same(a.transport.statistics(), [])
  await until('b has lost the way to a', () => b.unreachables.length > 0)
  await until('and finds it again, as a was told of no removal', () => b.transport.activeCount === 1)
  t.same(a.unreachables, [])
  t.equal(b.messages.length, 1)
})

t.test('damaged bytes end their connection and nothing else', async t => {
  const [a, b, c] = [await member(t, 'a'), await member(t, 'b'), await member(t, 'c')]
  const way = await new Way(b.url).listen()
  t.teardown(() => way.close())
  a.transport.setPeers(new Map([['b', [way.url]]]))
  c.transport.setPeers(new Map([['b', [b.url]]]))
  await until('connected', () => a.transport.activeCount + c.transport.activeCount === 2)
  let damage = 1
  way.forward = (bytes, to) => {
    if (bytes.length > 100 && damage-- > 0) bytes[90]! ^= 4
    to.write(bytes)
  }
  a.send('b', 1, 200)
  await until('lost', () => a.unreachables.includes('b'))
  t.match(b.log.join('\n'), /stream of member a cannot be read on: a frame was damaged/)
  t.same(b.messages, [])
  await until('connected again', () => a.transport.activeCount === 1)
  a.send('b', 2, 200)
  c.send('b', 3)
  await until('arrived', () => b.messages.length === 2)
  t.same(c.unreachables, [])
})

t.test('a message that is not for us, or of somebody else, ends the connection', async t => {
  const [a, b] = [await member(t, 'a'), await member(t, 'b')]
  a.transport.setPeers(new Map([['b', [b.url]]]))
  await until('connected', () => a.transport.activeCount === 1)
  Object.defineProperty(a, 'id', { value: 'dd' })
  a.send('b', 1)
  await until('lost', () => a.unreachables.length === 1)
  t.match(b.log.join('\n'), /a message from dd to b/)
  t.same(b.messages, [])
})

t.test('after closing nothing is told', async t => {
  const [a, b] = [await member(t, 'a'), await member(t, 'b')]
  await joinAll([a, b])
  a.transport.close()
  a.transport.close()
  a.send('b', 1)
  a.transport.setPeers(new Map([['b', [b.url]]]))
  await until('b is alone', () => b.unreachables.length > 0)
  await until('b is refused', () => b.log.some(line => /503/.test(line)))
  t.same([a.messages, a.unreachables, a.transport.statistics()], [[], [], []])
})

t.test('the difference of clocks', async t => {
  const a = await member(t, 'a')
  const late = new TestMember('b', { env: { ...FAST, wallClock: () => Date.now() + 90_000 } })
  t.teardown(() => late.close())
  await late.listen()
  t.equal(a.transport.clockDifferenceMs('b'), undefined)
  a.transport.setPeers(new Map([['b', [late.url]]]))
  await until('measured', () => Math.abs((a.transport.clockDifferenceMs('b') ?? 0) - 90_000) < 1000)
  const [{ clockAheadMs } = {}] = a.transport.statistics()
  t.ok(
    Math.abs(clockAheadMs! + FAST.now() - Date.now() - 90_000) < 1000,
    'as seen from the clock that never goes back',
  )
  t.match(a.log.join('\n'), /the clock of member b at .* differs by (89|90)\d\d\d ms/)
})
