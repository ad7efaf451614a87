// The bytes of streams between members: cut anywhere, cut short, too long, damaged, and made up.

import t from 'tap'
import { encodeMessage } from '../raft/codec.ts'
import { newMessage } from '../raft/message.ts'
import { Batch } from './batch.ts'
import {
  decodeEnd,
  decodePing,
  decodePong,
  decodeVerdict,
  encodeEnd,
  encodeFrame,
  encodePing,
  encodePong,
  encodeVerdict,
  FRAME_HEAD_BYTES,
  FrameError,
  frameHead,
  Kind,
} from './frame.ts'
import { FrameReader } from './reader.ts'

/** mulberry32: the same numbers for the same seed. */
function numbers(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let x = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Frame {
  kind: number
  body: string
}

/** All frames of these pieces; the reader may not be asked on after it has thrown. */
function readAll(pieces: readonly Buffer[], bytesMax?: number): { frames: Frame[]; reader: FrameReader } {
  const reader = new FrameReader(bytesMax)
  const frames: Frame[] = []
  for (const piece of pieces) {
    reader.push(piece)
    while (reader.next()) frames.push({ kind: reader.kind, body: reader.body.toString('hex') })
  }
  return { frames, reader }
}

t.test('frames come out as they went in, wherever they are cut', t => {
  const seed = 7
  const random = numbers(seed)
  for (let round = 0; round < 300; round++) {
    const wanted: Frame[] = []
    const pieces: Buffer[] = []
    for (let count = Math.floor(random() * 12); count >= 0; count--) {
      const kind = (1 + Math.floor(random() * 6)) as Kind
      const body = Buffer.alloc(Math.floor(random() ** 3 * 5000), Math.floor(random() * 256))
      wanted.push({ kind, body: body.toString('hex') })
      pieces.push(encodeFrame(kind, body))
    }
    const whole = Buffer.concat(pieces)
    const cuts: Buffer[] = []
    for (let at = 0; at < whole.length; ) {
      const length = random() < 0.3 ? 1 : Math.ceil(random() ** 2 * 6000)
      cuts.push(whole.subarray(at, at + length))
      at += length
    }
    const { frames, reader } = readAll(cuts)
    t.same(frames, wanted, `seed ${seed}, round ${round}`)
    t.notOk(reader.isWithin)
  }
  t.end()
})

t.test('a frame in one piece is not copied', t => {
  const frame = encodeFrame(Kind.MESSAGE, Buffer.from('abc'))
  const reader = new FrameReader()
  reader.push(frame)
  t.ok(reader.next())
  t.equal(reader.body.buffer, frame.buffer)
  t.notOk(reader.next())
  t.end()
})

t.test('a frame cut short is waited for', t => {
  const frame = encodeFrame(Kind.MESSAGE, Buffer.from('hello'))
  for (let length = 0; length < frame.length; length++) {
    const { frames, reader } = readAll([frame.subarray(0, length)])
    t.same(frames, [])
    t.equal(reader.isWithin, length > 0)
  }
  t.end()
})

t.test('no byte of a frame may be another one', t => {
  const good = encodeFrame(Kind.MESSAGE, encodeMessage(newMessage('append', 'a1', 'b2', 3)))
  for (let at = 0; at < good.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const bad = Buffer.from(good)
      bad[at]! ^= 1 << bit
      // A longer length is waited for, up to the bound; nothing else is believed.
      try {
        t.same(readAll([bad]).frames, [], `byte ${at}, bit ${bit}`)
        t.ok(at < 4, `byte ${at}, bit ${bit} is noticed`)
      } catch (error) {
        t.type(error, FrameError)
      }
    }
  }
  t.end()
})

t.test('lengths of none and above the bound', t => {
  const frame = encodeFrame(Kind.CHUNK, Buffer.alloc(100))
  t.equal(readAll([frame], 101).frames.length, 1)
  t.throws(() => readAll([frame], 100), { name: 'FrameError', message: /101 bytes, allowed are 1 to 100/ })
  t.throws(() => readAll([frame.subarray(0, 3), frame.subarray(3)], 100), FrameError)
  t.throws(() => readAll([Buffer.alloc(8)]), { message: /a frame of 0 bytes/ })
  t.throws(() => readAll([Buffer.alloc(8, 255)]), { message: /a frame of 4294967295 bytes/ })
  t.end()
})

t.test('noise never passes for a frame', t => {
  const seed = 11
  const random = numbers(seed)
  for (let round = 0; round < 2000; round++) {
    const noise = Buffer.from(Array.from({ length: Math.floor(random() * 60) }, () => random() * 256))
    if (noise.length > 4 && random() < 0.8) noise.writeUInt32BE(Math.floor(random() * 40), 0)
    try {
      t.same(readAll([noise], 64).frames, [], `seed ${seed}, round ${round}`)
    } catch (error) {
      t.type(error, FrameError)
    }
  }
  t.end()
})

t.test('small frames hold what was put into them', t => {
  const bodyOf = (frame: Buffer) => frame.subarray(FRAME_HEAD_BYTES)
  t.equal(decodePing(bodyOf(encodePing(12.5))), 12.5)
  t.same(decodePong(bodyOf(encodePong(12.5, 99))), { stamp: 12.5, wallClockMs: 99 })
  t.same(decodeEnd(bodyOf(encodeEnd(2 ** 40, 0xffffffff))), { length: 2 ** 40, checksum: 0xffffffff })
  t.equal(decodeVerdict(bodyOf(encodeVerdict(true))), true)
  t.equal(decodeVerdict(bodyOf(encodeVerdict(false))), false)
  for (const frame of [encodePing(1), encodePong(1, 1), encodeEnd(1, 1), encodeVerdict(true)])
    t.equal(readAll([frame]).frames.length, 1)
  const short = Buffer.alloc(3)
  for (const decode of [decodePing, decodePong, decodeEnd, decodeVerdict])
    t.throws(() => decode(short), FrameError)
  t.throws(() => decodeVerdict(Buffer.of(2)), FrameError)
  t.throws(() => decodePing(bodyOf(encodePing(Number.NaN))), FrameError)
  const body = Buffer.from('chunk')
  t.same(Buffer.concat([frameHead(Kind.CHUNK, body), body]), encodeFrame(Kind.CHUNK, body))
  t.end()
})

t.test('a batch is its frames in order, in memory that is not used again', t => {
  const seed = 3
  const random = numbers(seed)
  const batch = new Batch()
  const taken: { pieces: Buffer[]; whole: string }[] = []
  for (let round = 0; round < 200; round++) {
    const wanted: Frame[] = []
    for (let count = Math.floor(random() * 5); count > 0; count--) {
      const message = newMessage('append', 'a1', 'b2', round)
      const data = Buffer.alloc(Math.floor(random() ** 6 * 200_000), round)
      message.entries = [{ term: 1, index: round, type: 'normal', data }]
      t.ok(batch.message(message))
      wanted.push({ kind: Kind.MESSAGE, body: Buffer.from(encodeMessage(message)).toString('hex') })
      if (random() < 0.2) {
        batch.frame(encodePing(round))
        wanted.push({ kind: Kind.PING, body: encodePing(round).toString('hex', FRAME_HEAD_BYTES) })
      }
    }
    const { bytes } = batch
    const pieces = batch.take()
    const whole = Buffer.concat(pieces)
    t.equal(whole.length, bytes)
    t.equal(batch.bytes, 0)
    t.same(readAll(pieces).frames, wanted, `seed ${seed}, round ${round}`)
    taken.push({ pieces, whole: whole.toString('latin1') })
  }
  t.ok(
    taken.every(({ pieces, whole }) => Buffer.concat(pieces).toString('latin1') === whole),
    'nothing that was taken has changed',
  )
  const large = newMessage('append', 'a1', 'b2', 1)
  large.entries = [{ term: 1, index: 1, type: 'normal', data: Buffer.alloc(65 * 1024 * 1024) }]
  t.notOk(batch.message(large), 'a message above the bound of a frame')
  t.equal(batch.bytes, 0)
  t.end()
})
