import t from 'tap'
import { encodeFrame, FrameReader } from './frame.ts'
import { Outbox, QUEUE_BYTES_MAX, QUEUE_FRAMES_MAX, WRITE_BYTES_MAX } from './outbox.ts'
import { below, seeded } from './testing/frames.ts'

t.test('what is taken are the frames with their headers', async t => {
  const outbox = new Outbox()
  t.same(outbox.take(), [])
  const frame = Buffer.from('one')
  outbox.push(frame)
  frame.fill(0)
  outbox.push(Buffer.from('second'))
  t.equal(outbox.frames, 2)
  t.equal(outbox.bytes, 17)
  const expected = ['one', 'second'].map(text => encodeFrame(Buffer.from(text)))
  t.same(Buffer.concat(outbox.take()), Buffer.concat(expected))
  outbox.push(Buffer.from('later'))
  t.same(outbox.take(), [], 'nothing while something is in flight')
  t.equal(outbox.frames, 3, 'what is in flight counts')
  outbox.release()
  t.same(Buffer.concat(outbox.take()), encodeFrame(Buffer.from('later')))
  outbox.release()
  t.equal(outbox.bytes, 0)
  t.equal(outbox.frames, 0)
})

t.test('the newest is refused when there is no room, in bytes or frames', async t => {
  const bytes = new Outbox({ bytesMax: 20 })
  t.ok(bytes.push(Buffer.alloc(8)))
  t.notOk(bytes.push(Buffer.alloc(5)))
  t.ok(bytes.push(Buffer.alloc(4)), 'exactly full')
  t.notOk(bytes.push(Buffer.alloc(0)))
  bytes.take()
  t.notOk(bytes.push(Buffer.alloc(0)), 'in flight is not free')
  bytes.release()
  t.ok(bytes.push(Buffer.alloc(16)))
  const frames = new Outbox({ framesMax: 2 })
  t.ok(frames.push(Buffer.alloc(1)) && frames.push(Buffer.alloc(1)))
  t.notOk(frames.push(Buffer.alloc(1)))
  const usual = new Outbox()
  let count = 0
  while (usual.push(Buffer.alloc(14))) count++
  t.equal(count, QUEUE_FRAMES_MAX)
  const large = new Outbox()
  let total = 0
  while (large.push(Buffer.alloc(60_000))) total += 60_004
  t.ok(total <= QUEUE_BYTES_MAX && total + 60_004 > QUEUE_BYTES_MAX)
  t.equal(
    large.take().reduce((sum, part) => sum + part.length, 0),
    Math.floor(WRITE_BYTES_MAX / 60_004) * 60_004,
  )
})

t.test('against a list, in a ring small enough to go round all the time', async t => {
  const random = seeded(5)
  for (let round = 0; round < 50; round++) {
    const outbox = new Outbox({ bytesMax: 50 + below(random, 100), framesMax: 1 + below(random, 12) })
    const expected: string[] = []
    const got: string[] = []
    const reader = new FrameReader()
    const drain = () => {
      const parts = outbox.take()
      t.ok(parts.length <= 2)
      for (const part of parts) reader.push(part, frame => got.push(frame.toString()))
      outbox.release()
    }
    for (let step = 0; step < 500; step++) {
      const text = `${step}`.padEnd(below(random, 40), '.')
      if (random() < 0.6) {
        if (outbox.push(Buffer.from(text))) expected.push(text)
      } else drain()
    }
    while (outbox.frames > 0) drain()
    t.same(got, expected)
    t.equal(reader.held, 0)
  }
})
