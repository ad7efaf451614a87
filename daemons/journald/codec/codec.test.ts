import t from 'tap'
import { formatCursor, parseCursor } from './cursor.ts'
import { JournalError } from './errors.ts'
import { ExportParser, serializeFields } from './export.ts'
import { HEADER_BYTES, HEADER_BYTES_MIN, parseHeader } from './header.ts'
import { jenkinsHash } from './jenkins.ts'
import { decodeLz4 } from './lz4.ts'
import { parseDataHead, parseEntry, parseField, parseTag } from './object.ts'
import { sipHash24 } from './siphash.ts'

t.test('hashes of their authors', t => {
  const key = Buffer.from(Array.from({ length: 16 }, (_, index) => index))
  t.equal(sipHash24(Buffer.from(key.subarray(0, 15)), key), 0xa129ca6149be45e5n)
  t.equal(sipHash24(Buffer.alloc(0), key), 0x726fdb47dd0e0e31n)
  t.equal(jenkinsHash(Buffer.from('Four score and seven years ago')), 0x17770551ce7226e6n)
  t.equal(jenkinsHash(Buffer.alloc(0)), 0xdeadbeefdeadbeefn)
  t.end()
})

t.test('blocks of LZ4', t => {
  // Literals, a match that repeats what it writes, and long lengths.
  t.equal(decodeLz4(Buffer.from([0x30, 0x61, 0x62, 0x63]), 3).toString(), 'abc')
  t.equal(decodeLz4(Buffer.from([0x1a, 0x61, 1, 0, 0x10, 0x62]), 16).toString(), `${'a'.repeat(15)}b`)
  t.equal(decodeLz4(Buffer.from([0x2f, 0x61, 0x62, 2, 0, 255, 6, 0]), 282).toString(), 'ab'.repeat(141))
  const broken = [
    { block: [0x30, 0x61], size: 3, why: 'literals that are not there' },
    { block: [0x10, 0x61], size: 2, why: 'shorter than it says' },
    { block: [0x30, 0x61, 0x62, 0x63], size: 2, why: 'longer than it says' },
    { block: [0x10, 0x61, 0, 0, 0], size: 9, why: 'a match of itself' },
    { block: [0x10, 0x61, 2, 0, 0], size: 9, why: 'a match before the beginning' },
    { block: [0x1f, 0x61, 1, 0, 255, 255, 255, 0, 0], size: 9, why: 'a match beyond the end' },
    { block: [0xf0, 255, 255], size: 9, why: 'a length without end' },
    { block: [], size: 0, why: 'nothing' },
  ]
  for (const { block, size, why } of broken)
    t.throws(() => decodeLz4(Buffer.from(block), size), { code: 'corrupt' }, why)
  t.end()
})

t.test('cursors, also those of others', t => {
  const at = {
    seqnumId: 'a'.repeat(32),
    seqnum: 0x1fn,
    bootId: 'b'.repeat(32),
    monotonic: 0n,
    realtime: 2n ** 63n,
    xorHash: 0xffffffffffffffffn,
  }
  const text = `s=${at.seqnumId};i=1f;b=${at.bootId};m=0;t=8000000000000000;x=ffffffffffffffff`
  t.equal(formatCursor(at), text)
  t.same(parseCursor(text), at)
  t.same(parseCursor('t=10;q=anything'), { realtime: 16n }, 'an unknown part is passed over')
  t.same(parseCursor(`m=1;b=${at.bootId}`), { bootId: at.bootId, monotonic: 1n })
  for (const none of [
    '',
    'x=1',
    'i=1',
    `s=${at.seqnumId}`,
    't=xyz',
    't=',
    't',
    's=abc;t=1',
    `${text};`,
    't=11112222333344445',
  ])
    t.equal(parseCursor(none), undefined, JSON.stringify(none))
  t.end()
})

t.test('the export format, in pieces of any size', t => {
  const fields = [
    { name: 'MESSAGE', value: 'plain = text' },
    { name: 'LINES', value: Buffer.from('one\ntwo\n') },
    { name: 'EMPTY', value: '' },
    { name: 'BYTES', value: Buffer.from([0, 255, 10, 61]) },
  ]
  const bytes = serializeFields(fields)
  t.equal(
    bytes.toString('latin1'),
    'MESSAGE=plain = text\nLINES\n\x08\0\0\0\0\0\0\0one\ntwo\n\nEMPTY=\nBYTES\n\x04\0\0\0\0\0\0\0\0\xff\n=\n',
  )
  const stream = Buffer.concat([
    bytes,
    Buffer.from('\n'),
    serializeFields(fields.slice(0, 1)),
    Buffer.from('\n\n'),
  ])
  for (const size of [1, 3, 7, 1000]) {
    const parser = new ExportParser()
    const entries = []
    for (let at = 0; at < stream.length; at += size)
      entries.push(...parser.push(stream.subarray(at, at + size)))
    t.same(
      entries.map(entry => entry.map(({ name, value }) => [name, value.toString('latin1')])),
      [fields, fields.slice(0, 1)].map(entry =>
        entry.map(({ name, value }) => [name, Buffer.from(value).toString('latin1')]),
      ),
    )
    t.ok(parser.isComplete)
  }
  t.throws(() => new ExportParser().push(Buffer.from('=x\n')), JournalError)
  t.throws(() => new ExportParser().push(Buffer.from('A\n\xff\xff\xff\xff\xff\xff\xff\xff', 'latin1')), {
    code: 'too-large',
  })
  t.throws(
    () => new ExportParser().push(Buffer.from('A\n\x01\0\0\0\0\0\0\0ab')),
    /does not end where it says/,
  )
  t.end()
})

t.test('headers of every age', t => {
  const bytes = header()
  const whole = parseHeader(bytes)
  t.match(whole, {
    state: 'archived',
    isKeyed: true,
    isCompact: true,
    isSealed: true,
    tailEntryOffset: 500,
    fields: 2,
  })
  t.equal(whole.fileId, '01'.repeat(16))
  const sizes = [
    [HEADER_BYTES_MIN, 'data'],
    [224, 'tags'],
    [240, 'dataChainDepth'],
    [256, 'tailEntryArrayOffset'],
    [264, 'tailEntryOffset'],
  ] as const
  for (const [size, missing] of sizes) {
    const old = header(size)
    t.equal(parseHeader(old)[missing], undefined, `${size} bytes have no ${missing}`)
    t.equal(parseHeader(old).entries, 7)
  }
  const broken: [change: (bytes: Buffer) => void, code: string][] = [
    [b => b.write('X', 0), 'not-journal'],
    [b => b.writeUInt32LE(32, 12), 'unsupported'],
    [b => b.writeUInt8(3, 16), 'corrupt'],
    [b => b.writeBigUInt64LE(200n, 88), 'corrupt'],
    [b => b.writeBigUInt64LE(2n ** 60n, 96), 'corrupt'],
    [b => b.writeBigUInt64LE(8n, 104), 'corrupt'],
    [b => b.writeBigUInt64LE(2n ** 40n, 112), 'corrupt'],
    [b => b.writeBigUInt64LE(301n, 176), 'corrupt'],
  ]
  for (const [change, code] of broken) {
    const copy = header()
    change(copy)
    t.throws(() => parseHeader(copy), { code })
  }
  t.throws(() => parseHeader(Buffer.alloc(0)), { code: 'not-journal' })
  t.throws(() => parseHeader(bytes.subarray(0, 100)), { code: 'truncated' })
  t.end()
})

t.test('objects', t => {
  const entry = Buffer.alloc(64 + 8)
  entry.writeBigUInt64LE(5n, 16)
  entry.writeUInt32LE(300, 64)
  entry.writeUInt32LE(400, 68)
  t.match(parseEntry(entry, 8, true), { seqnum: 5n, items: [300, 400] })
  t.throws(() => parseEntry(entry, 8, false), { code: 'corrupt' })
  const data = Buffer.alloc(72)
  data.writeUInt8(1, 0)
  data.writeBigUInt64LE(100n, 8)
  data.writeUInt8(4, 1)
  t.match(parseDataHead(data, 1000, false), { flags: 4, payloadOffset: 1064, payloadBytes: 36 })
  t.match(parseDataHead(data, 1000, true), { payloadOffset: 1072, payloadBytes: 28 })
  data.writeUInt8(3, 1)
  t.throws(() => parseDataHead(data, 1000, false), { code: 'corrupt' })
  const field = Buffer.concat([Buffer.alloc(40), Buffer.from('MESSAGE')])
  t.match(parseField(field), { name: 'MESSAGE', headDataOffset: 0 })
  t.match(parseTag(Buffer.alloc(64, 1)), { seqnum: 0x0101010101010101n, hmac: Buffer.alloc(32, 1) })
  t.end()
})

/** A header with something in every place. */
function header(size = HEADER_BYTES): Buffer {
  const bytes = Buffer.alloc(size)
  bytes.write('LPKSHHRH')
  bytes.writeUInt32LE(1, 8)
  bytes.writeUInt32LE(4 | 16, 12)
  bytes.writeUInt8(2, 16)
  bytes.fill(1, 24, 40)
  const counts: [number, bigint][] = [
    [88, BigInt(size)],
    [96, 4000n],
    [104, 304n],
    [112, 64n],
    [152, 7n],
    [216, 2n],
    [264, 500n],
  ]
  for (const [at, value] of counts) if (at + 8 <= size) bytes.writeBigUInt64LE(value, at)
  return bytes
}
