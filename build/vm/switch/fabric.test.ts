import t from 'tap'
import { Fabric, type Outcome } from './fabric.ts'
import { Faults, noFaults } from './faults.ts'
import { Forwarding } from './forwarding.ts'
import { BROADCAST, frameOf, macOf, textOf } from './testing/frames.ts'

const [ONE, TWO] = [macOf(1), macOf(2)]

/** A fabric whose ports a, b and c write down what they get. */
function build(outcomes: Record<string, Outcome> = {}) {
  const fabric = new Fabric(new Faults(noFaults(1)), new Forwarding())
  const got: string[] = []
  for (const name of ['a', 'b', 'c'])
    fabric.add(name, frame => {
      got.push(`${name} ${textOf(frame)}`)
      return outcomes[name] ?? 'sent'
    })
  return { fabric, got: () => got.splice(0) }
}

t.test('to all but the sender, then to the one that it is for; counted', async t => {
  const { fabric, got } = build()
  fabric.input('a', frameOf(BROADCAST, ONE, 'hello'), 0)
  t.same(got(), ['b hello', 'c hello'])
  fabric.input('b', frameOf(ONE, TWO, 'you'), 0)
  t.same(got(), ['a you'])
  t.match(fabric.counters('a'), { in: { frames: 1, bytes: 19 }, out: { frames: 1, bytes: 17 } })
  t.match(fabric.counters('b'), { in: { frames: 1, bytes: 17 }, out: { frames: 1, bytes: 19 } })
  t.equal(fabric.counters('nobody'), undefined)
})

t.test('frames that go nowhere are counted where they came from', async t => {
  const { fabric, got } = build()
  fabric.input('a', Buffer.alloc(13), 0)
  fabric.input('a', Buffer.alloc(0), 0)
  fabric.input('a', frameOf(ONE, ONE, 'to myself'), 0)
  t.same(got(), [])
  t.match(fabric.counters('a')?.dropped, { runt: 2, filtered: 1 })
})

t.test('a port that takes nothing counts why, and others get theirs', async t => {
  const { fabric, got } = build({ b: 'full', c: 'down' })
  fabric.input('a', frameOf(BROADCAST, ONE, 'x'), 0)
  t.same(got(), ['b x', 'c x'])
  t.match(fabric.counters('b'), { out: { frames: 0 }, dropped: { full: 1 } })
  t.match(fabric.counters('c'), { out: { frames: 0 }, dropped: { down: 1 } })
})

t.test('a cut of one way', async t => {
  const { fabric, got } = build()
  fabric.faults.cut('a', 'b')
  fabric.input('a', frameOf(BROADCAST, ONE, 'x'), 0)
  fabric.input('b', frameOf(ONE, TWO, 'y'), 0)
  t.same(got(), ['c x', 'a y'])
  t.equal(fabric.counters('b')?.dropped.cut, 1)
})

t.test('slow frames arrive in order, also when the link has become fast', async t => {
  const { fabric, got } = build()
  fabric.faults.link({ from: 'a', to: 'b', delayMs: 10, jitterMs: 0, dropRatio: 0 })
  fabric.input('a', frameOf(BROADCAST, ONE, '1'), 0)
  t.same(got(), ['c 1'], 'others do not wait')
  fabric.faults.heal()
  fabric.input('a', frameOf(BROADCAST, ONE, '2'), 5)
  t.same(got(), ['c 2'])
  t.equal(fabric.nextMs, 10)
  fabric.advance(9)
  t.same(got(), [])
  fabric.advance(10)
  t.same(got(), ['b 1', 'b 2'])
  t.equal(fabric.nextMs, undefined)
  fabric.input('a', frameOf(BROADCAST, ONE, '3'), 11)
  t.same(got(), ['b 3', 'c 3'])
})

t.test('what is on its way over a link that is cut is lost', async t => {
  const { fabric, got } = build()
  fabric.faults.link({ from: 'a', to: 'b', delayMs: 10, jitterMs: 0, dropRatio: 0 })
  fabric.input('a', frameOf(BROADCAST, ONE, 'x'), 0)
  fabric.faults.cut('a', 'b')
  got()
  fabric.advance(20)
  t.same(got(), [])
  t.equal(fabric.counters('b')?.dropped.cut, 1)
})

t.test('too much on its way, and chance', async t => {
  const { fabric } = build()
  fabric.faults.link({ from: 'a', to: 'b', delayMs: 10, jitterMs: 0, dropRatio: 0 })
  for (let frame = 0; frame < 5000; frame++) fabric.input('a', frameOf(BROADCAST, ONE, ''), 0)
  t.equal(fabric.counters('b')?.dropped.held, 5000 - 4096)
  fabric.faults.link({ from: 'a', to: 'c', delayMs: 0, jitterMs: 0, dropRatio: 1 })
  fabric.input('a', frameOf(BROADCAST, ONE, ''), 0)
  t.equal(fabric.counters('c')?.dropped.lost, 1)
})

t.test('an unplugged machine is looked for everywhere, and a removed port is gone', async t => {
  const { fabric, got } = build()
  fabric.input('b', frameOf(BROADCAST, TWO, ''), 0)
  got()
  fabric.unplug('b')
  fabric.input('a', frameOf(TWO, ONE, 'x'), 0)
  t.same(got(), ['b x', 'c x'])
  fabric.faults.link({ from: 'a', to: 'b', delayMs: 10, jitterMs: 0, dropRatio: 0 })
  fabric.input('a', frameOf(TWO, ONE, 'slow'), 0)
  got()
  fabric.remove('b')
  t.equal(fabric.has('b'), false)
  t.same(fabric.faults.state().links, [])
  fabric.advance(20)
  fabric.input('a', frameOf(TWO, ONE, 'y'), 20)
  t.same(got(), ['c y'])
  t.throws(() => fabric.input('b', frameOf(TWO, ONE, ''), 0), { message: 'there is no port b' })
  t.throws(() => fabric.add('a', () => 'sent'), { message: 'the port a is there' })
})

t.test('a port may answer while it is given a frame', async t => {
  const { fabric, got } = build()
  fabric.add('host', frame => {
    if (textOf(frame) === 'ping') fabric.input('host', frameOf(ONE, macOf(9), 'pong'), 0)
    return 'sent'
  })
  fabric.input('a', frameOf(BROADCAST, ONE, 'ping'), 0)
  t.same(got(), ['b ping', 'c ping', 'a pong'])
})
