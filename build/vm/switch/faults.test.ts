import t from 'tap'
import { type FaultState, Faults, noFaults } from './faults.ts'

const PORTS = ['a', 'b', 'c']

/** Which ways pass, as `ab`. */
function open(faults: Faults): string {
  const ways = PORTS.flatMap(from => PORTS.filter(to => to !== from).map(to => [from, to] as const))
  return ways
    .filter(([from, to]) => faults.judge(from, to) !== 'cut')
    .map(([from, to]) => from + to)
    .join(' ')
}

function link(from: string, to: string, rule: { delayMs?: number; jitterMs?: number; dropRatio?: number }) {
  return { from, to, delayMs: 0, jitterMs: 0, dropRatio: 0, ...rule }
}

t.test('without rules all passes', async t => {
  const faults = new Faults(noFaults(1))
  t.equal(open(faults), 'ab ac ba bc ca cb')
  t.equal(faults.judge('a', 'b'), 'pass')
})

t.test('groups do not reach each other; who is in none reaches all', async t => {
  const faults = new Faults(noFaults(1))
  faults.partition([['a'], ['b', 'c']])
  t.equal(open(faults), 'bc cb')
  faults.partition([['a'], ['b']])
  t.equal(open(faults), 'ac bc ca cb', 'in place of the groups before')
  faults.heal()
  t.equal(open(faults), 'ab ac ba bc ca cb')
})

t.test('a cut is for one way', async t => {
  const faults = new Faults(noFaults(1))
  faults.cut('a', 'b')
  faults.cut('a', 'b')
  t.equal(open(faults), 'ac ba bc ca cb')
  t.equal(faults.isCut('a', 'b'), true)
  t.equal(faults.isCut('b', 'a'), false)
  t.equal(faults.state().cuts.length, 1, 'the same cut is one')
  faults.partition([['a', 'b'], ['c']])
  t.equal(open(faults), 'ba', 'with a partition')
})

t.test('isolation: what it sends, what it gets, or both', async t => {
  const faults = new Faults(noFaults(1))
  faults.isolate('a', 'out')
  t.equal(open(faults), 'ba bc ca cb')
  faults.isolate('a', 'in')
  t.equal(open(faults), 'ab ac bc cb')
  faults.isolate('a', 'both')
  t.equal(open(faults), 'bc cb')
  t.equal(faults.judge('a', 'later'), 'cut', 'also from ports that come later')
})

t.test('delay and jitter', async t => {
  const faults = new Faults(noFaults(1))
  faults.link(link('a', 'b', { delayMs: 20 }))
  t.equal(faults.judge('a', 'b'), 20)
  t.equal(faults.judge('b', 'a'), 'pass')
  faults.link(link('a', 'b', { delayMs: 20, jitterMs: 5 }))
  const delays = Array.from({ length: 1000 }, () => Number(faults.judge('a', 'b')))
  t.ok(delays.every(delay => delay >= 15 && delay <= 25))
  t.ok(Math.min(...delays) < 15.5 && Math.max(...delays) > 24.5, 'it uses its range')
  faults.link(link('a', 'b', { delayMs: 1, jitterMs: 5 }))
  t.ok(Array.from({ length: 100 }, () => Number(faults.judge('a', 'b'))).every(delay => delay >= 0))
  faults.link(link('a', 'b', {}))
  t.same(faults.state(), { ...noFaults(1), random: faults.state().random }, 'a rule without faults is none')
})

t.test('loss has its ratio, and the same seed loses the same frames', async t => {
  const fates = (seed: number, ratio: number) => {
    const faults = new Faults(noFaults(seed))
    faults.link(link('a', 'b', { dropRatio: ratio }))
    return Array.from({ length: 10_000 }, () => faults.judge('a', 'b'))
  }
  const lost = fates(7, 0.2).filter(fate => fate === 'lost').length
  t.ok(lost > 1850 && lost < 2150, `${lost} of 10000`)
  t.same(fates(7, 0.2), fates(7, 0.2))
  t.not(fates(7, 0.2).join(), fates(8, 0.2).join())
  t.ok(
    fates(1, 1).every(fate => fate === 'lost'),
    'all',
  )
})

t.test('the state goes through JSON, with where chance stands', async t => {
  const faults = new Faults(noFaults(3))
  faults.partition([['a'], ['c']])
  faults.isolate('d', 'in')
  faults.cut('b', 'a')
  faults.link(link('a', 'b', { delayMs: 2, jitterMs: 1, dropRatio: 0.5 }))
  for (let frame = 0; frame < 10; frame++) faults.judge('a', 'b')
  const again = new Faults(JSON.parse(JSON.stringify(faults.state())) as FaultState)
  t.same(again.state(), faults.state())
  t.equal(open(again), 'ab bc cb')
  t.equal(open(faults), 'ab bc cb')
  for (let frame = 0; frame < 100; frame++) t.equal(faults.judge('a', 'b'), again.judge('a', 'b'))
})

t.test('what was given away, or given in, changes nothing', async t => {
  const state = noFaults(1)
  const faults = new Faults(state)
  state.cuts.push({ from: 'a', to: 'b' })
  faults.state().cuts.push({ from: 'a', to: 'b' })
  t.equal(faults.judge('a', 'b'), 'pass')
})

t.test('a port that is gone takes its rules with it', async t => {
  const faults = new Faults(noFaults(1))
  faults.partition([['a'], ['b', 'c']])
  faults.isolate('a', 'both')
  faults.cut('b', 'a')
  faults.cut('b', 'c')
  faults.link(link('a', 'c', { delayMs: 1 }))
  faults.forget('a')
  t.equal(open(faults), 'ab ac ba ca cb')
  t.same(faults.state(), { ...noFaults(1), groups: [['b', 'c']], cuts: [{ from: 'b', to: 'c' }] })
})
