import t from 'tap'
import { Heap } from './heap.ts'
import { Random } from './random.ts'
import { type Owner, Schedule } from './schedule.ts'

t.test('the heap gives out by time, then by sequence', t => {
  const random = new Random(7)
  const heap = new Heap<{ time: number; sequence: number }>()
  const items = Array.from({ length: 2000 }, (_, sequence) => ({ time: random.below(50), sequence }))
  for (const item of random.shuffle(items)) heap.push(item)
  const sorted = items.toSorted((a, b) => a.time - b.time || a.sequence - b.sequence)
  t.same(
    items.map(() => heap.pop()),
    sorted,
  )
  t.equal(heap.pop(), undefined)
  t.equal(heap.size, 0)
  t.end()
})

t.test('a stream repeats by its name and seed, and owes nothing to the others', t => {
  const draw = (random: Random) => Array.from({ length: 20 }, () => random.bits())
  const one = new Random(1)
  const before = draw(one.stream('disk'))
  draw(one)
  t.same(draw(one.stream('disk')), before)
  t.notSame(draw(one.stream('network')), before)
  t.notSame(draw(new Random(2).stream('disk')), before)
  t.notSame(draw(new Random(2 ** 40 + 1).stream('disk')), before, 'the upper bits of a seed count')
  for (const seed of [-1, 0.5, Number.NaN, 2 ** 53]) t.throws(() => new Random(seed), RangeError)
  t.throws(() => one.pick([]), RangeError)
  t.end()
})

t.test('numbers are spread evenly', t => {
  const random = new Random(3)
  const counts = new Array(10).fill(0)
  let sum = 0
  for (let at = 0; at < 20_000; at++) {
    counts[random.below(10)] += 1
    sum += random.exponential(5)
  }
  for (const count of counts) t.ok(count > 1800 && count < 2200, `${count} of 2000`)
  t.ok(Math.abs(sum / 20_000 - 5) < 0.2, `mean ${sum / 20_000}`)
  t.end()
})

t.test('events happen in order; those of the paused wait, those of the ended never happen', t => {
  const schedule = new Schedule()
  const happened: string[] = []
  const owner = (number: number): Owner => ({ number, paused: false, ended: false })
  const [a, b] = [owner(1), owner(2)]
  const plan = (delayUs: number, who: Owner | undefined, name: string) =>
    schedule.after(delayUs, who, name, () => happened.push(name))
  plan(20, a, 'a1')
  plan(20, b, 'b1')
  plan(10, undefined, 'world')
  plan(30, a, 'a2')
  plan(15, b, 'called off').cancelled = true
  a.paused = true
  schedule.runUntil(100)
  t.same(happened, ['world', 'b1'])
  schedule.resume(a)
  schedule.runUntil(100)
  t.same(happened, ['world', 'b1', 'a1', 'a2'])
  plan(1, b, 'b2')
  schedule.end(b)
  schedule.runUntil(200)
  t.equal(happened.length, 4)
  t.equal(schedule.nowUs, 200)
  t.throws(() => plan(-1, a, 'past'), RangeError)
  t.throws(() => plan(Number.NaN, a, 'never'), RangeError)
  t.end()
})
