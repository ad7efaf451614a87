const DELAY_MS_MIN = 100
const DELAY_MS_MAX = 1000

/** How long to wait before the next try: twice as long each time, up to a second, by chance up to half less. */
export class Backoff {
  #delayMs = DELAY_MS_MIN
  readonly #random: () => number

  /** @param random evenly from 0 up to but not including 1 */
  constructor(random: () => number) {
    this.#random = random
  }

  /** Milliseconds until the next try. Chance keeps members that lost each other at once from meeting at once again. */
  next(): number {
    const delayMs = this.#delayMs
    this.#delayMs = Math.min(DELAY_MS_MAX, delayMs * 2)
    return delayMs * (1 - this.#random() / 2)
  }

  /** It has worked: the next loss begins from the start. */
  reset(): void {
    this.#delayMs = DELAY_MS_MIN
  }
}
