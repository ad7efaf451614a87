import t from 'tap'
import { NameTable } from '../names.ts'
import { below, seeded } from '../testing/frames.ts'
import { answerDns } from './dns.ts'

const A = 1
const SOA = 6
const PTR = 12
const AAAA = 28
const ANY = 255

const table = new NameTable('orlop.internal', 0xac110801)
table.set('core-01', 0xac110865)

function nameOf(name: string): Buffer {
  const labels = name === '' ? [] : name.split('.')
  return Buffer.concat([
    ...labels.map(label => Buffer.from([label.length, ...Buffer.from(label, 'latin1')])),
    Buffer.from([0]),
  ])
}

function question(name: string, type: number, more: { class?: number; options?: string } = {}): Buffer {
  const head = Buffer.from('123401000001000000000000', 'hex')
  if (more.options !== undefined) head[11] = 1
  const tail = Buffer.alloc(4)
  tail.writeUInt16BE(type, 0)
  tail.writeUInt16BE(more.class ?? 1, 2)
  return Buffer.concat([head, nameOf(name), tail, Buffer.from(more.options ?? '', 'hex')])
}

/** Flags, counts, and what follows the question, as digits. */
function ask(name: string, type: number, more: { class?: number; options?: string } = {}) {
  const query = question(name, type, more)
  const answer = answerDns(query, table)!
  t.equal(answer.readUInt16BE(0), 0x1234)
  const end = 12 + nameOf(name).length + 4
  t.ok(answer.subarray(12, end).equals(query.subarray(12, end)), 'the question as it was asked')
  const counts = [6, 8, 10].map(at => answer.readUInt16BE(at)).join(' ')
  return { flags: answer.readUInt16BE(2).toString(16), counts, rest: answer.subarray(end).toString('hex') }
}

/** The record that says where the zone begins, which stands in the question at `at`. */
function start(at: string): string {
  const data = `c0${at} 0a ${Buffer.from('hostmaster').toString('hex')} c0${at}`
  return `c0${at} 0006 0001 00000005 0023 ${data} 00000001 00000e10 00000258 00015180 00000005`.replaceAll(
    ' ',
    '',
  )
}

t.test('an address, by short name and by long', async t => {
  const rest = 'c00c00010001' + '0000003c' + '0004' + 'ac110865'
  t.same(ask('core-01', A), { flags: '8500', counts: '1 0 0', rest })
  t.same(ask('CORE-01.Orlop.internal', A), { flags: '8500', counts: '1 0 0', rest })
  t.same(ask('core-01.orlop.internal', ANY), { flags: '8500', counts: '1 0 0', rest })
  t.same(ask('core-01', A, { class: 255 }), { flags: '8500', counts: '1 0 0', rest })
})

t.test('a name for an address', async t => {
  const name = nameOf('core-01.orlop.internal').toString('hex')
  const rest = `c00c000c00010000003c0018${name}`
  t.same(ask('101.8.17.172.in-addr.arpa', PTR), { flags: '8500', counts: '1 0 0', rest })
})

t.test('no such name, and no such record, with how long to remember it', async t => {
  t.same(ask('core-09.orlop.internal', A), { flags: '8503', counts: '0 1 0', rest: start('14') })
  t.same(ask('core-01.orlop.internal', AAAA), { flags: '8500', counts: '0 1 0', rest: start('14') })
  t.same(ask('9.8.17.172.in-addr.arpa', PTR), { flags: '8503', counts: '0 1 0', rest: start('0e') })
  t.same(ask('orlop.internal', A), { flags: '8500', counts: '0 1 0', rest: start('0c') })
  t.same(ask('orlop.internal', SOA), { flags: '8500', counts: '1 0 0', rest: start('0c') })
  t.same(ask('core-01', AAAA), { flags: '8500', counts: '0 0 0', rest: '' })
})

t.test('what is not ours is refused', async t => {
  for (const name of ['example.com', 'core-09', '', '1.2.0.10.in-addr.arpa'])
    t.same(ask(name, A), { flags: '8105', counts: '0 0 0', rest: '' }, name)
  t.same(ask('core-01', A, { class: 3 }), { flags: '8105', counts: '0 0 0', rest: '' }, 'class CH')
})

t.test('EDNS', async t => {
  const ours = '00002904d000000000' + '0000'
  const rest = `c00c000100010000003c0004ac110865${ours}`
  t.same(ask('core-01', A, { options: '0000290200000000000000' }), { flags: '8500', counts: '1 0 1', rest })
  const cookie = '000029020000000000000c000a00080102030405060708'
  t.same(ask('core-01', A, { options: cookie }), { flags: '8500', counts: '1 0 1', rest }, 'an option')
  const dnssec = ask('core-01', A, { options: '0000290200000080000000' })
  t.equal(dnssec.rest.slice(-22), '00002904d0000080000000', 'what it wants is repeated')
  const newer = ask('core-01', A, { options: '0000290200000100000000' })
  t.same(newer, { flags: '8100', counts: '0 0 1', rest: '00002904d0010000000000' }, 'another version')
})

t.test('malformed questions are told so', async t => {
  const malformed = '123481010000000000000000'
  const good = question('core-01', A)
  const change = (at: number, value: number) => {
    const bytes = Buffer.from(good)
    bytes[at] = value
    return bytes
  }
  const two = question('core-01', A, { options: '0000290200000000000000'.repeat(2) })
  two[11] = 2
  const cases: Record<string, Buffer> = {
    'no question': change(5, 0),
    'two questions': change(5, 2),
    'an answer': change(7, 1),
    'an authority': change(9, 1),
    'a record that is not there': change(11, 1),
    'bytes behind it': Buffer.concat([good, Buffer.alloc(1)]),
    'a name that points': Buffer.concat([good.subarray(0, 12), Buffer.from('c00c00010001', 'hex')]),
    'a label that is too long': change(12, 64),
    'a name without an end': good.subarray(0, 19),
    'no type': good.subarray(0, 22),
    'options twice': two,
    'options with a name': question('core-01', A, { options: '0161000029020000000000000000' }),
    'a name of 256 bytes': question(`${'a'.repeat(63)}.`.repeat(3) + 'a'.repeat(62), A),
  }
  for (const [what, bytes] of Object.entries(cases))
    t.equal(answerDns(bytes, table)?.toString('hex'), malformed, what)
  const longest = question(`${'a'.repeat(63)}.`.repeat(3) + 'a'.repeat(61), A)
  t.equal(answerDns(longest, table)?.readUInt16BE(2), 0x8105, 'one of 255 bytes is sound')
})

t.test('other operations are not known, and answers are never answered', async t => {
  const update = question('core-01', A)
  update[2] = 0x28
  t.equal(answerDns(update, table)?.toString('hex'), '1234a8040000000000000000')
  const answer = question('core-01', A)
  answer[2] = 0x81
  t.equal(answerDns(answer, table), undefined)
  for (let length = 0; length < 12; length++) t.equal(answerDns(answer.subarray(0, length), table), undefined)
})

t.test('any bytes get an answer that is short, or none', async t => {
  const random = seeded(9)
  const seeds = [
    question('core-01.orlop.internal', A, { options: '000029020000000000000c000a00080102030405060708' }),
    question('101.8.17.172.in-addr.arpa', PTR),
    question('nobody.orlop.internal', AAAA),
  ]
  for (let round = 0; round < 50_000; round++) {
    const bytes = Buffer.from(seeds[round % 3]!)
    for (let change = below(random, 4); change > 0; change--)
      bytes[below(random, bytes.length)] = below(random, 256)
    const answer = answerDns(
      bytes.subarray(0, random() < 0.3 ? below(random, bytes.length) : undefined),
      table,
    )
    if (answer !== undefined && (answer.length > 512 || (answer[2]! & 0x80) === 0))
      t.fail(bytes.toString('hex'))
  }
  t.pass()
})
