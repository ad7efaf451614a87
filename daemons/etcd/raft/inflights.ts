import { invariant } from './assert.ts'

/**
 * The append messages under way to one follower: a ring of their last indexes, ascending, and their bytes.
 *
 *      first          first + count
 *        │                 │
 *   │ · │ 7 │ 9 │ 12 │ 15 │ · │ · │      freeTo(9) forgets 7 and 9
 */
export class Inflights {
  readonly #countMax: number
  readonly #bytesMax: number
  readonly #lasts: number[]
  readonly #sizes: number[]
  #first = 0
  #count = 0
  #bytes = 0

  constructor(countMax: number, bytesMax: number) {
    this.#countMax = countMax
    this.#bytesMax = bytesMax
    this.#lasts = new Array<number>(countMax).fill(0)
    this.#sizes = new Array<number>(countMax).fill(0)
  }

  get count(): number {
    return this.#count
  }

  /** No further message may go. One message may pass the bound of bytes: else a long entry would never go. */
  get full(): boolean {
    return this.#count === this.#countMax || this.#bytes >= this.#bytesMax
  }

  add(last: number, bytes: number): void {
    invariant(!this.full, 'a message was sent to a follower whose window is full')
    const at = (this.#first + this.#count) % this.#countMax
    this.#lasts[at] = last
    this.#sizes[at] = bytes
    this.#count += 1
    this.#bytes += bytes
  }

  /** Forgets what ends at or before `index`: the follower has it. */
  freeTo(index: number): void {
    while (this.#count > 0 && this.#lasts[this.#first]! <= index) {
      this.#bytes -= this.#sizes[this.#first]!
      this.#first = (this.#first + 1) % this.#countMax
      this.#count -= 1
    }
  }

  clear(): void {
    this.#first = 0
    this.#count = 0
    this.#bytes = 0
  }
}
