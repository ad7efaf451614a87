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
