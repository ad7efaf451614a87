import t from 'tap'
import { ExportParser } from '../codec/export.ts'
import { JournalEntry } from '../read/entry.ts'
import { Formatter, isOutput, type Output } from './format.ts'
import { toJson } from './json.ts'
import { blob, formatBytes, printable, stripTerminal } from './text.ts'

const PLACE = {
  seqnumId: 'a'.repeat(32),
  seqnum: 26n,
  bootId: 'b'.repeat(32),
  monotonic: 12_345_678n,
  realtime: 1_700_000_000_123_456n,
  xorHash: 255n,
}
const CURSOR = `s=${PLACE.seqnumId};i=1a;b=${PLACE.bootId};m=bc614e;t=60a2418202240;x=ff`

function entry(fields: [string, string | Buffer][], place: Partial<typeof PLACE> = {}): JournalEntry {
  const items = fields.map(([name, value]) => ({ name, value: Buffer.from(value as string) }))
  return new JournalEntry({ ...PLACE, ...place }, items)
}

const show = (output: Output, one: JournalEntry, all = false): string =>
  new Formatter(output, { utc: true, all }).format(one).toString('latin1')

const PLAIN = entry([
  ['_HOSTNAME', 'core-01'],
  ['SYSLOG_IDENTIFIER', 'prog'],
  ['_PID', '12'],
  ['MESSAGE', 'one\ntwo'],
])

t.test('lines of every style', t => {
  const rest = 'core-01 prog[12]: one\n'
  const styles: [Output, string][] = [
    ['short', 'Nov 14 22:13:20'],
    ['short-precise', 'Nov 14 22:13:20.123456'],
    ['short-iso', '2023-11-14T22:13:20+00:00'],
    ['short-iso-precise', '2023-11-14T22:13:20.123456+00:00'],
    ['short-full', 'Tue 2023-11-14 22:13:20 UTC'],
    ['short-unix', '1700000000.123456'],
    ['short-monotonic', '[   12.345678]'],
    ['with-unit', 'Tue 2023-11-14 22:13:20 UTC'],
  ]
  for (const [style, time] of styles) {
    const head = `${time} ${rest}`
    t.equal(show(style, PLAIN), `${head}${' '.repeat(head.length - 4)}two\n`, style)
  }
  t.equal(show('cat', PLAIN), 'one\ntwo\n')
  t.equal(show('cat', entry([['A', 'b']])), '')
  t.equal(show('short', entry([['A', 'b']])), '')
  t.equal(
    show('short', entry([['MESSAGE', Buffer.from([255, 1])]])),
    'Nov 14 22:13:20 unknown: [2B blob data]\n',
  )
  const sent = entry([
    ['MESSAGE', 'x'],
    ['_SOURCE_REALTIME_TIMESTAMP', '1600000000000000'],
  ])
  t.equal(show('short-unix', sent), '1600000000.000000 unknown: x\n', 'when it was sent, not received')
  t.end()
})

t.test('a line tells of another boot', t => {
  const formatter = new Formatter('short', { utc: true })
  formatter.format(PLAIN)
  const other = entry([['MESSAGE', 'x']], { bootId: 'c'.repeat(32) })
  t.match(formatter.format(other).toString(), /^-- Boot c{32} --\nNov 14/)
  t.notMatch(formatter.format(other).toString(), /Boot/)
  t.end()
})

t.test('JSON', t => {
  const one = entry([
    ['_BOOT_ID', PLACE.bootId],
    ['A', 'x'],
    ['B', Buffer.from([0, 200])],
    ['A', 'y\n'],
    ['LONG', 'z'.repeat(4091)],
    ['LESS', 'z'.repeat(4090)],
  ])
  const object = toJson(one)
  t.same(Object.keys(object), [
    '__CURSOR',
    '__REALTIME_TIMESTAMP',
    '__MONOTONIC_TIMESTAMP',
    '__SEQNUM',
    '__SEQNUM_ID',
    '_BOOT_ID',
    'A',
    'B',
    'LONG',
    'LESS',
  ])
  t.match(object, { __CURSOR: CURSOR, __SEQNUM: '26', A: ['x', 'y\n'], B: [0, 200], LONG: null })
  t.equal(object['LESS'], 'z'.repeat(4090))
  t.equal(toJson(one, true)['LONG'], 'z'.repeat(4091))
  for (const output of ['json', 'json-pretty'] as const) t.same(JSON.parse(show(output, one)), object)
  t.match(show('json-sse', one), /^data: \{.*\}\n\n$/)
  t.match(show('json-seq', one), /^\u001e\{.*\}\n$/)
  t.ok(isOutput('json') && !isOutput('xml'))
  t.end()
})

t.test('export gives everything back', t => {
  const fields: [string, string | Buffer][] = [
    ['MESSAGE', 'one\ntwo'],
    ['_BOOT_ID', PLACE.bootId],
    ['B', Buffer.from([0, 200])],
  ]
  const [read] = new ExportParser().push(new Formatter('export').format(entry(fields)))
  t.same(
    read?.map(({ name, value }) => [name, value.toString('latin1')]),
    [
      ['__CURSOR', CURSOR],
      ['__REALTIME_TIMESTAMP', '1700000000123456'],
      ['__MONOTONIC_TIMESTAMP', '12345678'],
      ['__SEQNUM', '26'],
      ['__SEQNUM_ID', PLACE.seqnumId],
      ['_BOOT_ID', PLACE.bootId],
      ['MESSAGE', 'one\ntwo'],
      ['B', '\0\xc8'],
    ],
  )
  t.equal(
    show(
      'verbose',
      entry([
        ['B', Buffer.from([0, 200])],
        ['C', 'd\ne'],
      ]),
    ),
    `Tue 2023-11-14 22:13:20.123456 UTC [${CURSOR}]\n    B=[2B blob data]\n    C=d\n      e\n`,
  )
  t.end()
})

t.test('text', t => {
  t.same([0, 1023, 1024, 1536, 70_000, 1024 ** 2].map(formatBytes), [
    '0B',
    '1023B',
    '1K',
    '1.5K',
    '68.3K',
    '1M',
  ])
  t.equal(blob(Buffer.alloc(3)), '[3B blob data]')
  for (const bad of ['a\u0007', '\u0085', '\ufdd0', '\u{1ffff}', '\r'])
    t.equal(printable(Buffer.from(bad)), undefined)
  t.equal(printable(Buffer.from([0xc0, 0x80])), undefined)
  t.equal(printable(Buffer.from('\tü\n🙂')), '\tü\n🙂')
  t.equal(printable(Buffer.from('\n'), false), undefined)
  const strip = (text: string): string => stripTerminal(Buffer.from(text)).toString()
  t.equal(strip('\u001b[1;31mred\u001b[0m\t.\r\n'), 'red        .\n')
  t.equal(strip('\u001b]8;;x\u0007link\u001b]8;;\u001b\\'), 'link')
  t.equal(strip('\u001b[2K \u001b\t'), '\u001b[2K \u001b\t', 'what moves the cursor is no colour')
  t.end()
})
