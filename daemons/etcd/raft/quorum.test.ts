import t from 'tap'
import { majority, majorityValue, voteResult } from './quorum.ts'

const VOTERS_MAX = 6

/** Every way to give each of `count` voters one of the values. */
function* everyChoice<T>(count: number, values: readonly T[]): Generator<T[]> {
  if (count === 0) {
    yield []
    return
  }
  for (const rest of everyChoice(count - 1, values)) for (const value of values) yield [...rest, value]
}

/** All sets of more than half of the voters, by the places of their members. */
function everyMajority(count: number): number[][] {
  const sets = Array.from({ length: 2 ** count }, (_none, bits) =>
    Array.from({ length: count }, (_zero, at) => at).filter(at => (bits & (1 << at)) !== 0),
  )
  return sets.filter(set => set.length * 2 > count)
}

t.test('the value of a majority is the highest that all of some majority have reached', t => {
  for (let count = 1; count <= VOTERS_MAX; count++) {
    const majorities = everyMajority(count)
    for (const values of everyChoice(count, [0, 1, 2, 7])) {
      const naive = Math.max(...majorities.map(set => Math.min(...set.map(at => values[at]!))))
      if (majorityValue([...values]) !== naive) t.fail(`${values} gave ${majorityValue([...values])}`)
    }
  }
  t.equal(majorityValue([]), 0, 'nobody decides nothing')
  t.end()
})

t.test('a vote is won by a majority, lost when none is left, open otherwise', t => {
  for (let count = 1; count <= VOTERS_MAX; count++) {
    const majorities = everyMajority(count)
    for (const votes of everyChoice(count, ['yes', 'no', 'none'])) {
      const won = majorities.some(set => set.every(at => votes[at] === 'yes'))
      const canWin = majorities.some(set => set.every(at => votes[at] !== 'no'))
      const naive = won ? 'won' : canWin ? 'open' : 'lost'
      const result = voteResult(
        count,
        votes.filter(x => x === 'yes').length,
        votes.filter(x => x === 'no').length,
      )
      if (result !== naive) t.fail(`${votes} gave ${result}`)
    }
  }
  t.equal(voteResult(0, 0, 0), 'lost', 'without voters nobody is elected')
  t.end()
})

t.test('any two majorities share a voter, also one of the next size', t => {
  for (let count = 1; count <= VOTERS_MAX; count++) {
    t.ok(majority(count) * 2 > count)
    t.ok(majority(count) + majority(count + 1) > count + 1, `${count} and ${count + 1}`)
  }
  t.end()
})
