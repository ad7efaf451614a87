import type { Model, Operation } from './history.ts'

/** What a search found. */
export type Verdict<S, I, O> =
  | { kind: 'accepted'; steps: number }
  | { kind: 'refused'; steps: number; deepest: Deepest<S, I, O> }
  | { kind: 'gave-up'; steps: number }

/** As far as any order came. */
export interface Deepest<S, I, O> {
  order: Operation<I, O>[]
  state: S
  /** The operations that would have to come next, none of which can. */
  stuck: Operation<I, O>[]
}

/** Steps after which a search gives up; a healthy history of some thousand operations takes as many steps. */
export const SEARCH_STEPS_MAX = 3_000_000

interface Choice<S> {
  /** An operation, the ones with an answer first. */
  index: number
  state: S
}

interface Frame<S> {
  state: S
  /** The operation that led here, or −1. */
  index: number
  choices: Choice<S>[]
  next: number
}

/**
 * Looks for an order of the operations, one at a time, that agrees with real time and with the model.
 *
 * Depth first over what may come next; a set of operations that has been reached before in the same state is not
 * tried again. Two things keep it small: an operation that fits and changes nothing is taken at once, since taking it
 * later can never help anybody; and one without an answer that changes nothing is not taken at all.
 *
 * Source: Wing and Gong, Testing and verifying concurrent objects (1993), with Lowe's memory of configurations, Testing
 * for linearizability (2017).
 */
export function search<S, I, O>(
  model: Model<S, I, O>,
  history: readonly Operation<I, O>[],
  stepsMax: number = SEARCH_STEPS_MAX,
): Verdict<S, I, O> {
  return new Search(model, history).run(stepsMax)
}

class Search<S, I, O> {
  readonly #model: Model<S, I, O>
  /** Those with an answer by their call, then those without. */
  readonly #operations: Operation<I, O>[]
  readonly #answered: number
  readonly #done: Uint8Array
  /** All answered ones before this are done. */
  #first = 0
  #doneAnswered = 0

  constructor(model: Model<S, I, O>, history: readonly Operation<I, O>[]) {
    const byCall = (a: Operation<I, O>, b: Operation<I, O>) => a.call - b.call || a.id - b.id
    const answered = history.filter(({ output }) => output !== undefined).toSorted(byCall)
    const open = history.filter(({ output }) => output === undefined).toSorted(byCall)
    this.#model = model
    this.#operations = [...answered, ...open]
    this.#answered = answered.length
    this.#done = new Uint8Array(this.#operations.length)
  }

  run(stepsMax: number): Verdict<S, I, O> {
    const seen = new Set<string>()
    const stack: Frame<S>[] = [this.#frame(this.#model.initial, -1)]
    let deepest: { order: number[]; state: S } = { order: [], state: this.#model.initial }
    let best = -1
    for (let steps = 0; ; steps++) {
      const frame = stack[stack.length - 1]
      if (frame === undefined) return { kind: 'refused', steps, deepest: this.#explain(deepest) }
      if (this.#doneAnswered === this.#answered) return { kind: 'accepted', steps }
      if (steps >= stepsMax) return { kind: 'gave-up', steps }
      if (this.#doneAnswered > best) {
        best = this.#doneAnswered
        deepest = { order: stack.slice(1).map(({ index }) => index), state: frame.state }
      }
      const choice = frame.choices[frame.next++]
      if (choice === undefined) {
        stack.pop()
        if (frame.index >= 0) this.#unmark(frame.index)
        continue
      }
      this.#mark(choice.index)
      const key = this.#keyOf(choice.state)
      if (seen.has(key)) {
        this.#unmark(choice.index)
        continue
      }
      seen.add(key)
      stack.push(this.#frame(choice.state, choice.index))
    }
  }

  #frame(state: S, index: number): Frame<S> {
    const key = this.#model.keyOf(state)
    const choices: Choice<S>[] = []
    for (const candidate of this.#candidates()) {
      const { input, output } = this.#operations[candidate]!
      for (const next of this.#model.step(state, input, output)) {
        const same = this.#model.keyOf(next) === key
        if (same && output !== undefined)
          return { state, index, choices: [{ index: candidate, state: next }], next: 0 }
        if (!same) choices.push({ index: candidate, state: next })
      }
    }
    return { state, index, choices, next: 0 }
  }

  /** What may come next: whatever was called before the first of the others returned. */
  #candidates(): number[] {
    const operations = this.#operations
    let returnMin = Number.POSITIVE_INFINITY
    const candidates: number[] = []
    for (let at = this.#first; at < this.#answered; at++) {
      if (operations[at]!.call > returnMin) break
      if (this.#done[at] === 1) continue
      returnMin = Math.min(returnMin, operations[at]!.return)
      candidates.push(at)
    }
    const fitting = candidates.filter(at => operations[at]!.call <= returnMin)
    fitting.sort((a, b) => operations[a]!.return - operations[b]!.return || a - b)
    for (let at = this.#answered; at < operations.length; at++) {
      if (operations[at]!.call > returnMin) break
      if (this.#done[at] === 0) fitting.push(at)
    }
    return fitting
  }

  #mark(index: number): void {
    this.#done[index] = 1
    if (index >= this.#answered) return
    this.#doneAnswered += 1
    while (this.#first < this.#answered && this.#done[this.#first] === 1) this.#first += 1
  }

  #unmark(index: number): void {
    this.#done[index] = 0
    if (index >= this.#answered) return
    this.#doneAnswered -= 1
    this.#first = Math.min(this.#first, index)
  }

  /** The operations that are done as bits (few reach beyond the first that is not), and the state. */
  #keyOf(state: S): string {
    const bits: number[] = []
    for (let at = this.#first, count = this.#first; count < this.#doneAnswered; at++) {
      const bit = this.#done[at]!
      count += bit
      pushBit(bits, at - this.#first, bit)
    }
    const open: number[] = []
    for (let at = this.#answered; at < this.#operations.length; at++)
      pushBit(open, at - this.#answered, this.#done[at]!)
    return `${this.#first}.${bits.join()}.${open.join()}.${this.#model.keyOf(state)}`
  }

  #explain(deepest: { order: number[]; state: S }): Deepest<S, I, O> {
    this.#done.fill(0)
    this.#first = 0
    this.#doneAnswered = 0
    for (const index of deepest.order) this.#mark(index)
    const stuck = this.#candidates().filter(index => index < this.#answered)
    const take = (index: number) => this.#operations[index]!
    return { order: deepest.order.map(take), state: deepest.state, stuck: stuck.map(take) }
  }
}

function pushBit(words: number[], at: number, bit: number): void {
  const word = at >>> 5
  while (words.length <= word) words.push(0)
  if (bit === 1) words[word] = (words[word]! | (1 << (at & 31))) >>> 0
}
