import type { Event } from './event.ts'
import type { Place } from './watchers.ts'

/** Events that may wait for one watcher; at one more it is dropped. */
export const WATCHER_EVENTS_MAX = 100

/** Of all watchers for whom nothing waits. */
const NOTHING: Event[] = []

/** Whoever sends events to a client. */
export interface WatchSink {
  /**
   * Events wait in the watcher, or it was closed. Called while the store works: it may take from this watcher and
   * remove it, and must not call the store otherwise.
   */
  wake(watcher: Watcher): void
}

/** One client's wish to be told. Events wait in it until they are taken; the connection sets the pace. */
export class Watcher {
  readonly path: string
  readonly recursive: boolean
  /** Many events; otherwise it is closed after the first. */
  readonly stream: boolean
  /** Events before this index are not for it. */
  readonly since: number
  /** The store's index when it began to watch: what X-Etcd-Index says. */
  readonly startIndex: number
  readonly sink: WatchSink
  /** No event will come after those that wait. */
  closed = false
  /** Closed because too many events waited: some are lost. */
  overflowed = false

  /** Where the hub has it, and its neighbours there. Owned by the hub. */
  place: Place | undefined = undefined
  next: Watcher | undefined = undefined
  previous: Watcher | undefined = undefined

  #waiting: Event[] = NOTHING
  #taken = 0

  constructor(
    path: string,
    recursive: boolean,
    stream: boolean,
    since: number,
    startIndex: number,
    sink: WatchSink,
  ) {
    this.path = path
    this.recursive = recursive
    this.stream = stream
    this.since = since
    this.startIndex = startIndex
    this.sink = sink
  }

  /** Events that wait. */
  get waiting(): number {
    return this.#waiting.length - this.#taken
  }

  /** The next event, undefined when none waits. */
  take(): Event | undefined {
    if (this.#taken === this.#waiting.length) return undefined
    const event = this.#waiting[this.#taken++]
    if (this.#taken === this.#waiting.length) {
      this.#waiting = NOTHING
      this.#taken = 0
    }
    return event
  }

  /** Lets an event wait, for the hub. What is replayed from the history comes all at once and has no bound but it. */
  offer(event: Event): void {
    if (this.#waiting === NOTHING) this.#waiting = []
    else if (this.#taken > WATCHER_EVENTS_MAX) {
      this.#waiting.splice(0, this.#taken)
      this.#taken = 0
    }
    this.#waiting.push(event)
  }
}
