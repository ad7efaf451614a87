// Snapshots handed from member to member, while messages go on, and cut, damaged and refused on their way.

import { createHash } from 'node:crypto'
import t, { type Test } from 'tap'
import type { SnapshotSink } from '../../member/network.ts'
import { type Message, newMessage } from '../../raft/message.ts'
import { FAST, TestMember, until, Way, worldAt } from '../testing/member.ts'

const META = { term: 2, index: 7, configuration: { voters: ['a', 'b'], learners: ['c'] } }

async function pair(t: Test, env = FAST): Promise<{ a: TestMember; b: TestMember; way: Way }> {
  const a = await new TestMember('a', { env }).listen()
  const b = await new TestMember('b', { env }).listen()
  const way = await new Way(b.url).listen()
  t.teardown(async () => {
    way.close()
    await a.close()
    await b.close()
  })
  a.transport.setPeers(new Map([['b', [way.url]]]))
  await until('connected', () => a.transport.activeCount === 1)
  return { a, b, way }
}

function snapshotMessage(): Message {
  const message = newMessage('snapshot', 'b', 'a', 2)
  message.snapshot = { meta: META, data: new Uint8Array(0) }
  return message
}

function* chunksOf(count: number, bytes: number): Generator<Uint8Array> {
  for (let at = 0; at < count; at++) yield Buffer.alloc(bytes, at + 1)
}

function hashOf(chunks: Iterable<Uint8Array>): string {
  const hash = createHash('sha256')
  for (const chunk of chunks) hash.update(chunk)
  return hash.digest('hex')
}

/** Takes all, and notes what it is told. */
class TestSink implements SnapshotSink {
  readonly hash = createHash('sha256')
  bytes = 0
  ends: string[] = []
  onDone: (answer: (accepted: boolean) => void) => void = answer => setImmediate(answer, true)

  chunk(data: Uint8Array): void {
    this.hash.update(data)
    this.bytes += data.length
  }

  done(answer: (accepted: boolean) => void): void {
    this.ends.push('done')
    this.onDone(answer)
  }

  failed(): void {
    this.ends.push('failed')
  }
}

t.test('fifty megabytes, while messages go on', async t => {
  const { a, b } = await pair(t, worldAt(1))
  const sink = new TestSink()
  let offered: Message | undefined
  b.onOffer = message => {
    offered = message
    return sink
  }
  let delivered: boolean | undefined
  a.transport.sendSnapshot(snapshotMessage(), chunksOf(20, 2_500_000), told => (delivered = told))
  a.transport.sendSnapshot(snapshotMessage(), chunksOf(1, 1), told => t.equal(told, false, 'one at a time'))
  let during = 0
  while (delivered === undefined) {
    a.send('b', ++during)
    await until('the message', () => b.messages.length === during)
  }
  t.equal(delivered, true)
  t.same(offered?.snapshot?.meta, META)
  t.equal(offered?.term, 2)
  t.same(sink.ends, ['done'])
  t.equal(sink.bytes, 50_000_000)
  t.equal(sink.hash.digest('hex'), hashOf(chunksOf(20, 2_500_000)))
  t.ok(during > 10, `${during} messages arrived meanwhile`)
  t.same(a.unreachables, [])
})

t.test('an empty one, and one that the receiver does not accept', async t => {
  const { a, b } = await pair(t)
  const answers: boolean[] = []
  const sinks: TestSink[] = []
  b.onOffer = () => {
    const sink = new TestSink()
    if (sinks.length > 0) sink.onDone = answer => setImmediate(answer, false)
    sinks.push(sink)
    return sink
  }
  for (let count = 1; count <= 2; count++) {
    a.transport.sendSnapshot(snapshotMessage(), chunksOf(0, 0), told => answers.push(told))
    t.equal(answers.length, count - 1, 'not within the call')
    await until('answered', () => answers.length === count)
  }
  t.same(answers, [true, false])
  t.same(
    sinks.map(({ ends, bytes }) => [ends, bytes]),
    [
      [['done'], 0],
      [['done'], 0],
    ],
  )
})

t.test('one that is not wanted, and nobody to send one to', async t => {
  const { a } = await pair(t)
  const answers: boolean[] = []
  const chunks = chunksOf(100, 1_000_000)
  a.transport.sendSnapshot(snapshotMessage(), chunks, told => answers.push(told))
  await until('answered', () => answers.length === 1)
  t.ok(chunks.next().done, 'no more is asked for')
  const message = snapshotMessage()
  message.to = 'dd'
  a.transport.sendSnapshot(message, chunksOf(1, 1), told => answers.push(told))
  await until('answered', () => answers.length === 2)
  t.same(answers, [false, false])
})

t.test('half of one is none', async t => {
  const { a, b, way } = await pair(t)
  const sink = new TestSink()
  b.onOffer = () => sink
  let delivered: boolean | undefined
  a.transport.sendSnapshot(snapshotMessage(), chunksOf(1000, 100_000), told => (delivered = told))
  await until('some of it', () => sink.bytes > 1_000_000)
  way.cut()
  await until('both know', () => delivered !== undefined && sink.ends.length > 0)
  t.equal(delivered, false)
  t.same(sink.ends, ['failed'])
  // The way is free for another one.
  const next = new TestSink()
  b.onOffer = () => next
  delivered = undefined
  a.transport.sendSnapshot(snapshotMessage(), chunksOf(2, 10), told => (delivered = told))
  await until('delivered', () => delivered === true)
  t.same([next.ends, next.bytes], [['done'], 20])
})

t.test('a damaged one is none', async t => {
  const { a, b, way } = await pair(t)
  const sink = new TestSink()
  b.onOffer = () => sink
  way.forward = (bytes, to) => {
    if (bytes.length > 10_000) bytes[5000]! ^= 1
    to.write(bytes)
  }
  let delivered: boolean | undefined
  a.transport.sendSnapshot(snapshotMessage(), chunksOf(3, 100_000), told => (delivered = told))
  await until('both know', () => delivered !== undefined && sink.ends.length > 0)
  t.equal(delivered, false)
  t.same(sink.ends, ['failed'])
  t.match(b.log.join('\n'), /snapshot of member a has not arrived: a frame was damaged/)
})

t.test('leaving while one is on its way', async t => {
  const { a, b } = await pair(t)
  const sink = new TestSink()
  b.onOffer = () => sink
  const answers: boolean[] = []
  a.transport.sendSnapshot(snapshotMessage(), chunksOf(1000, 100_000), told => answers.push(told))
  await until('some of it', () => sink.bytes > 0)
  a.transport.setPeers(new Map())
  t.same(answers, [])
  await until('both know', () => answers.length > 0 && sink.ends.length > 0)
  t.same(answers, [false])
  t.same(sink.ends, ['failed'])
})
