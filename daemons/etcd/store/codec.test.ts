import t from 'tap'
import { UserError } from '#lib/errors.ts'
import { decodeCommand, encodeCommand, retimeCommand } from './codec.ts'
import type { Operation } from './operation.ts'

const OPERATIONS: Operation[] = [
  { type: 'set', path: '/1/a', dir: false, value: 'x'.repeat(300), expiresAtMs: 0, refresh: false },
  { type: 'set', path: '/1/é', dir: true, value: '', expiresAtMs: 1_800_000_000_123, refresh: true },
  { type: 'create', path: '/1/日本', dir: false, value: '😀\0', expiresAtMs: -5, unique: true },
  { type: 'create', path: '/', dir: true, value: '', expiresAtMs: 0, unique: false },
  { type: 'update', path: '/1/a', value: 'é', expiresAtMs: 1, refresh: true },
  {
    type: 'compareAndSwap',
    path: '/1/a',
    value: 'v',
    expiresAtMs: 9_223_372_036_854,
    refresh: false,
    prevValue: 'ü',
    prevIndex: 2 ** 53 - 1,
  },
  {
    type: 'compareAndSwap',
    path: '/1/a',
    value: '',
    expiresAtMs: 0,
    refresh: true,
    prevValue: '',
    prevIndex: 0,
  },
  { type: 'delete', path: '/1/a', dir: true, recursive: false },
  { type: 'delete', path: '/1/a', dir: false, recursive: true },
  { type: 'compareAndDelete', path: '/1/a', prevValue: 'v', prevIndex: 0 },
  { type: 'compareAndDelete', path: '/1/a', prevValue: '', prevIndex: 128 },
  { type: 'sync', nowMs: 1_800_000_000_000 },
]

t.test('what is encoded comes back', t => {
  for (const operation of OPERATIONS) {
    for (const [session, sequence] of [
      [0, 0],
      [127, 128],
      [2 ** 53 - 1, 2 ** 40],
    ] as const) {
      const wanted = { session, sequence, operation, clockMs: 0 }
      const bytes = encodeCommand(session, sequence, operation)
      t.same(decodeCommand(bytes), wanted, operation.type)
      t.same(decodeCommand(new Uint8Array(bytes)), wanted, 'from plain bytes')
      const expires = 'expiresAtMs' in operation && operation.expiresAtMs !== 0
      const clocked = encodeCommand(session, sequence, operation, 1_800_000_000_001)
      t.same(decodeCommand(clocked), { ...wanted, clockMs: expires ? 1_800_000_000_001 : 0 }, 'with a clock')
    }
  }
  const small = encodeCommand(0, 1, OPERATIONS[0]!)
  t.equal(small.length, 4 + 1 + 1 + 1 + 4 + 2 + 300, 'a set costs little more than its path and value')
  t.same([...small.subarray(0, 4)], [1, 1, 0, 0], 'the format is fixed: old logs must stay readable')
  t.end()
})

t.test('bytes that logs hold already keep their meaning', t => {
  const base = { path: '/1/a', value: 'v', expiresAtMs: 0, refresh: false }
  const stored: [hex: string, operation: Operation][] = [
    ['01010000ac0202042f312f610176', { type: 'set', ...base, dir: false }],
    [
      '01010015ac0202052f312fc3a90000b007c585317a42',
      { type: 'set', path: '/1/é', dir: true, value: '', expiresAtMs: 1_800_000_000_123, refresh: true },
    ],
    [
      '01010108ac0202022f310176',
      { type: 'create', path: '/1', dir: false, value: 'v', expiresAtMs: 0, unique: true },
    ],
    ['01010200ac0202042f312f610176', { type: 'update', ...base }],
    [
      '01010360ac0202042f312f610176016fac02',
      { type: 'compareAndSwap', ...base, prevValue: 'o', prevIndex: 300 },
    ],
    ['01010403ac0202042f312f61', { type: 'delete', path: '/1/a', dir: true, recursive: true }],
    [
      '01010520ac0202042f312f61016f',
      { type: 'compareAndDelete', path: '/1/a', prevValue: 'o', prevIndex: 0 },
    ],
    ['01010600ac0202000000c585317a42', { type: 'sync', nowMs: 1_800_000_000_000 }],
  ]
  for (const [hex, operation] of stored) {
    t.same(
      decodeCommand(Buffer.from(hex, 'hex')),
      { session: 300, sequence: 2, operation, clockMs: 0 },
      operation.type,
    )
    t.equal(encodeCommand(300, 2, operation).toString('hex'), hex)
  }
  t.end()
})

t.test('an expiry moves to the clock of the leader', t => {
  const ttl = (expiresAtMs: number): Operation => ({
    type: 'compareAndSwap',
    path: '/1/é',
    value: 'v'.repeat(200),
    expiresAtMs,
    refresh: true,
    prevValue: 'o',
    prevIndex: 300,
  })
  const slow = encodeCommand(300, 2, ttl(1_800_000_010_000), 1_800_000_000_000)
  const copy = Buffer.from(slow)
  const moved = retimeCommand(slow, 1_800_000_030_000)
  const there = { session: 300, sequence: 2, operation: ttl(1_800_000_040_000), clockMs: 1_800_000_030_000 }
  t.same(decodeCommand(moved), there, 'ten seconds to live by either clock')
  t.ok(slow.equals(copy), 'what was handed over stays')
  t.equal(retimeCommand(moved, 1_800_000_030_000), moved, 'the second time nothing is to do')
  const back = decodeCommand(retimeCommand(slow, 1_799_999_000_000)).operation
  t.same(back, ttl(1_799_999_010_000), 'a clock that is ahead')
  for (const operation of OPERATIONS) {
    const plain = encodeCommand(1, 1, operation)
    t.equal(retimeCommand(plain, 5), plain, `${operation.type} without a clock stays`)
  }
  const edge = encodeCommand(1, 1, ttl(Number.MAX_SAFE_INTEGER), 1)
  t.equal(retimeCommand(edge, 1_800_000_000_000), edge, 'what lives for ever stays')
  const zero = encodeCommand(1, 1, ttl(5), 10)
  t.equal(retimeCommand(zero, 5), zero, 'and does not come to mean that nothing expires')
  const broken = copy.subarray(0, copy.length - 1)
  t.equal(retimeCommand(broken, 1_800_000_030_000), broken, 'what is no command is left for all to refuse')
  t.equal(retimeCommand(Buffer.alloc(0), 1).length, 0)
  const lone = encodeCommand(1, 1, {
    type: 'set',
    path: '/',
    dir: false,
    value: '',
    expiresAtMs: 0,
    refresh: false,
  })
  lone[3] = 128
  t.throws(() => decodeCommand(lone), /has a clock and nothing that expires/)
  t.end()
})

t.test('what is cut off, too long or of the future is refused', t => {
  for (const operation of OPERATIONS) {
    const bytes = encodeCommand(5, 300, operation)
    for (let length = 0; length < bytes.length; length++)
      if (!refuses(bytes.subarray(0, length))) t.fail(`${operation.type} of ${length} bytes`)
    t.ok(refuses(Buffer.concat([bytes, Buffer.of(0)])), 'one byte more')
  }
  const bytes = encodeCommand(0, 0, OPERATIONS[9]!)
  const changed = (place: number, value: number) => {
    const copy = Buffer.from(bytes)
    copy[place] = value
    return copy
  }
  t.throws(
    () => decodeCommand(changed(0, 2)),
    new UserError('an entry of the log is of kind 2, which this version does not know'),
  )
  t.throws(
    () => decodeCommand(changed(1, 2)),
    new UserError('an entry of the log has format 2, which this version does not know'),
  )
  t.throws(
    () => decodeCommand(changed(2, 7)),
    new UserError('an entry of the log has operation 7, which this version does not know'),
  )
  t.throws(() => decodeCommand(changed(3, 128 + 32)), /has flags 160/)
  t.throws(() => decodeCommand(changed(3, 1 + 32)), /has flags 33/)
  t.throws(() => encodeCommand(-1, 0, OPERATIONS[0]!), 'a number that cannot be counted')
  t.end()
})

t.test('garbage is refused or means one thing', t => {
  const random = generator(20261123)
  for (let round = 0; round < 20_000; round++) {
    const clockMs = round % 2 === 0 ? 0 : 1_800_000_000_000
    const bytes = encodeCommand(7, 7, OPERATIONS[Math.floor(random() * OPERATIONS.length)]!, clockMs)
    for (let flips = 0; flips < 3; flips++)
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
    try {
      const { session, sequence, operation, clockMs } = decodeCommand(bytes)
      const again = encodeCommand(session, sequence, operation, clockMs)
      // Bytes that are no UTF-8 read as replacements: those alone may be spelled otherwise.
      if (!again.equals(bytes) && !JSON.stringify(operation).includes('\ufffd'))
        t.fail(`round ${round}: ${bytes.toString('hex')} is ${JSON.stringify(operation)}`)
    } catch (error) {
      if (!(error instanceof UserError)) t.fail(`round ${round}: ${error}`)
    }
  }
  t.end()
})

function refuses(bytes: Buffer): boolean {
  try {
    decodeCommand(bytes)
    return false
  } catch (error) {
    return error instanceof UserError
  }
}

/** mulberry32. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
