import t from 'tap'
import { FormatError } from './bytes.ts'
import { decodeEntry, decodeMessage, encodeEntry, encodeMessage, entrySize, writeEntry } from './codec.ts'
import { decodeChange, encodeChange, foundingLog } from './membership.ts'
import { type Message, newMessage } from './message.ts'
import { randomFrom } from './script/random.ts'
import type { Entry, MemberId } from './types.ts'

const TYPES: readonly Message['type'][] = [
  'append',
  'appendAnswer',
  'heartbeat',
  'heartbeatAnswer',
  'vote',
  'voteAnswer',
  'preVote',
  'preVoteAnswer',
  'snapshot',
  'timeoutNow',
  'propose',
  'readIndex',
  'readIndexAnswer',
]
const NUMBERS = [
  0,
  1,
  127,
  128,
  16_383,
  16_384,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  2 ** 35,
  2 ** 49,
  Number.MAX_SAFE_INTEGER,
]
const MEMBERS: readonly MemberId[] = [
  '1',
  'abc',
  'ffffffff',
  '100000000',
  '7de024a39b9cb2f6',
  'ffffffffffffffff',
]

/** Anything that a message may be, by chance. */
function someMessage(random: () => number): Message {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!
  const bytes = (): Uint8Array =>
    Uint8Array.from({ length: pick([0, 1, 127, 128, 300]) }, () => pick([0, 7, 255]))
  const entry = (): Entry => {
    return { term: pick(NUMBERS), index: pick(NUMBERS), type: pick(['normal', 'config']), data: bytes() }
  }
  const message = newMessage(pick(TYPES), pick(MEMBERS), pick(MEMBERS), pick(NUMBERS))
  message.index = pick(NUMBERS)
  message.logTerm = pick(NUMBERS)
  message.commit = pick(NUMBERS)
  message.hintIndex = pick(NUMBERS)
  message.hintTerm = pick(NUMBERS)
  message.context = pick(NUMBERS)
  message.reject = random() < 0.5
  message.entries = Array.from({ length: pick([0, 1, 5]) }, entry)
  if (random() < 0.3) {
    const configuration = {
      voters: [pick(MEMBERS), pick(MEMBERS)],
      learners: random() < 0.5 ? [] : [pick(MEMBERS)],
    }
    message.snapshot = { meta: { term: pick(NUMBERS), index: pick(NUMBERS), configuration }, data: bytes() }
  }
  return message
}

/** The same with plain arrays, so that a view into a buffer equals bytes of its own. */
function plain(value: unknown): string {
  return JSON.stringify(value, function (this: Record<string, unknown>, key, part) {
    // A Buffer has turned itself into something else by the time it arrives as `part`.
    const raw = this[key]
    return raw instanceof Uint8Array ? [...raw] : part
  })
}

t.test('a message is what it was', t => {
  const random = randomFrom(1)
  for (let round = 0; round < 2000; round++) {
    const message = someMessage(random)
    const back = decodeMessage(encodeMessage(message))
    if (plain(back) !== plain(message))
      t.fail(`round ${round}: ${plain(message)} came back as ${plain(back)}`)
  }
  t.end()
})

t.test('bytes too few, too many or changed are refused or mean something else', t => {
  const random = randomFrom(2)
  for (let round = 0; round < 200; round++) {
    const bytes = encodeMessage(someMessage(random))
    for (let length = 0; length < Math.min(bytes.length, 80); length++)
      if (!refuses(() => decodeMessage(bytes.subarray(0, length))))
        t.fail(`${length} of ${bytes.length} bytes`)
    if (!refuses(() => decodeMessage(Buffer.concat([bytes, Buffer.of(0)])))) t.fail('one byte more')
    const at = Math.floor(random() * bytes.length)
    const changed = Buffer.from(bytes)
    changed[at] = changed[at]! ^ (1 << Math.floor(random() * 8))
    // One form for every value: what is accepted is written again the same.
    refuses(() => same(encodeMessage(decodeMessage(changed)), changed))
  }
  t.end()

  function same(a: Uint8Array, b: Uint8Array): void {
    if (Buffer.compare(a, b) !== 0) t.fail('a message has two forms')
  }
})

/** Whether it throws a `FormatError`; anything else that is thrown is passed on. */
function refuses(read: () => unknown): boolean {
  try {
    read()
    return false
  } catch (error) {
    if (error instanceof FormatError) return true
    throw error
  }
}

t.test('what is wrong is said', t => {
  const message = newMessage('vote', '2', '1', 1)
  const bytes = Buffer.from(encodeMessage(message))
  const changed = (at: number, value: number): Buffer => {
    const copy = Buffer.from(bytes)
    copy[at] = value
    return copy
  }
  t.throws(() => decodeMessage(changed(0, 2)), /message of version 2, only 1/)
  t.throws(() => decodeMessage(changed(1, 0)), /no type 0/)
  t.throws(() => decodeMessage(changed(1, 14)), /no type 14/)
  t.throws(() => decodeMessage(changed(2, 4)), /no flags 4/)
  t.throws(() => decodeMessage(changed(10, 0)), /a member has the id 0/)
  t.throws(() => decodeMessage(Buffer.concat([bytes, bytes])), /bytes follow it/)
  const wide = Buffer.concat([bytes.subarray(0, 19), Buffer.of(128, 0), bytes.subarray(20)])
  t.throws(() => decodeMessage(wide), /a number has zeros before it/)
  const huge = Buffer.concat([
    bytes.subarray(0, 19),
    Buffer.alloc(7, 255),
    Buffer.of(127),
    bytes.subarray(20),
  ])
  t.throws(() => decodeMessage(huge), /a number is above 2\^53 - 1/)
  const many = Buffer.concat([bytes.subarray(0, bytes.length - 1), Buffer.of(255, 255, 255, 127)])
  t.throws(() => decodeMessage(many), /it ends early/, 'a count that the bytes cannot hold')
  t.end()
})

t.test('an entry is what it was, alone and in a row', t => {
  for (const type of ['normal', 'config'] as const) {
    for (const number of NUMBERS) {
      const entry = { term: number, index: number, type, data: Uint8Array.of(1, 2, 3) }
      const bytes = encodeEntry(entry)
      t.equal(bytes.length, entrySize(entry))
      if (plain(decodeEntry(bytes)) !== plain(entry)) t.fail(`${type} ${number}`)
      const row = new Uint8Array(bytes.length + 4)
      t.equal(writeEntry(row, 2, entry), bytes.length + 2)
      t.same([...row.subarray(2, -2)], [...bytes])
    }
  }
  t.same(
    [...encodeEntry({ term: 2, index: 300, type: 'config', data: Uint8Array.of(9) })],
    [2, 2, 172, 2, 9],
    'form',
  )
  t.throws(() => decodeEntry(Uint8Array.of(3, 1, 1)), /no type 3/)
  t.throws(() => decodeEntry(Uint8Array.of(1, 1)), /it ends early/)
  t.end()
})

t.test('a change of members is what it was', t => {
  for (const kind of ['addVoter', 'addLearner', 'promote', 'remove', 'demote'] as const) {
    const change = { kind, member: 'ff00000001', context: Uint8Array.of(1, 2) }
    const bytes = encodeChange(change)
    t.equal(plain(decodeChange(bytes)), plain(change))
    for (let length = 0; length < bytes.length; length++)
      t.throws(() => decodeChange(bytes.subarray(0, length)), FormatError)
    t.throws(() => decodeChange(Buffer.concat([bytes, Buffer.of(0)])), /1 bytes follow it/)
  }
  t.throws(() => decodeChange(Uint8Array.of(1, 6)), /no kind 6/)
  t.throws(() => decodeChange(Uint8Array.of(2)), /of version 2/)
  t.end()
})

t.test('founders stand in the log in their order', t => {
  const founders = ['a', 'b'].map(member => ({ member, context: new Uint8Array(0) }))
  const { hardState, entries } = foundingLog(founders)
  t.same(hardState, { term: 1, vote: '', commit: 2 })
  t.same(
    entries.map(({ term, index, data }) => [term, index, decodeChange(data).member]),
    [
      [1, 1, 'a'],
      [1, 2, 'b'],
    ],
  )
  t.end()
})
