import t from 'tap'
import { decodeMessage, encodeCommand, LINE_BYTES_MAX, LineSplitter } from './protocol.ts'

t.test('commands are one line of JSON with their number', async t => {
  t.equal(encodeCommand('stop', undefined, 7), '{"execute":"stop","id":7}\n')
  t.same(JSON.parse(encodeCommand('eject', { force: true }, 8)), {
    execute: 'eject',
    arguments: { force: true },
    id: 8,
  })
})

t.test('messages of QEMU', async t => {
  t.same(
    decodeMessage(
      '{"QMP": {"version": {"qemu": {"micro": 13, "minor": 0, "major": 10}}, "capabilities": []}}',
    ),
    { kind: 'greeting', version: '10.0.13' },
  )
  t.same(decodeMessage('{"return": {}, "id": 3}'), { kind: 'return', id: 3, value: {} })
  t.same(decodeMessage('{"id": 4, "error": {"class": "GenericError", "desc": "no such device"}}'), {
    kind: 'error',
    id: 4,
    class: 'GenericError',
    description: 'no such device',
  })
  t.same(
    decodeMessage(
      '{"timestamp": {"seconds": 12, "microseconds": 500000}, "event": "RESET", "data": {"guest": true}}',
    ),
    { kind: 'event', name: 'RESET', data: { guest: true }, timeMs: 12_500 },
  )
  t.match(decodeMessage('{"timestamp": {"seconds": 1, "microseconds": 0}, "event": "STOP"}'), { data: {} })
})

t.test('what is no message is refused', async t => {
  for (const line of [
    'login:',
    '[]',
    '3',
    '{}',
    '{"return": {}}',
    '{"QMP": {}}',
    '{"event": "STOP"}',
    '{"error": {"class": "GenericError"}, "id": 1}',
  ]) {
    t.throws(() => decodeMessage(line), /^QMP: /, line)
  }
})

t.test('lines survive any cutting', async t => {
  const bytes = Buffer.from('{"a":"ä"}\r\n\n{"b":1}\n{"c"')
  for (let cut = 0; cut <= bytes.length; cut++) {
    const splitter = new LineSplitter()
    const lines = [...splitter.push(bytes.subarray(0, cut)), ...splitter.push(bytes.subarray(cut))]
    t.same(lines, ['{"a":"ä"}', '{"b":1}'], `cut at ${cut}`)
  }
})

t.test('an endless line is an error', async t => {
  const splitter = new LineSplitter()
  const chunk = Buffer.alloc(1024 * 1024, 'x')
  t.throws(() => {
    for (let bytes = 0; bytes <= LINE_BYTES_MAX; bytes += chunk.length) splitter.push(chunk)
  }, /more than/)
})
