import type { Clock } from './clock.ts'

/** Wakes one loop: rings that come while it is at work are remembered as one. */
export class Bell {
  #isRung = false
  #wake: (() => void) | undefined

  /** Has the loop go on, now or when it next waits. */
  ring(): void {
    this.#isRung = true
    this.#wake?.()
  }

  /** Whether it rang since the loop last waited. */
  get isRung(): boolean {
    return this.#isRung
  }

  /** Waits for a ring, at most that long. */
  async wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#isRung && !signal.aborted) {
      const done = new AbortController()
      await Promise.race([
        clock.sleep(ms, AbortSignal.any([signal, done.signal])),
        new Promise<void>(resolve => {
          this.#wake = resolve
        }),
      ])
      done.abort()
      this.#wake = undefined
    }
    this.#isRung = false
  }
}
