/** One operation of a client, as the client saw it. Times are in any unit that grows. */
export interface Operation<I, O> {
  /** Its place in the history, for people. */
  id: number
  client: number
  call: number
  /** Infinite when no answer came: the operation may happen at any later time, or never. */
  return: number
  input: I
  /** Undefined when no answer came. */
  output: O | undefined
}

/** What operations mean, one at a time. */
export interface Model<S, I, O> {
  readonly initial: S
  /**
   * The states that the operation may lead to. None: it cannot have happened in this state with this output.
   * Without an output it must allow for every one.
   */
  step(state: S, input: I, output: O | undefined): readonly S[]
  /** The same text for the same state. */
  keyOf(state: S): string
  /** For people. */
  describe(input: I, output: O | undefined): string
  describeState(state: S): string
}

/** The history as it was known at that time: what had no answer yet has none. */
export function cutAt<I, O>(history: readonly Operation<I, O>[], time: number): Operation<I, O>[] {
  return history
    .filter(operation => operation.call <= time)
    .map(operation =>
      operation.return <= time
        ? operation
        : { ...operation, return: Number.POSITIVE_INFINITY, output: undefined },
    )
}
