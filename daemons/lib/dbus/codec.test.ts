import t from 'tap'
import { busPlaces, parseAddress } from './address.ts'
import { decodeMessage, encodeMessage, messageLength } from './codec.ts'
import { Reader } from './reader.ts'
import { parseSignature } from './signature.ts'
import { DBusFormatError, type DBusValue, type Message, MessageType } from './types.ts'
import { Writer } from './writer.ts'

/** A generator of its own, so that a failure comes back. */
function randomOf(seed: number): (max: number) => number {
  let state = seed
  return max => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * max)
  }
}

t.test('a call as it stands on the wire', t => {
  const message: Message = {
    type: MessageType.call,
    flags: 0,
    serial: 1,
    path: '/org/freedesktop/DBus',
    interface: 'org.freedesktop.DBus',
    member: 'Hello',
    destination: 'org.freedesktop.DBus',
    signature: '',
    body: [],
  }
  const bytes = encodeMessage(message)
  // From the example in the specification's text and dbus-monitor: header of 128 bytes, no body.
  t.equal(bytes.subarray(0, 16).toString('hex'), '6c01000100000000010000006d000000')
  t.equal(bytes.length, 128)
  t.same(decodeMessage(bytes), message)
  t.equal(messageLength(bytes.subarray(0, 15)), undefined)
  t.equal(messageLength(bytes.subarray(0, 16)), 128)
  t.end()
})

t.test('what is written is read', t => {
  const random = randomOf(7)
  const value = (depth: number): [signature: string, value: DBusValue] => {
    const kind = random(depth > 3 ? 8 : 12)
    if (kind === 0) return ['y', random(256)]
    if (kind === 1) return ['i', random(2 ** 31) - 2 ** 30]
    if (kind === 2) return ['t', BigInt(random(2 ** 31)) * 4_294_967_291n]
    if (kind === 3) return ['x', -BigInt(random(2 ** 31))]
    if (kind === 4) return ['b', random(2) === 1]
    if (kind === 5) return ['d', random(1000) / 8]
    if (kind === 6) return ['s', 'äx'.repeat(random(20))]
    if (kind === 7) return ['o', `/a/b${random(9)}`]
    const [signature, inner] = value(depth + 1)
    if (kind === 8) return [`a${signature}`, Array.from({ length: random(4) }, () => inner)]
    if (kind === 9) return ['v', { signature, value: inner }]
    if (kind === 10) return [`(q${signature}n)`, [random(65_536), inner, -random(32_768)]]
    return [`a{s${signature}}`, [['key', inner]]]
  }
  for (let run = 0; run < 500; run++) {
    const parts = Array.from({ length: 1 + random(4) }, () => value(0))
    const signature = parts.map(([text]) => text).join('')
    const body = parts.map(([, item]) => item)
    const message = {
      type: MessageType.signal,
      flags: 1,
      serial: 1 + run,
      path: '/p',
      interface: 'a.b',
      member: 'M',
      signature,
      body,
    }
    const bytes = encodeMessage(message)
    t.same(decodeMessage(bytes), message, signature)
    // Whatever is cut or changed is refused, or means something else; it never hangs, and fails in no other way.
    const broken = Buffer.from(bytes)
    const at = 16 + random(bytes.length - 16)
    broken[at] = random(256)
    try {
      decodeMessage(broken)
    } catch (error) {
      if (!(error instanceof DBusFormatError)) t.fail(`${signature}: ${error}`)
    }
    t.throws(() => decodeMessage(bytes.subarray(0, -1)), DBusFormatError)
  }
  t.end()
})

t.test('big endian, and what is refused', t => {
  t.same(new Reader(Buffer.from('00000003616263000000', 'hex'), false).values('s'), ['abc'])
  t.same(new Reader(Buffer.from('0001', 'hex'), false).values('q'), [1])
  for (const signature of ['z', 'a', '(', '()', 'a{vs}', 'a{s', '(i', `${'a'.repeat(40)}i`])
    t.throws(() => parseSignature(signature), DBusFormatError, signature)
  for (const [signature, hex] of [
    ['b', '02000000'],
    ['s', '0400000061'],
    ['s', '01000000ff00'],
    ['s', '010000006161'],
    ['ai', '0500000001000000ff'],
    ['yi', '0101000000000000'],
  ] as const)
    t.throws(
      () => new Reader(Buffer.from(hex, 'hex'), true).values(signature),
      DBusFormatError,
      `${signature} ${hex}`,
    )
  t.throws(() => new Writer().values('s', ['a\0b']), DBusFormatError)
  t.throws(() => new Writer().values('ss', ['a']), DBusFormatError)
  t.throws(() => new Writer().values('(ss)', [['a']]), DBusFormatError)
  t.throws(() => new Writer().values('v', ['a']), DBusFormatError)
  t.end()
})

t.test('addresses', t => {
  t.same(parseAddress('unix:path=/run/a%20b,guid=1;tcp:host=x;unix:abstract=/tmp/y'), [
    '/run/a b',
    '\0/tmp/y',
  ])
  t.same(
    busPlaces({}, 0, false).map(({ path }) => path),
    ['/run/dbus/system_bus_socket', '/var/run/dbus/system_bus_socket', '/run/systemd/private'],
  )
  t.same(busPlaces({ DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/x' }, 5, false), [{ path: '/x', isPeer: false }])
  t.equal(busPlaces({ XDG_RUNTIME_DIR: '/r' }, 5, true)[0]?.path, '/r/bus')
  t.end()
})
