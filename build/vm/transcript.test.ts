import t from 'tap'
import { parseMarker, plainText, Transcript } from './transcript.ts'

const CONSOLE = [
  '\x1b[2J\x1b[01;01H\x1b[=3hGRUB loading.\r\n',
  'ORLOP: grub slot=a tries=2\r\n\r\nORLOP: grub slot=a tries=2\r\n',
  'ORLOP: initrd slot=a root mounted\r\n',
  '[\x1b[0;32m  OK  \x1b[0m] Reached target \x1b[0;1;39mmulti-user.target\x1b[0m.\r\n',
  '\r\norlop login: \x1b[K[   20.1] kernel talks over the prompt\r\n',
  'ORLOP: boot complete slot=a version=0.1.0\r\n',
  '\x1b]3008;start=1;user=core\x1b\\[   30.0] device-mapper: verity: 254:3: data block 84 is corrupted\r\n',
  '\x1bcORLOP: grub slot=a tries=1\r\n',
  'ORLOP: initrd slot=a root mounted\r\n',
  'ORLOP: boot failed slot=a reason=docker.service failed\r\n',
  'ORLOP: grub slot=b tries=0\r\n',
].join('')

t.test('boots are read from a console, however it is cut', async t => {
  const expected = [
    { slot: 'a', tries: 2, rooted: true, login: true, version: '0.1.0' },
    { slot: 'a', tries: 1, rooted: true, failure: 'docker.service failed' },
    { slot: 'b', tries: 0 },
  ]
  const bytes = Buffer.from(CONSOLE)
  for (const size of [1, 2, 3, 7, 64, bytes.length]) {
    const transcript = new Transcript()
    for (let at = 0; at < bytes.length; at += size) transcript.append(bytes.subarray(at, at + size))
    t.same(transcript.boots, expected, `pieces of ${size}`)
    t.notMatch(transcript.text, /\x1b|\r/, `plain in pieces of ${size}`)
  }
})

t.test('lines', async t => {
  t.same(parseMarker('orlop login: '), { kind: 'login' })
  t.equal(parseMarker('Last login: Monday'), undefined)
  t.equal(parseMarker('ORLOP: boot'), undefined)
  t.equal(parseMarker('echo slot=a tries=2'), undefined)
  t.same(parseMarker('core@orlop:~$ ORLOP: boot complete slot=b version=1'), {
    kind: 'complete',
    slot: 'b',
    version: '1',
  })
})

t.test('control sequences', async t => {
  t.equal(plainText('\x1b]0;title\x07a\x1b[1;31mb\x1b[0m\x1b7c\x1b(B'), 'abc')
})

t.test('joined in the middle', async t => {
  const transcript = new Transcript()
  transcript.append(Buffer.from('ORLOP: boot complete slot=a version=1\n'))
  t.same(transcript.boots, [])
})

t.test('tail', async t => {
  const transcript = new Transcript()
  transcript.append(Buffer.from('one\n\n  \ntwo\nthree'))
  t.same(transcript.tail(2), ['two', 'three'])
})
