/** Counts what each caller takes within a stretch of time, so that nobody takes all of it. No clock in here. */
export class Quota {
  readonly #countMax: number
  readonly #callersMax: number
  readonly #windowMs: number
  readonly #taken = new Map<string, number>()
  #windowEndMs = 0

  /** @param callersMax who comes when so many are counted is refused until the stretch ends */
  constructor(countMax: number, windowMs: number, callersMax: number) {
    this.#countMax = countMax
    this.#windowMs = windowMs
    this.#callersMax = callersMax
  }

  /** Whether the caller may have one more. */
  take(caller: string, nowMs: number): boolean {
    if (nowMs >= this.#windowEndMs) {
      this.#taken.clear()
      this.#windowEndMs = nowMs + this.#windowMs
    }
    const count = this.#taken.get(caller)
    if (count === undefined && this.#taken.size >= this.#callersMax) return false
    if ((count ?? 0) >= this.#countMax) return false
    this.#taken.set(caller, (count ?? 0) + 1)
    return true
  }
}
