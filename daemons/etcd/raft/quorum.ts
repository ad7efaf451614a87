/** What a vote has come to so far. */
export type VoteResult = 'won' | 'lost' | 'open'

/** How many of so many voters are a majority: any two majorities share a voter. */
export function majority(voters: number): number {
  return (voters >>> 1) + 1
}

/**
 * The highest value that a majority has reached, one value a voter; 0 without voters, because nobody can decide then.
 * Sorts the array it is given: called for every acknowledgement, it must not allocate.
 */
export function majorityValue(values: number[]): number {
  const count = values.length
  if (count === 0) return 0
  // A handful of numbers: insertion beats the general sort and calls nothing.
  for (let at = 1; at < count; at++) {
    const value = values[at]!
    let to = at
    while (to > 0 && values[to - 1]! > value) {
      values[to] = values[to - 1]!
      to -= 1
    }
    values[to] = value
  }
  return values[count - majority(count)]!
}

/** The result of a vote among so many voters when so many said yes and so many said no. */
export function voteResult(voters: number, granted: number, refused: number): VoteResult {
  const needed = majority(voters)
  if (voters > 0 && granted >= needed) return 'won'
  return voters - refused < needed ? 'lost' : 'open'
}
