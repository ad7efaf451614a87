import { invariant } from './assert.ts'

/**
 * The writes that the host has taken and not yet reported as durable, oldest first. For each, the last index that it
 * makes durable. They finish in order, several at once when they shared a sync.
 *
 * Why a write's index is cut when the log is: otherwise an entry could count as durable that is not.
 *
 * 1. Write 1 takes entry 5 of term 2.
 * 2. A leader of term 3 replaces it: write 2 takes entry 5 of term 3.
 * 3. A leader of term 4 puts the entry of term 2 back: write 3 takes entry 5 of term 2 again.
 * 4. Write 1 is done. The log holds just the entry that it wrote, and yet, after write 2, the disk will not.
 *    With the cut of step 2 write 1 stands for entry 4, so entry 5 is durable with write 3 only.
 */
export class Writes {
  #numbers: number[] = []
  #lasts: number[] = []
  #latest = 0

  /** How many are under way. */
  get count(): number {
    return this.#numbers.length
  }

  /** The number of the write that was taken last; 0 before the first. */
  get latest(): number {
    return this.#latest
  }

  /** Takes the next write, which makes the log durable up to `last`; its number. */
  start(last: number): number {
    this.#latest += 1
    this.#numbers.push(this.#latest)
    this.#lasts.push(last)
    return this.#latest
  }

  /** The log was cut: whatever is under way makes nothing beyond `last` durable. */
  cut(last: number): void {
    for (let at = 0; at < this.#lasts.length; at++) this.#lasts[at] = Math.min(this.#lasts[at]!, last)
  }

  /** All up to `number` are durable; the last index that this makes durable. */
  finish(number: number): number {
    invariant(number <= this.#latest, `write ${number} was reported as durable and never taken`)
    let durable = 0
    let done = 0
    while (done < this.#numbers.length && this.#numbers[done]! <= number) {
      durable = Math.max(durable, this.#lasts[done]!)
      done += 1
    }
    if (done === this.#numbers.length) {
      this.#numbers = []
      this.#lasts = []
    } else if (done > 0) {
      this.#numbers.splice(0, done)
      this.#lasts.splice(0, done)
    }
    return durable
  }
}
