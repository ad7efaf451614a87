import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../../daemons/fleet/clock.ts'

interface Timer {
  at: number
  order: number
  fire: () => void
}

/** Time that stands still until a test moves it. Timers of the same moment fire in the order they were set. */
export class VirtualClock implements Clock {
  #now = 1_800_000_000_000
  #order = 0
  #timers: Timer[] = []
  /** Timers that went off. */
  events = 0

  now(): number {
    return this.#now
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      if (signal?.aborted) {
        resolve()
        return
      }
      const timer = { at: this.#now + Math.max(0, ms), order: this.#order++, fire: () => done() }
      const done = (): void => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }
      const onAbort = (): void => {
        this.#timers.splice(this.#timers.indexOf(timer), 1)
        resolve()
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#insert(timer)
    })
  }

  /** Lets so much time pass, and everything happen that is due in it. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await setImmediate()
    for (;;) {
      const timer = this.#timers[0]
      if (timer === undefined || timer.at > end) break
      this.#timers.shift()
      this.#now = timer.at
      this.events++
      timer.fire()
      await setImmediate()
    }
    this.#now = end
  }

  /** Lets time pass until something is so. False when that takes longer. */
  async until(condition: () => boolean | Promise<boolean>, maxMs: number, stepMs = 50): Promise<boolean> {
    const end = this.#now + maxMs
    while (!(await condition())) {
      if (this.#now >= end) return false
      await this.advance(stepMs)
    }
    return true
  }

  #insert(timer: Timer): void {
    let low = 0
    let high = this.#timers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = this.#timers[middle]!
      if (other.at < timer.at || (other.at === timer.at && other.order < timer.order)) low = middle + 1
      else high = middle
    }
    this.#timers.splice(low, 0, timer)
  }
}

/** The clock of one machine, which may stand still. What is due meanwhile happens when it goes on. */
export class MachineClock implements Clock {
  readonly #base: VirtualClock
  /** How much later it is in the world than here. */
  #behindMs = 0
  #stoppedAt: number | undefined
  #isStopped = false
  #awake = Promise.withResolvers<void>()

  constructor(base: VirtualClock) {
    this.#base = base
    this.#awake.resolve()
  }

  now(): number {
    return this.#stoppedAt ?? this.#base.now() - this.#behindMs
  }

  /** Whether the machine stands still. */
  get isStopped(): boolean {
    return this.#isStopped
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const end = this.now() + Math.max(0, ms)
    do {
      await this.#base.sleep(end - this.now(), signal)
      while (this.#isStopped) await this.#awake.promise
    } while (this.now() < end && !signal?.aborted)
  }

  /** @param knows whether the machine will see how much time has passed, as after SIGSTOP, or not, as after a snapshot */
  stop(knows: boolean): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#awake = Promise.withResolvers()
    if (!knows) this.#stoppedAt = this.now()
  }

  goOn(): void {
    if (!this.#isStopped) return
    if (this.#stoppedAt !== undefined) this.#behindMs = this.#base.now() - this.#stoppedAt
    this.#stoppedAt = undefined
    this.#isStopped = false
    this.#awake.resolve()
  }

  /** Time leaps, as seen from here. */
  leap(ms: number): void {
    this.#behindMs -= ms
  }
}
