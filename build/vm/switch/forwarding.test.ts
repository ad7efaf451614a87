import t from 'tap'
import { formatMac } from './address.ts'
import { AGE_MAX_MS, Forwarding } from './forwarding.ts'
import { BROADCAST, frameOf, macOf } from './testing/frames.ts'

const [ONE, TWO, THREE] = [macOf(1), macOf(2), macOf(3)]

t.test('unknown receivers, groups and all are flooded; a known one gets what is for it', async t => {
  const forwarding = new Forwarding()
  t.equal(forwarding.route(frameOf(TWO, ONE, ''), 'a', 0), 'flood')
  t.same(forwarding.route(frameOf(ONE, TWO, ''), 'b', 0), { to: 'a' })
  t.same(forwarding.route(frameOf(TWO, ONE, ''), 'a', 0), { to: 'b' })
  t.equal(forwarding.route(frameOf(BROADCAST, ONE, ''), 'a', 0), 'flood')
  t.equal(forwarding.route(frameOf(0x01005e0000fb, ONE, ''), 'a', 0), 'flood', 'multicast')
  t.same(
    forwarding.entries(5).map(({ mac, port, ageMs }) => [formatMac(mac), port, ageMs]),
    [
      ['02:00:00:00:00:01', 'a', 5],
      ['02:00:00:00:00:02', 'b', 5],
    ],
  )
})

t.test('never back to the port that it came by', async t => {
  const forwarding = new Forwarding()
  forwarding.route(frameOf(BROADCAST, ONE, ''), 'a', 0)
  forwarding.route(frameOf(BROADCAST, TWO, ''), 'a', 0)
  t.equal(forwarding.route(frameOf(TWO, ONE, ''), 'a', 0), 'none')
  t.equal(forwarding.route(frameOf(ONE, ONE, ''), 'a', 0), 'none')
})

t.test('frames between neighbours on a cable are not passed on', async t => {
  const forwarding = new Forwarding()
  t.equal(forwarding.route(frameOf(0x0180c200000e, ONE, ''), 'a', 0), 'none', 'LLDP')
  t.equal(forwarding.route(frameOf(0x0180c2000000, ONE, ''), 'a', 0), 'none', 'spanning tree')
  t.equal(forwarding.route(frameOf(0x0180c2000010, ONE, ''), 'a', 0), 'flood', 'the first beyond')
})

t.test('a group is not learnt as a sender', async t => {
  const forwarding = new Forwarding()
  forwarding.route(frameOf(ONE, 0x010000000009, ''), 'b', 0)
  forwarding.route(frameOf(ONE, BROADCAST, ''), 'b', 0)
  t.same(forwarding.entries(0), [])
})

t.test('a machine that moves is found where it was seen last', async t => {
  const forwarding = new Forwarding()
  forwarding.route(frameOf(BROADCAST, ONE, ''), 'a', 0)
  const before = forwarding.route(frameOf(ONE, TWO, ''), 'c', 0)
  forwarding.route(frameOf(BROADCAST, ONE, ''), 'b', 1)
  t.same(before, { to: 'a' }, 'a route that was given out stays')
  t.same(forwarding.route(frameOf(ONE, TWO, ''), 'c', 1), { to: 'b' })
  forwarding.forget('b')
  t.equal(forwarding.route(frameOf(ONE, TWO, ''), 'c', 1), 'flood', 'unplugged')
  t.same(forwarding.route(frameOf(TWO, THREE, ''), 'd', 1), { to: 'c' }, 'others are known')
})

t.test('silence is forgotten, a sign of life is not', async t => {
  const forwarding = new Forwarding()
  forwarding.route(frameOf(BROADCAST, ONE, ''), 'a', 0)
  t.same(forwarding.route(frameOf(ONE, TWO, ''), 'b', AGE_MAX_MS), { to: 'a' })
  t.equal(forwarding.route(frameOf(ONE, TWO, ''), 'b', AGE_MAX_MS + 1), 'flood')
  t.same(
    forwarding.entries(AGE_MAX_MS + 1).map(({ mac }) => mac),
    [TWO],
  )
  forwarding.route(frameOf(BROADCAST, ONE, ''), 'a', AGE_MAX_MS + 2)
  t.same(forwarding.route(frameOf(ONE, TWO, ''), 'b', 2 * AGE_MAX_MS), { to: 'a' })
})

t.test('a full table learns nobody until somebody is too old', async t => {
  const forwarding = new Forwarding({ entriesMax: 3, ageMaxMs: 10_000 })
  for (let number = 1; number <= 10; number++)
    forwarding.route(frameOf(BROADCAST, macOf(number), ''), 'a', number)
  t.same(
    forwarding.entries(10).map(({ mac }) => mac),
    [1, 2, 3].map(macOf),
  )
  forwarding.route(frameOf(BROADCAST, macOf(3), ''), 'a', 9000)
  forwarding.route(frameOf(BROADCAST, macOf(11), ''), 'b', 10_003)
  t.same(
    forwarding.entries(10_003).map(({ mac }) => mac),
    [3, 11].map(macOf),
  )
})
