import assert from 'node:assert'

/** When a node expires. Belongs to one node at a time. */
export class Due {
  /** Where the node is. */
  readonly path: string
  /** Milliseconds since 1970. */
  readonly atMs: number
  /** Index of the operation that said so: no two are equal, so that every member expires in the same order. */
  readonly index: number
  /** Its place in the queue; -1 when it is not there. */
  place: number

  constructor(path: string, atMs: number, index: number) {
    this.path = path
    this.atMs = atMs
    this.index = index
    this.place = -1
  }
}

/** What expires, the earliest first: a binary heap in which each one knows its place and so can leave at once. */
export class ExpiryQueue {
  readonly #heap: Due[] = []

  get size(): number {
    return this.#heap.length
  }

  /** The earliest, undefined when nothing expires. */
  first(): Due | undefined {
    return this.#heap[0]
  }

  add(due: Due): void {
    assert(due.place === -1, 'it is in a queue')
    this.#heap.push(due)
    this.#rise(due, this.#heap.length - 1)
  }

  /** Takes out one that is in; for one that is undefined, as of a permanent node, it does nothing. */
  remove(due: Due | undefined): void {
    if (due === undefined) return
    const place = due.place
    assert(this.#heap[place] === due, 'it is in this queue')
    due.place = -1
    const last = this.#heap.pop()!
    if (last === due) return
    this.#rise(last, place)
    this.#sink(last, last.place)
  }

  #rise(due: Due, from: number): void {
    let place = from
    while (place > 0) {
      const above = (place - 1) >> 1
      const other = this.#heap[above]!
      if (!isEarlier(due, other)) break
      this.#put(other, place)
      place = above
    }
    this.#put(due, place)
  }

  #sink(due: Due, from: number): void {
    let place = from
    for (;;) {
      let below = 2 * place + 1
      if (below >= this.#heap.length) break
      const right = this.#heap[below + 1]
      if (right !== undefined && isEarlier(right, this.#heap[below]!)) below += 1
      const other = this.#heap[below]!
      if (!isEarlier(other, due)) break
      this.#put(other, place)
      place = below
    }
    this.#put(due, place)
  }

  #put(due: Due, place: number): void {
    this.#heap[place] = due
    due.place = place
  }
}

function isEarlier(a: Due, b: Due): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.index < b.index)
}
