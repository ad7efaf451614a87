/**
 * Mean and deviation of samples as they come, without keeping them.
 *
 * Source: Welford, "Note on a method for calculating corrected sums of squares and products" (1962).
 */
export class Latency {
  current = 0
  minimum = 0
  maximum = 0
  average = 0
  #count = 0
  #squares = 0

  /** Takes a sample, in milliseconds. */
  add(ms: number): void {
    this.minimum = this.#count === 0 ? ms : Math.min(this.minimum, ms)
    this.maximum = Math.max(this.maximum, ms)
    this.#count += 1
    const away = ms - this.average
    this.average += away / this.#count
    this.#squares += away * (ms - this.average)
    this.current = ms
  }

  get standardDeviation(): number {
    return this.#count === 0 ? 0 : Math.sqrt(this.#squares / this.#count)
  }
}
