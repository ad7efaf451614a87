import t from 'tap'
import { Lines } from './lines.ts'

t.test('what is said of works beside one another comes in their order', async t => {
  const heard: string[] = []
  const lines = new Lines({ out: text => void heard.push(text), err: text => void heard.push(`! ${text}`) })
  const [first, second, third, fourth] = [0, 1, 2, 3].map(number => lines.of(number))
  second!.err('b')
  second!.out('c')
  lines.done(1)
  t.same(heard, [], 'the first one is under way')
  first!.out('a')
  lines.done(0)
  t.same(heard, ['a', '! b', 'c'])
  third!.out('never done')
  fourth!.out('d')
  lines.done(3)
  t.same(heard.splice(0), ['a', '! b', 'c'])
  lines.end()
  t.same(heard, ['d'])
  lines.end()
  t.same(heard, ['d'], 'once')
})
