import t from 'tap'
import { ByteReader, ByteWriter } from '../store/bytes.ts'
import { decodeContext, encodeContext } from './change.ts'
import { agreedMs, MemberClock } from './clock.ts'
import { clusterId, compareIds, memberId } from './identity.ts'
import { refuseAdding, refuseRemoving } from './reconfiguration.ts'
import type { ClusterMember } from './service.ts'
import { SESSIONS_MAX, Sessions, WINDOW_COMMANDS } from './sessions.ts'

t.test('ids are those of the original', async t => {
  const id = memberId(['http://127.0.0.1:36380'], 'etcd-cluster')
  t.equal(id, '7de024a39b9cb2f6')
  t.equal(clusterId([id]), '92f854ab602d9eec')
  const discovery = 'http://127.0.0.1:36379/v2/keys/disc'
  t.equal(memberId(['http://127.0.0.1:36990'], discovery), 'ff3ac4d55be238f9')
  t.not(memberId(['http://a:1'], '', 5), memberId(['http://a:1'], '', 6))
  t.equal(memberId(['http://b:1', 'http://a:1'], 'x'), memberId(['http://a:1', 'http://b:1'], 'x'))
  t.equal(clusterId(['f', '10']), clusterId(['10', 'f']))
  t.same(['10', 'f', 'ff', '2'].toSorted(compareIds), ['2', 'f', '10', 'ff'])
})

t.test('the clock of most', async t => {
  t.equal(agreedMs(7, []), 7, 'alone it is its own')
  t.equal(agreedMs(-40, [0]), -40, 'of two, nobody knows which one is right')
  t.equal(agreedMs(-40, [0, 1]), 0)
  t.equal(agreedMs(0, [-40, 1]), 0)
  t.equal(agreedMs(-40, [0, 2, 4]), 0, 'in the middle, and no further than it must')
  t.equal(agreedMs(3600, [-40, 0, 1, 2]), 1)
  const clock = new MemberClock(100, 1_000_000)
  clock.look(200, 1_040_100, [999_900, 999_902])
  t.equal(clock.wallMs(200.5), 1_000_102, 'that of this member was set, and the others stay')
})

t.test('a command counts once, in whatever order commands come', async t => {
  const sessions = new Sessions()
  let index = 0
  const count = (sequence: number): boolean => sessions.count(9, sequence, ++index)
  for (const sequence of [1, 2, 5, 3, 4, 6]) t.ok(count(sequence))
  for (const sequence of [1, 2, 3, 4, 5, 6]) t.notOk(count(sequence))
  t.ok(sessions.count(8, 1, ++index), 'another process counts for itself')
  t.ok(sessions.has(9, 4))
  t.notOk(sessions.has(9, 7))
})

t.test('what lags too far behind counts as applied', async t => {
  const sessions = new Sessions()
  sessions.count(9, 1, 1)
  t.ok(sessions.count(9, WINDOW_COMMANDS + 10, 2))
  t.notOk(sessions.count(9, 5, 3))
  t.ok(sessions.count(9, 11, 4))
  t.ok(sessions.count(9, 2 ** 50, 5), 'a leap takes no time')
  t.notOk(sessions.count(9, WINDOW_COMMANDS + 11, 6))
  for (let hole = 1; hole < 3000; hole++) t.equal(sessions.count(9, 2 ** 50 + 2 * hole, 6 + hole), true)
})

t.test('sessions are bounded, and all members forget the same one', async t => {
  const one = new Sessions()
  const other = new Sessions()
  for (let id = 1; id <= SESSIONS_MAX; id++) for (const table of [one, other]) table.count(id, 1, id)
  for (const table of [one, other]) table.count(1, 2, 1000)
  const copy = copyOf(one)
  for (const table of [one, other, copy]) t.ok(table.count(5000, 1, 1001))
  for (const table of [one, other, copy]) {
    t.equal(table.size, SESSIONS_MAX)
    t.ok(table.has(1, 2), 'one that is used stays')
    t.notOk(table.has(2, 1), 'the one used longest ago went')
  }
})

t.test('sessions travel as bytes', async t => {
  const sessions = new Sessions()
  for (const sequence of [1, 2, 7, 9]) sessions.count(2 ** 52, sequence, sequence)
  const copy = copyOf(sessions)
  for (const sequence of [1, 2, 7, 9]) t.notOk(copy.count(2 ** 52, sequence, 100))
  for (const sequence of [3, 8]) t.ok(copy.count(2 ** 52, sequence, 100))
  const writer = new ByteWriter(10)
  writer.varint(SESSIONS_MAX + 1)
  t.throws(() => new Sessions().read(new ByteReader(writer.take(), 'it')), /has 257 sessions/)
})

t.test('the context of a change', async t => {
  const context = { session: 7, sequence: 8, peerUrls: ['http://a:1', 'http://ü:2'] }
  const bytes = encodeContext(context)
  t.same(decodeContext(bytes), context)
  for (let length = 0; length < bytes.length; length++) t.throws(() => decodeContext(bytes.slice(0, length)))
  bytes[0] = 2
  t.throws(() => decodeContext(bytes), /format 2/)
})

t.test('strict changes of members', async t => {
  const members = (...names: string[]): ClusterMember[] =>
    names.map((name, at) => ({ id: `a${at}`, name, peerUrls: [], clientUrls: [], isLearner: false }))
  const connected = (...ids: string[]): Map<string, number> => new Map(ids.map(id => [id, 1]))
  const now = 100_000
  t.equal(refuseAdding('a0', members('x'), new Map(), now), undefined, 'from one to two')
  t.match(refuseAdding('a0', members('x', ''), connected('a1'), now), /only 1 of 2/)
  t.equal(refuseAdding('a0', members('x', 'y', 'z'), connected('a1', 'a2'), now), undefined)
  t.match(refuseAdding('a0', members('x', 'y', 'z'), connected('a1'), now), /a2 is not reached/)
  t.match(refuseAdding('a0', members('x', 'y'), new Map([['a1', now - 10]]), now), /a1 is not reached/)
  t.match(refuseRemoving('a0', 'a0', members('x'), new Map(), now), /only 0 of the 0/)
  t.match(refuseRemoving('a0', 'a0', members('x', ''), new Map(), now), /only 0 of the 1/)
  t.equal(refuseRemoving('a0', 'a2', members('x', 'y', 'z'), connected('a1'), now), undefined, 'it is away')
  t.match(refuseRemoving('a0', 'a1', members('x', 'y', 'z'), connected('a1'), now), /only 2 members/)
  t.equal(refuseRemoving('a0', 'a1', members('x', 'y', 'z'), connected('a1', 'a2'), now), undefined)
})

function copyOf(sessions: Sessions): Sessions {
  const writer = new ByteWriter(100)
  sessions.write(writer)
  const copy = new Sessions()
  copy.read(new ByteReader(writer.take(), 'it'))
  return copy
}
