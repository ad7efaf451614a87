import assert from 'node:assert'
import { EVENT_INDEX_CLEARED, StoreError } from './errors.ts'
import type { Event } from './event.ts'

/** Events that the original keeps, so that clients know when to give up and read again. */
export const HISTORY_EVENTS = 1000

/**
 * The last events of the whole store, internal ones and refreshes too. Indexes have no gaps, so the place of an event
 * follows from its index.
 */
export class History {
  readonly #ring: Event[] = []
  readonly #capacity: number
  /** Index of the newest; 0 while there is none. */
  #last = 0
  /** Index of the event that came first of all: it has slot 0. */
  #first = 0

  constructor(capacity: number = HISTORY_EVENTS) {
    this.#capacity = capacity
  }

  /** Index of the oldest event; 0 while there is none. */
  get start(): number {
    return this.#last === 0 ? 0 : this.#last - this.#ring.length + 1
  }

  get last(): number {
    return this.#last
  }

  add(event: Event): void {
    assert(this.#last === 0 || event.index === this.#last + 1, 'no index is left out')
    if (this.#last === 0) this.#first = event.index
    this.#last = event.index
    if (this.#ring.length < this.#capacity) this.#ring.push(event)
    else this.#ring[this.#slot(event.index)] = event
  }

  #slot(index: number): number {
    return (index - this.#first) % this.#capacity
  }

  /** The event with an index between `start` and `last`. */
  at(index: number): Event {
    const event = this.#ring[this.#slot(index)]
    assert(event?.index === index, 'the history has it')
    return event
  }

  /**
   * The first event from index `since` on that a watcher of `path` would have seen; undefined when there is none.
   * It does see hidden keys, as the original does when it looks back.
   *
   * @returns a StoreError 401 with index 0 when `since` is before what is kept
   */
  scan(path: string, recursive: boolean, since: number): Event | StoreError | undefined {
    const start = this.start
    if (since < start) {
      const cause = `the requested history has been cleared [${start}/${since}]`
      return new StoreError(EVENT_INDEX_CLEARED, cause, 0)
    }
    for (let index = since; index <= this.#last; index++) {
      const event = this.at(index)
      if (!event.refresh && concerns(event, path, recursive)) return event
    }
    return undefined
  }

  /** All events, the oldest first. */
  list(): Event[] {
    const events: Event[] = []
    if (this.#last === 0) return events
    for (let index = this.start; index <= this.#last; index++) events.push(this.at(index))
    return events
  }
}

/** Whether an event is at the path, below it where the watcher is recursive, or removed a directory above it. */
function concerns(event: Event, path: string, recursive: boolean): boolean {
  if (event.path === path) return true
  if (recursive && isBelow(event.path, path)) return true
  const removed = event.action === 'delete' || event.action === 'expire'
  return removed && event.node.children !== undefined && isBelow(path, event.path)
}

function isBelow(path: string, above: string): boolean {
  if (above === '/') return true
  return path.length > above.length && path.charCodeAt(above.length) === 0x2f && path.startsWith(above)
}
