import t from 'tap'
import { crc32c } from './crc32c.ts'

t.test('values of RFC 3720, appendix B.4', t => {
  t.equal(crc32c(0, new Uint8Array(32)), 0x8a9136aa, 'zeros')
  t.equal(crc32c(0, new Uint8Array(32).fill(0xff)), 0x62a8ab43, 'ones')
  t.equal(
    crc32c(
      0,
      Uint8Array.from({ length: 32 }, (_, at) => at),
    ),
    0x46dd794e,
    'rising',
  )
  t.equal(
    crc32c(
      0,
      Uint8Array.from({ length: 32 }, (_, at) => 31 - at),
    ),
    0x113fdb5c,
    'falling',
  )
  t.equal(crc32c(0, Buffer.from('123456789')), 0xe3069283)
  t.equal(crc32c(0, new Uint8Array(0)), 0)
  t.end()
})

t.test('parts give the same as the whole, wherever they meet', t => {
  const bytes = Uint8Array.from({ length: 61 }, (_, at) => (at * 37) ^ 0x5a)
  let slow = 0xffffffff
  for (const byte of bytes) {
    slow ^= byte
    for (let bit = 0; bit < 8; bit++) slow = slow & 1 ? (slow >>> 1) ^ 0x82f63b78 : slow >>> 1
  }
  const whole = ~slow >>> 0
  for (let at = 0; at <= bytes.length; at++)
    t.equal(crc32c(crc32c(0, bytes, 0, at), bytes, at), whole, `met at ${at}`)
  t.end()
})
