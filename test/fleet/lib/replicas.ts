import { StoreError } from '../../../daemons/etcd/store/errors.ts'
import type { Event } from '../../../daemons/etcd/store/event.ts'
import type { Operation } from '../../../daemons/etcd/store/operation.ts'
import { Store } from '../../../daemons/etcd/store/store.ts'
import type { Watcher } from '../../../daemons/etcd/store/watcher.ts'
import type { VirtualClock } from './clock.ts'

/** What is watched from the beginning on. */
export const FLEET_ROOT = '/1/_coreos.com/fleet'

/** One member of the store: it applies what all have agreed on, sooner or later. */
export interface Replica {
  readonly name: string
  store: Store
  /** Operations it has applied. */
  applied: number
  /** How long after the others it applies. */
  lagMs: number
  /** It hears of nothing, and answers only what needs no other: reads of what it has. */
  isIsolated: boolean
}

/** The store as its members have it: one log, and for each member a copy that follows it. */
export class Replicas {
  readonly all: readonly Replica[]
  readonly #clock: VirtualClock
  #log: Operation[] = []
  #truth!: Store
  #watcher!: Watcher
  /** Counts the lives of the store: a wiped one begins another. */
  life = 0
  /** Told of each change, in order, when it is agreed on. */
  onChange: ((event: Event) => void) | undefined

  constructor(clock: VirtualClock, count: number) {
    this.#clock = clock
    this.all = Array.from({ length: count }, (_, n) => ({
      name: `http://e${n}`,
      store: new Store(),
      applied: 0,
      lagMs: 0,
      isIsolated: false,
    }))
    this.#begin()
  }

  /** What was agreed on, all of it. */
  get truth(): Store {
    return this.#truth
  }

  /** Whether enough of them hear of one another. */
  get hasMajority(): boolean {
    return this.all.filter(({ isIsolated }) => !isIsolated).length > this.all.length / 2
  }

  /** Operations agreed on so far. */
  get length(): number {
    return this.#log.length
  }

  /** Agrees on an operation. */
  commit(operation: Operation): Event | StoreError | undefined {
    // A single member is the truth itself, and nobody comes later.
    if (this.all.length > 1) this.#log.push(operation)
    const result = this.#truth.apply(operation)
    for (let event = this.#watcher.take(); event !== undefined; event = this.#watcher.take())
      this.onChange?.(event)
    if (this.all.length === 1) return result
    for (const replica of this.all) {
      if (replica.isIsolated) continue
      if (replica.lagMs === 0) this.catchUp(replica)
      else this.#later(replica, this.#log.length)
    }
    return result
  }

  /** Has a member apply what was agreed on, up to a place in the log. */
  catchUp(replica: Replica, end = this.#log.length): void {
    while (replica.applied < end) replica.store.apply(this.#log[replica.applied++]!)
  }

  /** Everything is gone, as when all disks were. */
  wipe(): void {
    this.life++
    this.#log = []
    for (const replica of this.all) Object.assign(replica, { store: new Store(), applied: 0 })
    this.#begin()
  }

  #later(replica: Replica, end: number): void {
    const { life } = this
    void this.#clock.sleep(replica.lagMs).then(() => {
      if (life === this.life && !replica.isIsolated) this.catchUp(replica, end)
    })
  }

  /** No real etcd has had no change at all; an index of 0 would mean something else to a watch. */
  #begin(): void {
    this.#truth = this.all.length === 1 ? this.all[0]!.store : new Store()
    const watcher = this.#truth.watch(FLEET_ROOT, true, true, 0, { wake: () => {} })
    if (watcher instanceof StoreError) throw new Error('a new store has a history')
    this.#watcher = watcher
    this.commit({ type: 'set', path: '/1/begun', dir: false, value: '', expiresAtMs: 0, refresh: false })
  }
}
