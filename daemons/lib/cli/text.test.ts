import t from 'tap'
import { formatDuration, parseDuration } from './duration.ts'
import { columns, describeFlags } from './help.ts'
import { goJson, quote } from './quote.ts'

t.test('durations', t => {
  const good: [string, number][] = [
    ['2s', 2000],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['.5s', 500],
    ['-3ms', -3],
    ['0', 0],
    ['1m0.25s', 60_250],
    ['500us', 0.5],
  ]
  for (const [text, ms] of good) t.equal(parseDuration(text), ms, text)
  for (const text of ['', '3', 's', '1', '2 s', '1d', '--1s', '1s2', '-', '.s'])
    t.equal(parseDuration(text), undefined, text)
  const shown: [number, string][] = [
    [0, '0s'],
    [2000, '2s'],
    [250, '250ms'],
    [90_000, '1m30s'],
    [3_600_000, '1h0m0s'],
    [1500, '1.5s'],
    [-2000, '-2s'],
  ]
  for (const [ms, text] of shown) t.equal(formatDuration(ms), text)
  t.end()
})

t.test('quotes and JSON as Go writes them', t => {
  t.equal(
    quote('a "b" \\ \n\t\x01\u00e9\u2028\u{1F600}\u{E0001}'),
    '"a \\"b\\" \\\\ \\n\\t\\x01é\\u2028😀\\U000e0001"',
  )
  t.equal(goJson({ a: '<b>&\u2028' }), '{"a":"\\u003cb\\u003e\\u0026\\u2028"}')
  t.end()
})

t.test('help', t => {
  t.same(
    columns([
      ['a', 'one'],
      ['long', 'two'],
    ]),
    ['   a     one', '   long  two'],
  )
  t.same(
    describeFlags([
      { names: ['output', 'o'], type: 'string', usage: 'format', default: 'simple' },
      { names: ['ttl'], type: 'int', usage: 'seconds' },
      { names: ['secret'], type: 'bool', usage: '', hidden: true },
      { names: ['r'], type: 'bool', usage: 'all' },
    ]),
    [
      '   --output value, -o value  format (default: "simple")',
      '   --ttl value               seconds (default: 0)',
      '   -r                        all',
    ],
  )
  t.end()
})
