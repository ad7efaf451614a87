import t from 'tap'
import type { Clock } from '../clock.ts'
import { Troubles } from './troubles.ts'

t.test('a text that failed is tried again later and later, another one at once', t => {
  let now = 0
  const clock: Clock = { now: () => now, sleep: async () => {} }
  const troubles = new Troubles(clock)
  t.ok(troubles.mayTry('u', 'one'))
  const pauses: number[] = []
  for (let attempt = 0; attempt < 8; attempt++) {
    troubles.add('u', `attempt ${attempt}`, 'one')
    t.notOk(troubles.mayTry('u', 'one'))
    pauses.push(troubles.nextMs(1_000_000))
    now += pauses.at(-1)!
    t.ok(troubles.mayTry('u', 'one'))
  }
  t.same(pauses, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
  troubles.add('u', 'again', 'one')
  t.ok(troubles.mayTry('u', 'two'), 'another text has not failed')
  t.same(troubles.entries(), [['u', 'one']], 'and what is told is told of the one that has')
  troubles.add('u', 'it fails too', 'two')
  t.equal(troubles.nextMs(1_000_000), 1_000, 'it begins anew')
  t.equal(troubles.message('u'), 'it fails too')
  troubles.keepOnly(new Set(['other']))
  t.same(troubles.entries(), [])
  t.end()
})
