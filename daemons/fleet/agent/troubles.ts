import type { Clock } from '../clock.ts'

/** Pauses between attempts at a unit that could not be loaded or started. */
const PAUSE_MS_MIN = 1_000
const PAUSE_MS_MAX = 60_000

interface Trouble {
  message: string
  /** Of the text with which it failed. */
  hash: string
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

  /** Names, each with the hash of the text that failed. */
  entries(): [name: string, hash: string][] {
    return [...this.#byName].map(([name, { hash }]) => [name, hash])
  }

  /** Another text begins anew: it has not failed yet. */
  add(name: string, message: string, hash: string): void {
    const known = this.#byName.get(name)
    const attempts = (known?.hash === hash ? known.attempts : 0) + 1
    const pauseMs = Math.min(PAUSE_MS_MIN * 2 ** (attempts - 1), PAUSE_MS_MAX)
    this.#byName.set(name, { message, hash, attempts, retryAt: this.#clock.now() + pauseMs })
  }

  clear(name: string): void {
    this.#byName.delete(name)
  }

  /** Forgets units that are not wanted here any more. */
  keepOnly(names: { has(name: string): boolean }): void {
    for (const name of this.#byName.keys()) if (!names.has(name)) this.#byName.delete(name)
  }

  /** @param hash of the text that is to be tried */
  mayTry(name: string, hash: string): boolean {
    const trouble = this.#byName.get(name)
    return trouble === undefined || trouble.hash !== hash || trouble.retryAt <= this.#clock.now()
  }

  /** Time until the first of them may be tried, at most `otherwiseMs`. */
  nextMs(otherwiseMs: number): number {
    let ms = otherwiseMs
    for (const { retryAt } of this.#byName.values())
      ms = Math.min(ms, Math.max(0, retryAt - this.#clock.now()))
    return ms
  }
}
