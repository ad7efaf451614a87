import t from 'tap'
import { DelayLines, LINE_BYTES_MAX, LINE_FRAMES_MAX, TOTAL_BYTES_MAX } from './delay.ts'
import { below, seeded } from './testing/frames.ts'

function takeAll(lines: DelayLines, nowMs: number): string[] {
  const taken: string[] = []
  for (let due = lines.take(nowMs); due !== undefined; due = lines.take(nowMs))
    taken.push(`${due.from}${due.to} ${due.frame}`)
  return taken
}

t.test('frames arrive at their time, those due first before others', async t => {
  const lines = new DelayLines()
  t.equal(lines.nextMs, undefined)
  lines.push('a', 'b', Buffer.from('slow'), 30)
  lines.push('b', 'a', Buffer.from('fast'), 10)
  t.equal(lines.nextMs, 10)
  t.same(takeAll(lines, 9.9), [])
  t.same(takeAll(lines, 10), ['ba fast'])
  t.equal(lines.isBusy('b', 'a'), false)
  t.equal(lines.isBusy('a', 'b'), true)
  t.equal(lines.nextMs, 30)
  t.same(takeAll(lines, 100), ['ab slow'])
  t.equal(lines.nextMs, undefined)
})

t.test('between two ports no frame overtakes another', async t => {
  const random = seeded(4)
  const lines = new DelayLines()
  const taken: string[] = []
  const pairs = ['ab', 'ba', 'ac']
  for (let index = 0; index < 3000; index++) {
    const [from, to] = [...pairs[below(random, 3)]!] as [string, string]
    t.ok(lines.push(from, to, Buffer.from(String(index)), index + random() * 50))
    taken.push(...takeAll(lines, index))
  }
  taken.push(...takeAll(lines, 10_000))
  t.equal(taken.length, 3000)
  for (const pair of pairs) {
    const numbers = taken.filter(text => text.startsWith(pair)).map(text => Number(text.slice(3)))
    t.same(
      numbers,
      numbers.toSorted((a, b) => a - b),
    )
  }
})

t.test('a frame is copied', async t => {
  const lines = new DelayLines()
  const frame = Buffer.from('abc')
  lines.push('a', 'b', frame, 0)
  frame.fill(0)
  t.same(takeAll(lines, 0), ['ab abc'])
})

t.test('bounds: frames and bytes of a line, bytes of all', async t => {
  const frames = new DelayLines()
  for (let index = 0; index < LINE_FRAMES_MAX; index++) frames.push('a', 'b', Buffer.alloc(1), 0)
  t.notOk(frames.push('a', 'b', Buffer.alloc(1), 0))
  t.ok(frames.push('b', 'a', Buffer.alloc(1), 0), 'another line is not full')
  frames.take(0)
  t.ok(frames.push('a', 'b', Buffer.alloc(1), 0), 'an arrival makes room')

  const bytes = new DelayLines()
  const half = Buffer.alloc(LINE_BYTES_MAX / 2)
  t.ok(bytes.push('a', 'b', half, 0) && bytes.push('a', 'b', half, 0))
  t.notOk(bytes.push('a', 'b', Buffer.alloc(1), 0))
  let accepted = 2
  for (let port = 0; port < 1000 && bytes.push('c', String(port), half, 0); port++) accepted++
  t.equal(accepted, TOTAL_BYTES_MAX / half.length)
  bytes.forget('a')
  t.ok(bytes.push('d', 'e', half, 0), 'what a port had is given back')
  t.equal(bytes.isBusy('a', 'b'), false)
})
