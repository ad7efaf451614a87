import t from 'tap'
import { chooseBoots } from './boots.ts'
import type { Seen } from './examine.ts'

t.test('boots are chosen among all kinds of states, rare ones first', async t => {
  const one = (durable: number, seen: Partial<Seen>) => ({
    cut: { name: String(durable), durable, landed: [] },
    seen: { problems: [], partitionBytes: 8, fileSystemBytes: 8, table: 'primary' as const, ...seen },
  })
  const tried = [
    ...Array.from({ length: 50 }, (_, index) => one(index, {})),
    one(90, { table: 'backup' }),
    one(80, { fileSystemBytes: 4 }),
  ]
  t.same(
    chooseBoots(tried, 3, 1)
      .map(cut => cut.durable)
      .slice(1),
    [80, 90],
  )
  t.equal(chooseBoots(tried, 99, 1).length, tried.length, 'all of them')
  t.same(chooseBoots(tried, 5, 1), chooseBoots(tried, 5, 1))
  t.same(chooseBoots([], 3, 1), [])
})
