import t from 'tap'
import { encodeFrame, FRAME_BYTES_MAX, FrameReader, FramingError } from './frame.ts'
import { below, seeded } from './testing/frames.ts'

function read(chunks: readonly Buffer[]): { frames: Buffer[]; reader: FrameReader } {
  const frames: Buffer[] = []
  const reader = new FrameReader()
  for (const chunk of chunks) reader.push(chunk, frame => frames.push(Buffer.from(frame)))
  return { frames, reader }
}

t.test('a frame has its length before it, in network order', async t => {
  t.equal(encodeFrame(Buffer.from('0a0b0c', 'hex')).toString('hex'), '000000030a0b0c')
  t.equal(encodeFrame(Buffer.alloc(0x01_0002)).subarray(0, 5).toString('hex'), '0001000200')
})

t.test('frames are found wherever the stream is cut', async t => {
  const sent = ['', 'a', 'second frame', 'x'.repeat(300)].map(text => Buffer.from(text))
  const stream = Buffer.concat(sent.map(encodeFrame))
  for (let first = 0; first <= stream.length; first++) {
    const { frames, reader } = read([stream.subarray(0, first), stream.subarray(first)])
    if (!Buffer.concat(frames).equals(Buffer.concat(sent)) || frames.length !== 4 || reader.held !== 0)
      t.fail(`cut at ${first}`)
  }
  const bytes = read([...stream].map(byte => Buffer.from([byte])))
  t.same(bytes.frames, sent, 'byte by byte')
})

t.test('random frames in random pieces', async t => {
  const random = seeded(1)
  for (let round = 0; round < 200; round++) {
    const sent = Array.from({ length: below(random, 30) }, () =>
      Buffer.alloc(below(random, 10) === 0 ? below(random, FRAME_BYTES_MAX) : below(random, 200), round),
    )
    const stream = Buffer.concat(sent.map(encodeFrame))
    const chunks: Buffer[] = []
    for (let at = 0; at < stream.length; ) {
      const end = at + 1 + below(random, below(random, 3) === 0 ? 5 : 70_000)
      chunks.push(stream.subarray(at, end))
      at = end
    }
    const { frames } = read(chunks)
    if (frames.length !== sent.length || !frames.every((frame, index) => frame.equals(sent[index]!)))
      t.fail(`round ${round}`)
  }
})

t.test('a whole frame is a view of its chunk', async t => {
  const stream = encodeFrame(Buffer.from('abc'))
  new FrameReader().push(stream, frame => {
    stream[4] = 0x7a
    t.equal(frame.toString(), 'zbc')
  })
})

t.test('a length beyond the bound ends it, after the frames before', async t => {
  const good = encodeFrame(Buffer.from('good'))
  const largest = encodeFrame(Buffer.alloc(FRAME_BYTES_MAX))
  t.equal(read([largest]).frames[0]?.length, FRAME_BYTES_MAX, 'the largest one passes')
  const bad = Buffer.alloc(4)
  bad.writeUInt32BE(FRAME_BYTES_MAX + 1)
  const frames: string[] = []
  const take = (frame: Buffer) => frames.push(frame.toString())
  t.throws(
    () => new FrameReader().push(Buffer.concat([good, bad]), take),
    new FramingError(`a frame of ${FRAME_BYTES_MAX + 1} bytes, more than ${FRAME_BYTES_MAX}`),
  )
  t.same(frames, ['good'])
  const split = new FrameReader()
  split.push(Buffer.from('ff', 'hex'), take)
  t.throws(() => split.push(Buffer.from('ffffff', 'hex'), take), { name: 'FramingError' }, 'also in pieces')
})

t.test('any bytes give frames, or a FramingError', async t => {
  const random = seeded(2)
  for (let round = 0; round < 2000; round++) {
    const reader = new FrameReader()
    try {
      for (let chunk = 0; chunk < 5; chunk++) {
        const bytes = Buffer.from(Array.from({ length: below(random, 40) }, () => below(random, 4) * 3))
        reader.push(bytes, () => undefined)
      }
    } catch (error) {
      if (!(error instanceof FramingError)) throw error
    }
  }
  t.pass()
})
