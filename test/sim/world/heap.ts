/** What a heap orders: earlier time first, at the same time the one that was planned first. */
export interface Ordered {
  readonly time: number
  readonly sequence: number
}

/** A binary heap whose smallest item by (time, sequence) comes out first. */
export class Heap<T extends Ordered> {
  readonly #items: T[] = []

  get size(): number {
    return this.#items.length
  }

  /** The smallest item, which stays. */
  peek(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    const items = this.#items
    let at = items.length
    items.push(item)
    while (at > 0) {
      const above = (at - 1) >> 1
      if (!before(item, items[above]!)) break
      items[at] = items[above]!
      at = above
    }
    items[at] = item
  }

  /** Takes out the smallest item. */
  pop(): T | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (first === undefined || last === undefined || items.length === 0) return first
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= items.length) break
      if (below + 1 < items.length && before(items[below + 1]!, items[below]!)) below += 1
      if (!before(items[below]!, last)) break
      items[at] = items[below]!
      at = below
    }
    items[at] = last
    return first
  }
}

function before(a: Ordered, b: Ordered): boolean {
  return a.time < b.time || (a.time === b.time && a.sequence < b.sequence)
}
