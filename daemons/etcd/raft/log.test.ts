import t from 'tap'
import { InvariantError } from './assert.ts'
import { Log, NO_TERM } from './log.ts'
import { randomFrom } from './script/random.ts'
import type { Entry, SnapshotMeta } from './types.ts'

const NOBODY = { voters: [], learners: [] }

/** Entries of these terms from `first` on, each with ten bytes. */
function entriesOf(terms: readonly number[], first = 1): Entry[] {
  return terms.map((term, at) => ({ term, index: first + at, type: 'normal', data: new Uint8Array(10) }))
}

function termsOf(log: Log): number[] {
  const terms: number[] = []
  for (let index = log.first; index <= log.last; index++) terms.push(log.termOf(index))
  return terms
}

function logOf(terms: readonly number[], committed = 0, start?: SnapshotMeta): Log {
  return new Log(start, entriesOf(terms, (start?.index ?? 0) + 1), committed, 0)
}

t.test('a log from disk is checked', t => {
  t.throws(() => new Log(undefined, entriesOf([1, 1], 2), 0, 0), InvariantError, 'a gap')
  t.throws(() => logOf([2, 1]), /entry 2 is of term 1, the one before of 2/)
  t.throws(() => logOf([1], 2), /entry 2 was committed, the log ends with 1/)
  t.throws(() => new Log(undefined, entriesOf([1, 1]), 1, 2), /entry 2 was applied, 1 committed/)
  const start = { index: 5, term: 2, configuration: NOBODY }
  const log = logOf([2, 3], 0, start)
  t.same([log.first, log.last, log.committed, log.applied, log.stable], [6, 7, 5, 5, 7])
  t.same(
    [log.termOf(4), log.termOf(5), log.termOf(7), log.termOf(8), log.termOf(-3)],
    [NO_TERM, 2, 3, NO_TERM, NO_TERM],
  )
  t.end()
})

t.test('who has the later term, then the longer log, is up to date', t => {
  const log = logOf([1, 2])
  for (const [index, term, fits] of [
    [1, 2, false],
    [2, 2, true],
    [3, 2, true],
    [9, 1, false],
    [1, 3, true],
  ] as const)
    t.equal(log.isUpToDate(index, term), fits, `${index}@${term}`)
  t.end()
})

t.test('merging agrees with doing it the simple way', t => {
  const seed = 5
  const random = randomFrom(seed)
  for (let round = 0; round < 3000; round++) {
    const ours = terms(random, 6)
    const theirs = terms(random, 6)
    const log = logOf(ours)
    const before = Math.floor(random() * (theirs.length + 1))
    const to = before + Math.floor(random() * (theirs.length - before + 1))
    const term = before === 0 ? 0 : theirs[before - 1]!
    const sent = entriesOf(theirs.slice(before, to), before + 1)
    const agrees = before === 0 || (before <= ours.length && ours[before - 1] === term)
    const result = log.merge(before, term, sent, false)
    if (!agrees) {
      if (result !== NO_TERM) t.fail(`seed ${seed} round ${round}: took what does not fit`)
      continue
    }
    const conflict = sent.some(entry => entry.index > ours.length || ours[entry.index - 1] !== entry.term)
    const wanted = conflict ? [...ours.slice(0, before), ...theirs.slice(before, to)] : ours
    if (result !== to || termsOf(log).join() !== wanted.join())
      t.fail(
        `seed ${seed} round ${round}: ${ours} and ${theirs} from ${before} to ${to} gave ${termsOf(log)}`,
      )
  }
  t.end()
})

/** Ascending terms of at most `length` entries. */
function terms(random: () => number, length: number): number[] {
  let term = 1
  return Array.from({ length: Math.floor(random() * (length + 1)) }, () => {
    if (random() < 0.4) term += 1 + Math.floor(random() * 2)
    return term
  })
}

t.test('what is committed is never cut', t => {
  const log = logOf([1, 1, 1], 2)
  t.throws(() => log.merge(1, 1, entriesOf([2], 2), false), /entry 2 is to be replaced and 2 is committed/)
  t.equal(log.merge(2, 1, entriesOf([2, 2], 3), false), 4)
  t.throws(() => log.commit(5), /entry 5 is committed, the log ends with 4/)
  t.end()
})

t.test('the place of agreement skips terms that are too new', t => {
  const log = logOf([1, 1, 3, 3, 5])
  t.equal(log.agreement(5, 4), 4)
  t.equal(log.agreement(4, 2), 2)
  t.equal(log.agreement(9, 9), 5)
  t.equal(log.agreement(3, 0), 0)
  t.end()
})

t.test('a slice ends where its bytes do, and has one entry always', t => {
  const log = logOf([1, 1, 1, 1])
  const lengths = [1, 42, 83, 84, 126, 1000].map(bytes => log.slice(1, 4, bytes).length)
  t.same(lengths, [1, 1, 1, 2, 3, 4])
  t.same(
    log.slice(3, 4, 1000).map(({ index }) => index),
    [3, 4],
  )
  t.throws(() => log.slice(0, 2, 9), InvariantError)
  t.throws(() => log.slice(2, 5, 9), InvariantError)
  t.end()
})

t.test('entries are handed over once, when they are committed and durable', t => {
  const log = logOf([])
  for (const entry of entriesOf([1, 1, 1])) log.append(entry)
  log.commit(3)
  t.notOk(log.hasToApply)
  t.same(log.nextToApply(1000), [], 'not durable')
  t.equal(log.takeEntries().length, 3)
  const write = log.startWrite()
  log.finishWrites(write)
  t.ok(log.hasToApply)
  t.equal(log.nextToApply(84).length, 2)
  t.equal(log.nextToApply(84).length, 1)
  t.notOk(log.hasToApply)
  log.appliedTo(2)
  t.throws(() => log.appliedTo(4), /entry 4 was applied, 3 handed over/)
  t.throws(() => log.compact(3), /entry 3 is to be forgotten, 2 is applied/)
  log.compact(2)
  log.compact(1)
  t.same([log.first, log.last, log.termOf(2), log.termOf(1)], [3, 3, 1, NO_TERM])
  t.end()
})

t.test('a write stands for no more than the log still holds of it', t => {
  const log = logOf([1])
  log.append(entriesOf([2], 2)[0]!)
  log.takeEntries()
  const first = log.startWrite()
  log.merge(1, 1, entriesOf([3], 2), false)
  t.equal(log.takeEntries()[0]?.term, 3)
  const second = log.startWrite()
  log.merge(1, 1, entriesOf([2, 4], 2), false)
  log.takeEntries()
  const third = log.startWrite()
  log.finishWrites(first)
  t.equal(log.stable, 1)
  log.finishWrites(second)
  t.equal(log.stable, 1)
  log.finishWrites(third)
  t.equal(log.stable, 3)
  t.throws(() => log.finishWrites(third + 1), /was reported as durable and never taken/)
  t.end()
})

t.test('an installed snapshot replaces all and is durable with its own write', t => {
  const log = logOf([1, 1, 1, 1])
  log.append(entriesOf([2], 5)[0]!)
  log.takeEntries()
  const before = log.startWrite()
  log.install({ meta: { index: 3, term: 2, configuration: NOBODY }, data: new Uint8Array(0) }, false)
  t.same([log.first, log.last, log.committed, log.applied], [4, 3, 3, 3])
  log.finishWrites(before)
  t.ok(log.installing, 'the write before it says nothing about it')
  log.merge(3, 2, entriesOf([2], 4), false)
  log.commit(4)
  t.same(log.nextToApply(1000), [])
  t.equal(log.takeSnapshot()?.meta.index, 3)
  t.equal(log.takeEntries().length, 1)
  log.finishWrites(log.startWrite())
  t.notOk(log.installing)
  t.equal(log.nextToApply(1000).length, 1)
  t.throws(
    () => log.install({ meta: { index: 4, term: 2, configuration: NOBODY }, data: new Uint8Array(0) }, false),
    /a snapshot of 4 is older than commit 4/,
  )
  t.end()
})
