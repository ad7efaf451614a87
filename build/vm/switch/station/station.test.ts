// Packets as they are on the wire. The answers were computed apart from this program.

import t from 'tap'
import { NameTable } from '../names.ts'
import { below, seeded } from '../testing/frames.ts'
import { encodeEthernet } from './ethernet.ts'
import { encodeIpv4Packet, parseIpv4Packet, sumOf } from './ipv4.ts'
import { answerFrame, STATION_MAC, type Station } from './station.ts'
import { encodeUdp, parseUdp } from './udp.ts'

const names = new NameTable('orlop.internal', 0xac110801)
names.set('core-02', 0xac110866)
const STATION: Station = { mac: STATION_MAC, address: 0xac110801, names }
const NOW_MS = 1_700_000_010_500

const HOST = '026f726c6f70'
const CORE = '020000000001'
const ARP = 'ffffffffffff 020000000001 0806 0001 0800 06 04 0001 020000000001 ac110865 000000000000 ac110801'
const PING =
  `${HOST} ${CORE} 0800 45000021beef000040015364ac110865ac110801 080099e212340007 6f726c6f70` +
  '00000000000000000000000000'
const DNS =
  `${HOST} ${CORE} 0800 4500004400010000401 11220ac110865ac110801 9c4000350030a3ac` +
  'abcd01000001000000000000 07436f72652d3032 056f726c6f70 08696e7465726e616c 00 0001 0001'
const NTP =
  `${HOST} ${CORE} 0800 4500004c000240004011d216ac110865ac110801 c822007b00380b9a` +
  `230006ec ${'00'.repeat(36)} e8ff1234deadbeef`

function bytesOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(' ', ''), 'hex')
}

/** The answer to a frame, as digits; with a change to the question. */
function ask(hex: string, change: (bytes: Buffer) => void = () => undefined): string | undefined {
  const bytes = bytesOf(hex)
  change(bytes)
  return answerFrame(STATION, bytes, NOW_MS)?.toString('hex')
}

/** Writes the checksums of IP anew, after a change to the header. */
function sealIp(bytes: Buffer): void {
  bytes.writeUInt16BE(0, 24)
  bytes.writeUInt16BE(~sumOf(bytes.subarray(14, 14 + (bytes[14]! & 15) * 4)) & 0xffff, 24)
}

t.test('who has our address', async t => {
  const answer = bytesOf(
    `${CORE} ${HOST} 0806 0001 0800 06 04 0002 ${HOST} ac110801 ${CORE} ac110865 ${'00'.repeat(18)}`,
  ).toString('hex')
  t.equal(ask(ARP), answer)
  t.equal(
    ask(ARP, bytes => bytesOf(HOST).copy(bytes)),
    answer,
    'asked of us alone',
  )
  const probe = ask(ARP, bytes => bytes.writeUInt32BE(0, 28))
  t.equal(probe?.slice(76, 84), '00000000', 'who wants to have it is told, too')
  t.equal(
    ask(ARP, bytes => bytes.writeUInt32BE(0xac110802, 38)),
    undefined,
    'the address of another',
  )
  t.equal(
    ask(ARP, bytes => bytes.writeUInt16BE(2, 20)),
    undefined,
    'an answer',
  )
  t.equal(
    ask(ARP, bytes => bytes.writeUInt16BE(6, 14)),
    undefined,
    'other hardware',
  )
  t.equal(
    ask(ARP, bytes => bytes.writeUInt16BE(0x86dd, 16)),
    undefined,
    'another protocol',
  )
  t.equal(ask(ARP.slice(0, -1)), undefined, 'too short')
})

t.test('echo', async t => {
  const pong =
    `${CORE} ${HOST} 0800 45000021000040004001d253ac110801ac110865 0000a1e212340007 6f726c6f70` +
    '00000000000000000000000000'
  t.equal(ask(PING), pong.replaceAll(' ', ''))
  t.equal(
    ask(PING, bytes => bytes.writeUInt8(1, 46)),
    undefined,
    'damaged',
  )
  t.equal(
    ask(PING, bytes => bytes.writeUInt8(0, 34)),
    undefined,
    'an answer',
  )
})

t.test('names', async t => {
  const answer =
    `${CORE} ${HOST} 0800 45000054000040004011d210ac110801ac110865 00359c400040aac4` +
    'abcd85000001000100000000 07436f72652d3032 056f726c6f70 08696e7465726e616c 00 0001 0001' +
    'c00c 0001 0001 0000003c 0004 ac110866'
  t.equal(ask(DNS), answer.replaceAll(' ', ''))
  t.equal(
    ask(DNS, bytes => bytes.writeUInt16BE(0, 40)),
    answer.replaceAll(' ', ''),
    'without a checksum',
  )
  t.equal(
    ask(DNS, bytes => bytes.writeUInt16BE(1, 40)),
    undefined,
    'with a wrong one',
  )
  const noSum = (bytes: Buffer) => bytes.writeUInt16BE(0, 40)
  const port = (bytes: Buffer, at: number, number: number) => {
    noSum(bytes)
    bytes.writeUInt16BE(number, at)
  }
  t.equal(
    ask(DNS, bytes => port(bytes, 36, 54)),
    undefined,
    'another port',
  )
  t.equal(
    ask(DNS, bytes => port(bytes, 34, 0)),
    undefined,
    'from no port',
  )
  t.equal(
    ask(DNS, bytes => port(bytes, 38, 7)),
    undefined,
    'a length that is too small',
  )
  t.equal(
    ask(DNS, bytes => port(bytes, 38, 49)),
    undefined,
    'a length that is too large',
  )
})

t.test('time', async t => {
  const answer =
    `${CORE} ${HOST} 0800 4500004c000040004011d218ac110801ac110865 007bc82200388176` +
    '240206f6 00000000 00000083 7f000001 e8fe6f8000000000 e8ff1234deadbeef e8fe6f8a80000000 e8fe6f8a80000000'
  t.equal(ask(NTP), answer.replaceAll(' ', ''))
})

t.test('what is not for us, or not sound, gets no answer', async t => {
  const cases: [string, (bytes: Buffer) => void][] = [
    ['for another machine', bytes => bytes.writeUInt8(0xff, 5)],
    ['for all', bytes => bytes.fill(0xff, 0, 6)],
    ['from a group', bytes => bytes.writeUInt8(3, 6)],
    ['from ourselves', bytes => bytesOf(HOST).copy(bytes, 6)],
    ['another protocol', bytes => bytes.writeUInt16BE(0x86dd, 12)],
    ['with a VLAN', bytes => bytes.writeUInt16BE(0x8100, 12)],
    ['version 6', bytes => bytes.writeUInt8(0x65, 14)],
    ['a header that is too short', bytes => bytes.writeUInt8(0x44, 14)],
    ['a header longer than the packet', bytes => bytes.writeUInt8(0x4f, 14)],
    ['a packet shorter than its header', bytes => bytes.writeUInt16BE(19, 16)],
    ['a packet longer than the frame', bytes => bytes.writeUInt16BE(200, 16)],
    ['a damaged header', bytes => bytes.writeUInt8(63, 22)],
    ['a first fragment', bytes => bytes.writeUInt16BE(0x2000, 20)],
    ['a last fragment', bytes => bytes.writeUInt16BE(1, 20)],
    ['from nobody', bytes => bytes.writeUInt32BE(0, 26)],
    ['from a group of IP', bytes => bytes.writeUInt32BE(0xe0000001, 26)],
    ['from our address', bytes => bytes.writeUInt32BE(0xac110801, 26)],
    ['to another address', bytes => bytes.writeUInt32BE(0xac110802, 30)],
    ['TCP', bytes => bytes.writeUInt8(6, 23)],
  ]
  for (const [what, change] of cases) {
    const sealed = (bytes: Buffer) => {
      change(bytes)
      if (what !== 'a damaged header') sealIp(bytes)
    }
    t.equal(ask(PING, sealed), undefined, what)
  }
  t.ok(ask(PING, sealIp), 'and unchanged it does')
})

t.test('options of IP are skipped', async t => {
  const bytes = bytesOf(PING)
  const packet = Buffer.concat([bytes.subarray(14, 34), Buffer.from([1, 1, 1, 0]), bytes.subarray(34, 47)])
  packet[0] = 0x46
  packet.writeUInt16BE(packet.length, 2)
  const frame = encodeEthernet(STATION.mac, 0x020000000001, 0x0800, packet)
  sealIp(frame)
  t.equal(answerFrame(STATION, frame, NOW_MS)?.toString('hex'), ask(PING))
})

t.test('a checksum of UDP that comes to zero is sent as all ones', async t => {
  const way = { source: 0xac110801, destination: 0xac110865 }
  const sums = new Set<number>()
  for (let word = 0; word < 0x10000; word++) {
    const payload = Buffer.from([word >> 8, word & 0xff])
    const packet = encodeUdp(way, { sourcePort: 53, destinationPort: 40_000, payload })
    sums.add(packet.payload.readUInt16BE(6))
    if (word % 97 === 0 && parseUdp(packet) === undefined) t.fail(String(word))
  }
  t.equal(sums.has(0), false)
  t.equal(sums.has(0xffff), true)
})

t.test('packets of odd and even lengths are read as they were written', async t => {
  for (let length = 0; length < 64; length++) {
    const payload = Buffer.alloc(length, 0xfe)
    const packet = encodeIpv4Packet({ source: 1, destination: 2, protocol: 17, payload })
    t.same(parseIpv4Packet(packet), { source: 1, destination: 2, protocol: 17, payload })
  }
})

t.test('any bytes get a sound answer or none', async t => {
  const random = seeded(8)
  const seeds = [ARP, PING, DNS, NTP].map(bytesOf)
  let answers = 0
  for (let round = 0; round < 60_000; round++) {
    const bytes = Buffer.from(seeds[below(random, seeds.length)]!)
    for (let change = below(random, 5); change > 0; change--) {
      const at =
        random() < 0.3 ? below(random, bytes.length) : Math.min(42 + below(random, 40), bytes.length - 1)
      bytes[at] = random() < 0.5 ? below(random, 256) : bytes[at]! ^ (1 << below(random, 8))
    }
    const frame = random() < 0.2 ? bytes.subarray(0, below(random, bytes.length + 1)) : bytes
    // Most changes would end at a checksum: let them through to what is behind it.
    if (frame.length >= 42 && frame.readUInt16BE(12) === 0x0800) {
      if ((frame[14]! & 15) * 4 <= frame.length - 14 && frame[14]! >> 4 === 4) sealIp(frame)
      if (frame[23] === 17) frame.writeUInt16BE(0, 40)
    }
    const before = Buffer.from(frame)
    const answer = answerFrame(STATION, frame, NOW_MS)
    if (!frame.equals(before)) t.fail(`round ${round} changed the question`)
    if (answer === undefined) continue
    answers++
    const packet = parseIpv4Packet(answer.subarray(14))
    const isSound =
      answer.length >= 60 &&
      answer.subarray(0, 6).equals(frame.subarray(6, 12)) &&
      (answer.readUInt16BE(12) === 0x0806 || (packet !== undefined && packet.source === STATION.address))
    if (!isSound) t.fail(`round ${round}: ${frame.toString('hex')}`)
  }
  t.ok(answers > 1000, `${answers} answers`)
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(Array.from({ length: below(random, 80) }, () => below(random, 256)))
    answerFrame(STATION, bytes, NOW_MS)
  }
})
