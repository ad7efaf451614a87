import t from 'tap'
import { LineReader } from './lines.ts'

t.test('lines are found wherever the stream is cut', async t => {
  const stream = Buffer.from('one\n\nzwölf\nrest')
  for (let cut = 0; cut <= stream.length; cut++) {
    const reader = new LineReader(100)
    const lines = [...reader.push(stream.subarray(0, cut)), ...reader.push(stream.subarray(cut))]
    t.same(lines, ['one', '', 'zwölf'])
    t.same(reader.push(Buffer.from('!\n')), ['rest!'])
  }
})

t.test('a line that is too long', async t => {
  const reader = new LineReader(5)
  t.same(reader.push(Buffer.from('12345\n123')), ['12345'])
  t.throws(() => reader.push(Buffer.from('456')), {
    name: 'LineError',
    message: 'a line of more than 5 bytes',
  })
})
