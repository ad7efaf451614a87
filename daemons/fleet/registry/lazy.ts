import type { Clock } from '../clock.ts'
import { Mirror, type MirrorOptions, type OnChange } from './mirror.ts'

/** Without a reader for so long, it is followed no more. */
const IDLE_MS = 60_000

/**
 * A mirror that is kept only while somebody reads it. States of units change all the time; a machine that nobody asks
 * about them need not hear of it.
 */
export class LazyMirror {
  readonly #options: MirrorOptions
  readonly #clock: Clock
  #mirror: Mirror | undefined
  #ending = new AbortController()
  #usedAt = 0
  #held = 0

  constructor(options: MirrorOptions) {
    this.#options = options
    this.#clock = options.clock
  }

  /** What it is a copy of. */
  get directory(): string {
    return this.#options.directory
  }

  /** The mirror, at least as new as a change of the store; undefined when the store does not answer in time. */
  async at(index: number, waitMs: number): Promise<Mirror | undefined> {
    this.#usedAt = this.#clock.now()
    const mirror = this.#mirror ?? this.#begin()
    return (await mirror.reached(index, waitMs)) ? mirror : undefined
  }

  /** Follows it until the returned function is called. */
  onChange(listener: OnChange): () => void {
    const mirror = this.#mirror ?? this.#begin()
    const forget = mirror.onChange(listener)
    this.#held++
    return () => {
      this.#held--
      this.#usedAt = this.#clock.now()
      forget()
    }
  }

  /** Takes what is known for old. */
  reread(): void {
    this.#mirror?.reread()
  }

  close(): void {
    this.#ending.abort()
    this.#mirror = undefined
  }

  #begin(): Mirror {
    const mirror = new Mirror(this.#options)
    this.#mirror = mirror
    this.#ending = new AbortController()
    const { signal } = this.#ending
    void mirror.run(signal)
    void this.#endWhenIdle(signal)
    return mirror
  }

  async #endWhenIdle(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#clock.sleep(IDLE_MS, signal)
      if (this.#held === 0 && this.#clock.now() - this.#usedAt >= IDLE_MS) this.close()
    }
  }
}
