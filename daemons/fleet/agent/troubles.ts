import type { Clock } from '../clock.ts'

/** Pauses between attempts at a unit that could not be loaded or started. */
const PAUSE_MS_MIN = 1_000
const PAUSE_MS_MAX = 60_000

interface Trouble {
  message: string
  attempts: number
  retryAt: number
}

/** Units with which something failed, and when it may be tried again. */
export class Troubles {
  readonly #clock: Clock
  readonly #byName = new Map<string, Trouble>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** What was said last of a unit. */
  message(name: string): string | undefined {
    return this.#byName.get(name)?.message
  }

  /** Names and what was said. */
  entries(): [name: string, message: string][] {
    return [...this.#byName].map(([name, { message }]) => [name, message])
  }

  add(name: string, message: string): void {
    const attempts = (this.#byName.get(name)?.attempts ?? 0) + 1
    const pauseMs = Math.min(PAUSE_MS_MIN * 2 ** (attempts - 1), PAUSE_MS_MAX)
    this.#byName.set(name, { message, attempts, retryAt: this.#clock.now() + pauseMs })
  }

  clear(name: string): void {
    this.#byName.delete(name)
  }

  /** Forgets units that are not wanted here any more. */
  keepOnly(names: { has(name: string): boolean }): void {
    for (const name of this.#byName.keys()) if (!names.has(name)) this.#byName.delete(name)
  }

  mayTry(name: string): boolean {
    return (this.#byName.get(name)?.retryAt ?? 0) <= this.#clock.now()
  }

  /** Time until the first of them may be tried, at most `otherwiseMs`. */
  nextMs(otherwiseMs: number): number {
    let ms = otherwiseMs
    for (const { retryAt } of this.#byName.values())
      ms = Math.min(ms, Math.max(0, retryAt - this.#clock.now()))
    return ms
  }
}
