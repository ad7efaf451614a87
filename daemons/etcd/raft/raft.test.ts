import t from 'tap'
import { InvariantError } from './assert.ts'
import type { RaftOptions } from './core.ts'
import { type ChangeKind, foundingLog, nextConfiguration } from './membership.ts'
import { newMessage } from './message.ts'
import { Raft } from './raft.ts'
import { READ_LOST } from './reads.ts'
import type { Ready } from './ready.ts'
import type { Entry } from './types.ts'

const NO_DATA = new Uint8Array(0)
const THREE = { voters: ['1', '2', '3'], learners: [] }
const ALONE = { voters: ['1'], learners: [] }

function raftOf(options: Partial<RaftOptions> = {}): Raft {
  return new Raft({ id: '1', configuration: THREE, random: () => 0, ...options })
}

function entriesOf(terms: readonly number[], first = 1): Entry[] {
  return terms.map((term, at) => ({ term, index: first + at, type: 'normal', data: NO_DATA }))
}

/** Takes all there is, with a disk that is done at once. */
function run(raft: Raft): Ready[] {
  const all: Ready[] = []
  while (raft.hasReady()) {
    const ready = raft.ready()
    all.push(ready)
    if (ready.write > 0) raft.persisted(ready.write)
    const last = ready.committed.at(-1)
    if (last !== undefined) raft.applied(last.index)
  }
  return all
}

/** A leader of one, with nothing left to do. */
function lone(settings: RaftOptions['settings'] = {}): Raft {
  const raft = raftOf({ configuration: ALONE, settings })
  t.ok(raft.campaign())
  run(raft)
  t.equal(raft.role, 'leader')
  return raft
}

t.test('a single member: saved, durable, committed, applied', t => {
  const raft = lone()
  t.notOk(raft.hasReady())
  t.equal(raft.propose(Uint8Array.of(1)), 'appended')
  t.equal(raft.propose(Uint8Array.of(2)), 'appended')
  const ready = raft.ready()
  t.same(
    ready.entries.map(({ index }) => index),
    [2, 3],
  )
  t.ok(ready.mustSync)
  t.same(ready.committed, [], 'not durable yet')
  t.notOk(raft.hasReady())

  // The next one need not wait.
  raft.propose(Uint8Array.of(3))
  const next = raft.ready()
  t.equal(next.write, ready.write + 1)
  t.same(next.entries.length, 1)
  raft.persisted(next.write)
  const after = raft.ready()
  t.equal(after.committed.length, 3)
  t.equal(after.write, 0)
  t.notOk(after.mustSync)
  t.equal(after.hardState?.commit, 4, 'the commit alone need not be synced')
  t.notOk(raft.hasReady())
  t.end()
})

t.test('no more writes are handed out than may be under way', t => {
  const raft = lone({ writesInFlightMax: 2 })
  const writes: number[] = []
  for (let count = 0; count < 4; count++) {
    raft.propose(Uint8Array.of(count))
    if (raft.hasReady()) writes.push(raft.ready().write)
  }
  t.equal(writes.filter(write => write > 0).length, 2)
  raft.persisted(writes[1]!)
  t.equal(raft.ready().entries.length, 2, 'the rest in one')
  t.end()
})

t.test('a vote is given when it is durable, once a term', t => {
  const raft = raftOf()
  const ask = (from: string): void => {
    const vote = newMessage('vote', '1', from, 5)
    raft.step(vote)
  }
  ask('2')
  const ready = raft.ready()
  t.same(ready.hardState, { term: 5, vote: '2', commit: 0 })
  t.same(ready.messages, [])
  t.notOk(raft.hasReady())
  raft.persisted(ready.write)
  t.match(raft.ready().messages, [{ type: 'voteAnswer', to: '2', term: 5, reject: false }])
  ask('3')
  t.match(raft.ready().messages, [{ type: 'voteAnswer', to: '3', reject: true }])
  ask('2')
  t.match(raft.ready().messages, [{ type: 'voteAnswer', to: '2', reject: false }], 'asked again')
  t.end()
})

t.test('a restart goes on with what the disk holds', t => {
  const raft = raftOf({
    hardState: { term: 4, vote: '3', commit: 2 },
    snapshot: { index: 1, term: 1, configuration: THREE },
    entries: entriesOf([2, 4], 2),
  })
  t.same([raft.term, raft.vote, raft.committedIndex, raft.appliedIndex, raft.lastIndex], [4, '3', 2, 1, 3])
  const [ready] = run(raft)
  t.same(
    ready?.committed.map(({ index }) => index),
    [2],
  )
  t.end()
})

t.test('a term that only the entries know is taken up without a vote', t => {
  const raft = raftOf({ hardState: { term: 1, vote: '2', commit: 0 }, entries: entriesOf([1, 3]) })
  t.same([raft.term, raft.vote], [3, ''])
  t.same(run(raft)[0]?.hardState, { term: 3, vote: '', commit: 0 })
  t.end()
})

t.test('a disk that cannot be right is refused', t => {
  t.throws(() => raftOf({ entries: entriesOf([1], 2) }), InvariantError)
  t.throws(
    () => raftOf({ hardState: { term: 1, vote: '', commit: 1 } }),
    /entry 1 was committed, the log ends with 0/,
  )
  t.throws(() => raftOf({ settings: { electionTicks: 1 } }), /electionTicks must be more than heartbeatTicks/)
  t.throws(() => raftOf({ settings: { readsPendingMax: 0 } }), RangeError)
  t.throws(() => raftOf({ settings: { applyBytesMax: 1.5 } }), /applyBytesMax must be a whole number above 0/)
  t.end()
})

t.test('a snapshot that comes late, or holds no more than the log, replaces nothing', t => {
  const raft = raftOf({ entries: entriesOf([1, 1, 2]), hardState: { term: 2, vote: '', commit: 1 } })
  run(raft)
  const send = (index: number, term: number): Ready => {
    const message = newMessage('snapshot', '1', '2', 2)
    message.snapshot = { meta: { index, term, configuration: THREE }, data: NO_DATA }
    raft.step(message)
    return run(raft).find(({ messages }) => messages.length > 0)!
  }
  t.match(send(1, 1).messages, [{ type: 'appendAnswer', index: 1, reject: false }], 'old')
  t.match(send(2, 1).messages, [{ index: 2 }], 'the log has it; what follows stays')
  t.same([raft.committedIndex, raft.lastIndex], [2, 3])
  t.match(send(3, 3).messages, [{ index: 3 }], 'the log has something else')
  t.same([raft.firstIndex, raft.lastIndex, raft.termOf(3)], [4, 3, 3])
  t.end()
})

t.test('a host that breaks its duties is told', t => {
  const raft = lone()
  t.throws(() => raft.applied(9), InvariantError)
  t.throws(() => raft.persisted(99), InvariantError)
  t.throws(() => raft.compact(1), /entries up to 1 are to be forgotten, a snapshot holds 0/)
  const configuration = raft.configuration
  t.throws(
    () => raft.snapshotTaken({ meta: { index: 5, term: 1, configuration }, data: NO_DATA }),
    InvariantError,
  )
  t.throws(
    () => raft.snapshotTaken({ meta: { index: 1, term: 7, configuration }, data: NO_DATA }),
    /claims term 7/,
  )
  raft.snapshotTaken({ meta: { index: 1, term: 1, configuration }, data: NO_DATA })
  raft.compact(1)
  t.equal(raft.firstIndex, 2)
  t.end()
})

t.test('what the proof rules out ends the work', t => {
  const raft = raftOf()
  raft.step(newMessage('heartbeat', '1', '2', 3))
  t.throws(() => raft.step(newMessage('heartbeat', '1', '3', 3)), /2 led term 3 before/)
  const leader = lone()
  t.throws(() => leader.step(newMessage('append', '1', '2', leader.term)), /leads term 1 as well/)
  const ahead = newMessage('heartbeat', '1', '2', 3)
  ahead.commit = 9
  t.throws(() => raft.step(ahead), /entry 9 is committed, the log ends with 0/)
  t.end()
})

t.test('reads: bounded, alone at once, lost with the leader', t => {
  const raft = lone({ readsPendingMax: 2 })
  t.equal(raft.readIndex(1), 'taken')
  t.equal(raft.readIndex(2), 'taken')
  t.equal(raft.readIndex(3), 'busy')
  t.same(
    run(raft).flatMap(({ readStates }) => readStates),
    [
      { context: 1, index: 1 },
      { context: 2, index: 1 },
    ],
  )
  const follower = raftOf()
  t.equal(follower.readIndex(1), 'noLeader')
  follower.step(newMessage('heartbeat', '1', '2', 3))
  run(follower)
  t.equal(follower.readIndex(7), 'taken')
  t.match(follower.ready().messages, [{ type: 'readIndex', to: '2', term: 0 }])
  follower.step(newMessage('heartbeat', '1', '3', 4))
  t.same(follower.ready().readStates, [{ context: 7, index: READ_LOST }])
  t.end()
})

t.test('a question to a leader that does not answer is given up', t => {
  const raft = raftOf()
  raft.step(newMessage('heartbeat', '1', '2', 3))
  run(raft)
  raft.readIndex(7)
  run(raft)
  for (let ticks = 0; ticks < 11; ticks++) {
    raft.step(newMessage('heartbeat', '1', '2', 3))
    raft.tick()
  }
  t.same(
    run(raft).flatMap(({ readStates }) => readStates),
    [{ context: 7, index: READ_LOST }],
  )
  t.end()
})

t.test('a member of nothing waits, founders elect one of them', t => {
  const nobody = { voters: [], learners: [] }
  const joiner = raftOf({ configuration: nobody })
  for (let ticks = 0; ticks < 50; ticks++) joiner.tick()
  t.notOk(joiner.hasReady())
  t.notOk(joiner.campaign())
  const { hardState, entries } = foundingLog([{ member: '1', context: NO_DATA }])
  const founder = raftOf({ configuration: nobody, hardState, entries })
  t.notOk(founder.campaign(), 'its own entry is not applied')
  const { committed } = founder.ready()
  t.equal(founder.applyConfiguration({ kind: 'addVoter', member: '1', context: NO_DATA }), undefined)
  founder.applied(committed[0]!.index)
  t.ok(founder.campaign())
  run(founder)
  t.same([founder.role, founder.term], ['leader', 2])
  t.end()
})

t.test('changes make one step or say why not', t => {
  const now = { voters: ['1', '2'], learners: ['3'] }
  const next = (kind: ChangeKind, member: string): unknown =>
    nextConfiguration(now, { kind, member, context: NO_DATA })
  t.same(next('addVoter', '4'), { voters: ['1', '2', '4'], learners: ['3'] })
  t.same(next('addLearner', '4'), { voters: ['1', '2'], learners: ['3', '4'] })
  t.same(next('promote', '3'), { voters: ['1', '2', '3'], learners: [] })
  t.same(next('remove', '1'), { voters: ['2'], learners: ['3'] })
  t.same(next('remove', '3'), { voters: ['1', '2'], learners: [] })
  t.same(next('demote', '1'), { voters: ['2'], learners: ['3', '1'] })
  t.match(next('addVoter', '3'), /is a member already/)
  t.match(next('addLearner', '1'), /is a member already/)
  t.match(next('promote', '1'), /is no learner/)
  t.match(next('remove', '9'), /is no member/)
  t.match(next('demote', '3'), /is no voter/)
  const last = { voters: ['1'], learners: ['2'] }
  t.match(nextConfiguration(last, { kind: 'remove', member: '1', context: NO_DATA }), /is the last voter/)
  t.end()
})
