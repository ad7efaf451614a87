import t from 'tap'
import { InvariantError } from './assert.ts'
import { Inflights } from './inflights.ts'
import { Progress } from './progress.ts'
import { randomFrom } from './script/random.ts'
import { DEFAULTS } from './settings.ts'

t.test('the window agrees with a list', t => {
  const seed = 3
  const random = randomFrom(seed)
  const window = new Inflights(4, 100)
  let list: { last: number; bytes: number }[] = []
  for (let round = 0, last = 0; round < 5000; round++) {
    const bytes = list.reduce((sum, message) => sum + message.bytes, 0)
    if (window.full !== (list.length === 4 || bytes >= 100) || window.count !== list.length)
      t.fail(`seed ${seed}`)
    if (random() < 0.6 && !window.full) {
      last += 1 + Math.floor(random() * 3)
      const message = { last, bytes: Math.floor(random() * 60) }
      window.add(message.last, message.bytes)
      list.push(message)
    } else if (random() < 0.02) {
      window.clear()
      list = []
    } else {
      const index = last - Math.floor(random() * 8)
      window.freeTo(index)
      list = list.filter(message => message.last > index)
    }
  }
  t.throws(() => {
    for (;;) window.add(1, 1)
  }, InvariantError)
  t.end()
})

function progressAt(next: number): Progress {
  return new Progress('2', true, next, DEFAULTS)
}

t.test('a probe goes back to where the logs may agree, never behind what is known', t => {
  const progress = progressAt(10)
  t.notOk(progress.refused(7, 3), 'an answer about another place')
  t.ok(progress.refused(9, 3))
  t.equal(progress.next, 4)
  t.ok(progress.refused(3, 9), 'a hint beyond the refused place is none')
  t.equal(progress.next, 3)
  t.ok(progress.acknowledged(5))
  t.same([progress.match, progress.next], [5, 6])
  t.notOk(progress.acknowledged(4), 'old')
  t.ok(progress.refused(5, 1))
  t.equal(progress.next, 6)
  t.end()
})

t.test('what is under way is sent on from, and a refusal starts over', t => {
  const progress = progressAt(5)
  progress.acknowledged(4)
  progress.becomeReplicate()
  progress.sent(7, 100)
  progress.sent(9, 100)
  t.same([progress.next, progress.inflights.count], [10, 2])
  progress.acknowledged(7)
  t.equal(progress.inflights.count, 1)
  t.notOk(progress.refused(7, 7), 'it has that by now')
  t.ok(progress.refused(9, 7))
  t.same([progress.state, progress.next, progress.inflights.count], ['probe', 8, 0])
  t.end()
})

t.test('after a snapshot it goes on behind it', t => {
  const progress = progressAt(5)
  progress.becomeSnapshot(20)
  t.ok(progress.paused)
  t.notOk(progress.refused(4, 2))
  t.throws(() => progress.sent(21, 1), InvariantError)
  progress.becomeProbe()
  t.same([progress.state, progress.next, progress.snapshotIndex], ['probe', 21, 0])
  t.end()
})
