import assert from 'node:assert'
import type { Event } from './event.ts'
import type { Node } from './node.ts'
import { WATCHER_EVENTS_MAX, type Watcher } from './watcher.ts'

/**
 * A watched path. Places form a tree like the keys, made of watched paths only:
 *
 *     /1 ── conf ── db      exact: w1 ⇄ w2      told of /1/conf/db itself
 *                           deep:  w3           told of it and all below
 *
 * An event goes down from the root along its own path and meets at each place the deep ones, at its end both. So it
 * costs its depth and the watchers it is for, however many others there are.
 */
export class Place {
  readonly above: Place | undefined
  readonly name: string
  below: Map<string, Place> | undefined = undefined
  /** First of the watchers of this path alone. */
  exact: Watcher | undefined = undefined
  /** First of the watchers of this path and all below. */
  deep: Watcher | undefined = undefined

  constructor(above: Place | undefined, name: string) {
    this.above = above
    this.name = name
  }
}

/** All watchers of a store, and who of them is told of an event (specification §3). */
export class Watchers {
  readonly #root = new Place(undefined, '')
  #count = 0
  /** Watchers that were looked at since the start, for tests of how the work grows. */
  visits = 0
  /** Filled and emptied by one event; kept to be used again. */
  readonly #chosen: Watcher[] = []

  get count(): number {
    return this.#count
  }

  add(watcher: Watcher): void {
    assert(watcher.place === undefined && !watcher.closed, 'it is not watching yet')
    const place = this.#placeAt(watcher.path)
    const first = watcher.recursive ? place.deep : place.exact
    watcher.place = place
    watcher.next = first
    if (first !== undefined) first.previous = watcher
    if (watcher.recursive) place.deep = watcher
    else place.exact = watcher
    this.#count += 1
  }

  /** Takes a watcher out and closes it, whether or not it still watches. */
  remove(watcher: Watcher): void {
    watcher.closed = true
    const { place, next, previous } = watcher
    if (place === undefined) return
    if (next !== undefined) next.previous = previous
    if (previous !== undefined) previous.next = next
    else if (watcher.recursive) place.deep = next
    else place.exact = next
    watcher.place = undefined
    watcher.next = undefined
    watcher.previous = undefined
    this.#count -= 1
    prune(place)
  }

  /** Tells those whom an event concerns: at its path, and recursive ones above where nothing between is hidden. */
  notify(event: Event): void {
    if (this.#count === 0) return
    const { path } = event
    // A watcher whose path is not longer than that has the hidden element below it.
    const hidden = path.lastIndexOf('/_')
    let place = this.#root
    let end = 0
    while (end < path.length && path.length > 1) {
      if (end > hidden) this.#choose(place.deep)
      const start = end + 1
      end = path.indexOf('/', start)
      if (end < 0) end = path.length
      const below = place.below?.get(path.slice(start, end))
      if (below === undefined) {
        this.#tell(event)
        return
      }
      place = below
    }
    this.#choose(place.deep)
    this.#choose(place.exact)
    this.#tell(event)
  }

  /**
   * Tells those who watch what an event removes: `node`, still with its children, and all below it. They learn of the
   * event of the node, even where their own path is deeper or hidden.
   *
   * A stream at the very path is told again by `notify`, so twice; the original does that, for files too.
   */
  notifyRemoved(event: Event, node: Node): void {
    if (this.#count === 0) return
    const top = this.#find(event.path)
    if (top === undefined) return
    const left: [Place, Node][] = [[top, node]]
    for (let item = left.pop(); item !== undefined; item = left.pop()) {
      const [place, { children }] = item
      this.#choose(place.deep)
      this.#choose(place.exact)
      if (children === undefined || place.below === undefined) continue
      // The smaller of the two leads.
      const names = children.size < place.below.size ? children.keys() : place.below.keys()
      for (const name of names) {
        const below = place.below.get(name)
        const child = children.get(name)
        if (below !== undefined && child !== undefined) left.push([below, child])
      }
    }
    this.#tell(event)
  }

  /** All of them, in no order. */
  list(): Watcher[] {
    const found: Watcher[] = []
    const left = [this.#root]
    for (let place = left.pop(); place !== undefined; place = left.pop()) {
      for (let watcher = place.deep; watcher !== undefined; watcher = watcher.next) found.push(watcher)
      for (let watcher = place.exact; watcher !== undefined; watcher = watcher.next) found.push(watcher)
      if (place.below !== undefined) for (const below of place.below.values()) left.push(below)
    }
    return found
  }

  #choose(first: Watcher | undefined): void {
    for (let watcher = first; watcher !== undefined; watcher = watcher.next) this.#chosen.push(watcher)
  }

  /** After the choice, so that a watcher which leaves when it is woken disturbs no walk. */
  #tell(event: Event): void {
    const chosen = this.#chosen
    this.visits += chosen.length
    for (const watcher of chosen) {
      if (watcher.place === undefined || event.index < watcher.since) continue
      if (watcher.waiting >= WATCHER_EVENTS_MAX) {
        watcher.overflowed = true
        this.remove(watcher)
      } else {
        watcher.offer(event)
        if (!watcher.stream) this.remove(watcher)
      }
      watcher.sink.wake(watcher)
    }
    chosen.length = 0
  }

  #placeAt(path: string): Place {
    let place = this.#root
    for (const name of namesOf(path)) {
      place.below ??= new Map()
      let below = place.below.get(name)
      if (below === undefined) {
        below = new Place(place, name)
        place.below.set(name, below)
      }
      place = below
    }
    return place
  }

  #find(path: string): Place | undefined {
    let place: Place | undefined = this.#root
    for (const name of namesOf(path)) place = place?.below?.get(name)
    return place
  }
}

function namesOf(path: string): string[] {
  return path === '/' ? [] : path.slice(1).split('/')
}

/** Takes away places that nobody watches, from the bottom up. */
function prune(bottom: Place): void {
  let place = bottom
  while (place.above !== undefined) {
    if (place.exact !== undefined || place.deep !== undefined || place.below !== undefined) return
    const { above, name } = place
    above.below!.delete(name)
    if (above.below!.size === 0) above.below = undefined
    place = above
  }
}
