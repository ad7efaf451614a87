/**
 * Many deadlines with one timer. Time is cut into ticks; each slot of the wheel holds what is due at its tick. Setting
 * and clearing cost the same however many there are, and nothing is made for each request.
 */
export class Wheel<T> {
  readonly #slots: Set<T>[]
  readonly #slotOf = new Map<T, Set<T>>()
  #now = 0

  /** @param ticksMax the farthest deadline, in ticks */
  constructor(ticksMax: number) {
    this.#slots = Array.from({ length: ticksMax + 2 }, () => new Set<T>())
  }

  get size(): number {
    return this.#slotOf.size
  }

  /** Calls `item` due when `ticks` whole ticks have gone by, at least; an earlier deadline of it is forgotten. */
  set(item: T, ticks: number): void {
    this.clear(item)
    // The tick we are in has begun already, so it does not count.
    const ahead = Math.min(Math.max(ticks, 1) + 1, this.#slots.length - 1)
    const slot = this.#slots[(this.#now + ahead) % this.#slots.length]!
    slot.add(item)
    this.#slotOf.set(item, slot)
  }

  clear(item: T): void {
    const slot = this.#slotOf.get(item)
    if (slot === undefined) return
    slot.delete(item)
    this.#slotOf.delete(item)
  }

  /** A tick has gone by: what is due now, with its deadline cleared. */
  advance(): T[] {
    this.#now = (this.#now + 1) % this.#slots.length
    const slot = this.#slots[this.#now]!
    const due = [...slot]
    for (const item of due) this.clear(item)
    return due
  }
}
