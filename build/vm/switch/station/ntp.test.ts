import t from 'tap'
import { answerNtp } from './ntp.ts'

function request(first: number, length = 48): Buffer {
  const bytes = Buffer.alloc(length)
  bytes[0] = first
  bytes.write('origin!!', 40, 'latin1')
  return bytes
}

t.test('clients of versions 3 and 4 get an answer of their version', async t => {
  for (const version of [3, 4]) {
    const reply = answerNtp(request((3 << 6) | (version << 3) | 3), 0)
    t.equal(reply?.[0], (version << 3) | 4, 'synchronised, as a server')
    t.equal(reply?.[1], 2)
    t.equal(reply?.toString('latin1', 24, 32), 'origin!!')
  }
})

t.test('the time is seconds since 1900, and begins again in 2036', async t => {
  const at = (ms: number) => answerNtp(request(0x23), ms)!.subarray(32, 40).toString('hex')
  t.equal(at(0), '83aa7e8000000000')
  t.equal(at(250), '83aa7e8040000000')
  t.equal(at(-500), '83aa7e7f80000000')
  t.equal(at(Date.UTC(2036, 1, 7, 6, 28, 15)), 'ffffffff00000000')
  t.equal(at(Date.UTC(2036, 1, 7, 6, 28, 16)), '0000000000000000')
  t.equal(at(Date.UTC(2036, 1, 7, 6, 28, 17) + 999), '00000001ffbe76c8')
})

t.test('the clock is near enough for timesyncd: half the delay and the dispersion below 5 s', async t => {
  const reply = answerNtp(request(0x23), 1_700_000_010_500)!
  t.ok((reply.readUInt32BE(4) / 2 + reply.readUInt32BE(8)) / 65_536 < 5)
  t.ok(reply.readBigUInt64BE(16) <= reply.readBigUInt64BE(32), 'set before it was asked')
})

t.test('what is no question of a client gets no answer', async t => {
  for (const mode of [0, 1, 2, 4, 5, 6, 7]) t.equal(answerNtp(request((4 << 3) | mode), 0), undefined)
  for (const version of [0, 1, 2, 5, 7]) t.equal(answerNtp(request((version << 3) | 3), 0), undefined)
  for (const length of [0, 1, 44, 47, 49, 50])
    t.equal(answerNtp(request(0x23, 52).subarray(0, length), 0), undefined, `${length} bytes`)
  t.equal(answerNtp(request(0x23, 68), 0)?.length, 48, 'extensions are left')
})
