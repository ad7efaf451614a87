import t from 'tap'
import { partsOf } from './creation.ts'

t.test('units that are created beside one another do not need one another', async t => {
  t.same(partsOf([]), [])
  t.same(partsOf(['a.service', 'b', 'c@1.service']), [['a.service', 'b', 'c@1.service']])
  t.same(
    partsOf(['a@1.service', 'a@.service', 'a@2.service', 'a@3.service']),
    [['a@1.service'], ['a@.service'], ['a@2.service', 'a@3.service']],
    'a template is there before its instances that are named after it',
  )
  t.same(
    partsOf(['a', 'b', 'x/a.service', 'c']),
    [
      ['a', 'b'],
      ['x/a.service', 'c'],
    ],
    'twice is one after the other',
  )
})
