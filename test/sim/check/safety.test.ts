import t from 'tap'
import type { Inspection } from '../subject.ts'
import { Safety } from './safety.ts'
import { Violation } from './violation.ts'

interface Fake extends Partial<Omit<Inspection, 'termAt' | 'hashAt' | 'lastIndex' | 'leading'>> {
  /** Terms of the entries behind the snapshot; a text counts as term and something else in it: `2x`. */
  log?: readonly (number | string)[]
  leads?: boolean
}

/** A member as it might show itself. All is durable that is not said to be less. */
function show(fake: Fake): Inspection {
  const log = fake.log ?? []
  const start = fake.snapshotIndex ?? 0
  const term = (entry: number | string) => Number.parseInt(String(entry), 10)
  const snapshotTerm = fake.snapshotTerm ?? 0
  return {
    term: 1,
    durableTerm: fake.term ?? 1,
    vote: '',
    leader: '',
    commit: start,
    applied: start,
    snapshotIndex: start,
    durableIndex: start + log.length,
    voters: ['a', 'b', 'c'],
    learners: [],
    ...fake,
    snapshotTerm,
    leading: fake.leads ?? false,
    lastIndex: start + log.length,
    termAt: index => (index === start ? snapshotTerm : term(log[index - start - 1]!)),
    hashAt: index => String(log[index - start - 1]).length,
  }
}

/** The checker that objects to the last of these looks; all before must be right. */
function objection(...looks: [id: string, fake: Fake][]): string | undefined {
  const safety = new Safety()
  for (const [at, [id, fake]] of looks.entries()) {
    try {
      if (id.startsWith('-')) safety.ended(id.slice(1))
      else safety.look(id, show(fake))
    } catch (error) {
      if (!(error instanceof Violation) || at < looks.length - 1) throw error
      return error.checker
    }
  }
  return undefined
}

t.test('a healthy cluster is healthy', t => {
  const looks: [string, Fake][] = [
    ['a', { leads: true, log: [1] }],
    ['b', { log: [1] }],
    ['a', { leads: true, log: [1], commit: 1, applied: 1 }],
    ['a', { leads: true, log: [1, 1, 1], commit: 1, applied: 1 }],
    ['c', { term: 2, leads: true, log: [1, 2] }],
    ['a', { term: 2, log: [1, 2], commit: 1, applied: 1 }],
    ['c', { term: 2, leads: true, log: [1, 2], commit: 2 }],
    ['c', { term: 2, leads: true, snapshotIndex: 2, snapshotTerm: 2, commit: 2, applied: 2 }],
    ['-a', {}],
    ['a', { term: 2, log: [1, 2] }],
  ]
  t.equal(objection(...looks), undefined)
  t.end()
})

t.test('elections', t => {
  t.equal(objection(['a', { leads: true }], ['b', { leads: true }]), 'one-leader')
  t.equal(objection(['a', { leads: true }], ['-a', {}], ['b', { leads: true }]), 'one-leader')
  t.equal(objection(['a', { term: 3 }], ['a', { term: 2 }]), 'term-monotonic')
  t.equal(objection(['a', { term: 3 }], ['-a', {}], ['a', { term: 2 }]), 'term-monotonic')
  t.equal(objection(['a', { term: 3, durableTerm: 2 }], ['-a', {}], ['a', { term: 2 }]), undefined)
  const commit: [string, Fake][] = [
    ['b', { log: [1] }],
    ['a', { leads: true, log: [1] }],
    ['a', { leads: true, log: [1], commit: 1 }],
  ]
  t.equal(objection(...commit, ['c', { term: 2, leads: true }]), 'leader-completeness')
  t.equal(objection(...commit, ['b', { term: 2, leads: true, log: [1] }]), undefined)
  t.end()
})

t.test('logs', t => {
  t.equal(objection(['a', { log: [1] }], ['b', { log: ['1x'] }]), 'log-matching')
  t.equal(objection(['a', { log: [1, 2] }], ['b', { log: [2, 2] }]), 'log-matching')
  t.equal(objection(['a', { log: [2, 1] }]), 'log-matching')
  t.equal(objection(['a', { log: [1, 2] }], ['b', { log: [1, 3] }]), undefined)
  t.equal(
    objection(['a', { term: 2, leads: true, log: [1, 2] }], ['a', { term: 2, leads: true, log: [1] }]),
    'leader-append-only',
  )
  t.equal(objection(['a', { log: [1, 1] }], ['-a', {}], ['a', { log: [1] }]), 'durable-log')
  t.equal(objection(['a', { log: [1, 1], durableIndex: 1 }], ['-a', {}], ['a', { log: [1] }]), undefined)
  t.equal(objection(['a', { log: [1, 1] }], ['-a', {}], ['a', { log: [1, 2] }]), 'durable-log')
  t.end()
})

t.test('commits', t => {
  const b: [string, Fake] = ['b', { log: [1, 1] }]
  const committed: [string, Fake] = ['a', { leads: true, log: [1, 1], commit: 2 }]
  t.equal(objection(committed), 'durable-on-quorum')
  t.equal(objection(b, ['a', { leads: true, log: [1, 1], commit: 2, durableIndex: 1 }]), 'durable-on-quorum')
  t.equal(objection(['b', { log: [1, 1], durableIndex: 1 }], committed), 'durable-on-quorum')
  t.equal(
    objection(['b', { log: [1, 1] }], ['-b', {}], committed),
    undefined,
    'what is down is durable still',
  )
  t.equal(objection(b, committed, ['a', { leads: true, log: [1, 1], commit: 1 }]), 'commit-monotonic')
  t.equal(objection(['a', { commit: 1 }]), 'commit-in-log')
  t.equal(objection(b, ['b', { log: [1, 1], applied: 1 }]), 'apply-committed')
  t.equal(objection(b, committed, ['a', { log: [1, 3], term: 3, commit: 2 }]), 'committed-kept')
  t.equal(objection(b, committed, ['c', { log: [1, 2], commit: 2 }]), 'state-machine-safety')
  t.equal(objection(b, committed, ['c', { snapshotIndex: 3, snapshotTerm: 1 }]), 'snapshot-committed')
  t.equal(objection(b, committed, ['c', { snapshotIndex: 2, snapshotTerm: 2 }]), 'snapshot-committed')
  t.equal(objection(b, committed, ['c', { snapshotIndex: 2, snapshotTerm: 1 }]), undefined)
  t.equal(
    objection(['b', { log: [1], voters: ['a'] }], ['a', { leads: true, log: [1], commit: 1, voters: ['a'] }]),
    undefined,
    'alone it is a majority',
  )
  t.end()
})

t.test('configurations', t => {
  const committed: [string, Fake][] = [
    ['b', { log: [1] }],
    ['a', { leads: true, log: [1], commit: 1, applied: 1 }],
  ]
  t.equal(
    objection(...committed, ['b', { log: [1], commit: 1, applied: 1, voters: ['c', 'b', 'a'] }]),
    undefined,
  )
  t.equal(
    objection(...committed, ['b', { log: [1], commit: 1, applied: 1, voters: ['a'] }]),
    'equal-configurations',
  )
  t.equal(
    objection(...committed, ['b', { log: [1], commit: 1, applied: 1, learners: ['d'] }]),
    'equal-configurations',
  )
  t.end()
})

t.test('states', t => {
  const safety = new Safety()
  safety.applied('a', 1, 7)
  safety.applied('b', 1, 7)
  safety.applied('b', 2, 8)
  t.throws(() => safety.applied('c', 2, 9), { name: 'Violation', checker: 'equal-states' })
  t.end()
})
