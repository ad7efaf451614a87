import { type Schedule, US_PER_MS } from './schedule.ts'

/** The wall clock of the world when it begins: some day, in milliseconds since 1970. */
export const EPOCH_MS = 1_800_000_000_000

/**
 * The clock of one machine: it goes a little faster or slower than the others. The wall clock is somewhere else besides,
 * and jumps.
 */
export class Clock {
  readonly #schedule: Schedule
  /** How much faster than the world's, e.g. 1.01. */
  #rate: number
  #sinceUs = 0
  #baseMs = 0
  /** What the wall clock is wrong by, in milliseconds. */
  wallOffsetMs = 0

  constructor(schedule: Schedule, rate: number) {
    this.#schedule = schedule
    this.#rate = rate
  }

  get rate(): number {
    return this.#rate
  }

  /** Another rate from now on; the clock never goes back. */
  setRate(rate: number): void {
    this.#baseMs = this.nowMs()
    this.#sinceUs = this.#schedule.nowUs
    this.#rate = rate
  }

  /** Milliseconds that never go back. */
  nowMs(): number {
    return this.#baseMs + ((this.#schedule.nowUs - this.#sinceUs) / US_PER_MS) * this.#rate
  }

  wallMs(): number {
    return Math.floor(EPOCH_MS + this.nowMs() + this.wallOffsetMs)
  }

  /** What a delay by this clock is in microseconds of the world. */
  delayUs(delayMs: number): number {
    return (Math.max(0, delayMs) * US_PER_MS) / this.#rate
  }
}
