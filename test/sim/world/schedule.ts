import { Heap } from './heap.ts'
import { mix } from './random.ts'

/** Microseconds in a millisecond: the world counts whole microseconds, its members see milliseconds. */
export const US_PER_MS = 1000

/** Something that events belong to, and that may stand still or end: one life of a process. */
export interface Owner {
  /** A small number of its own, part of the trace. */
  readonly number: number
  /** Its events wait while it stands still. */
  paused: boolean
  /** Nothing planned for it happens once it has ended. */
  ended: boolean
}

/** One thing that will happen. */
export interface Planned {
  time: number
  readonly sequence: number
  readonly owner: Owner | undefined
  /** What kind of event it is, for people. */
  readonly kind: string
  readonly run: () => void
  cancelled: boolean
}

/**
 * Time of the simulated world: what happens next is the event planned for the earliest time, and of those the one that
 * was planned first. Nothing else decides the order, so that a seed repeats a run exactly.
 */
export class Schedule {
  /** Microseconds since the world began. */
  nowUs = 0
  /** Events that happened. */
  events = 0
  /** Of all that happened, in its order: the same seed gives the same number. */
  traceHash = 1
  /** Whose event it was last; a checker need look at no other. */
  touched: Owner | undefined
  readonly #heap = new Heap<Planned>()
  readonly #held = new Map<Owner, Planned[]>()
  #sequence = 0

  /** Events that are planned, including those of the dead. */
  get pending(): number {
    return this.#heap.size
  }

  /** Plans an event `delayUs` from now, which is at least 0 and may have a fraction. */
  after(delayUs: number, owner: Owner | undefined, kind: string, run: () => void): Planned {
    if (!(delayUs >= 0) || delayUs > Number.MAX_SAFE_INTEGER) throw new RangeError(`${kind} in ${delayUs} µs`)
    const event = {
      time: this.nowUs + Math.round(delayUs),
      sequence: this.#sequence++,
      owner,
      kind,
      run,
      cancelled: false,
    }
    this.#heap.push(event)
    return event
  }

  /** Lets the next event happen. False when there is none. */
  step(): boolean {
    for (;;) {
      const event = this.#heap.pop()
      if (event === undefined) return false
      if (event.cancelled) continue
      const { owner } = event
      if (owner?.ended) continue
      if (owner?.paused) {
        this.#hold(owner, event)
        continue
      }
      this.nowUs = Math.max(this.nowUs, event.time)
      this.events += 1
      this.touched = owner
      this.note(this.nowUs)
      this.note(event.sequence)
      event.run()
      return true
    }
  }

  /** Lets events happen up to that time, and moves the clock there; for tests. */
  runUntil(timeUs: number): void {
    while ((this.#heap.peek()?.time ?? Number.POSITIVE_INFINITY) <= timeUs) if (!this.step()) break
    this.nowUs = Math.max(this.nowUs, timeUs)
  }

  /** Makes a number part of the trace. */
  note(value: number): void {
    this.traceHash = mix(this.traceHash, value)
  }

  /** Lets a process go on: what waited for it comes in its old order, now. */
  resume(owner: Owner): void {
    owner.paused = false
    const held = this.#held.get(owner) ?? []
    this.#held.delete(owner)
    for (const event of held) {
      if (event.cancelled) continue
      // The sequence stays: what was planned first still comes first.
      event.time = this.nowUs
      this.#heap.push(event)
    }
  }

  /** Ends a process: nothing planned for it happens any more. */
  end(owner: Owner): void {
    owner.ended = true
    this.#held.delete(owner)
  }

  #hold(owner: Owner, event: Planned): void {
    const held = this.#held.get(owner)
    if (held === undefined) this.#held.set(owner, [event])
    else held.push(event)
  }
}
