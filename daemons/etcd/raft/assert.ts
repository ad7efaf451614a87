/** Something is so that the proof of Raft rules out: a bug, a disk that lied, or two members with one id. */
export class InvariantError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'InvariantError'
  }
}

/** Ends the work when an invariant does not hold: going on could lose what was acknowledged. */
export function invariant(holds: boolean, message: string): asserts holds {
  if (!holds) throw new InvariantError(message)
}
