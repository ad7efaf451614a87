/** A client URL of a member, as the proxy knows it. */
export interface Endpoint {
  readonly url: string
  /** It is not asked before that time, by the clock of the caller. */
  badUntilMs: number
}

/** Chooses whom requests go to: all that have not failed lately, in any order. No I/O and no clock in here. */
export class Director {
  #endpoints: Endpoint[] = []
  readonly #failureWaitMs: number
  readonly #random: () => number

  /** @param random evenly from 0 up to but not including 1 */
  constructor(failureWaitMs: number, random: () => number) {
    this.#failureWaitMs = failureWaitMs
    this.#random = random
  }

  /** Where requests may go, those that failed among them. */
  get urls(): readonly string[] {
    return this.#endpoints.map(({ url }) => url)
  }

  /** Replaces the endpoints; what is known of those that stay is kept. */
  update(urls: readonly string[]): void {
    const known = new Map(this.#endpoints.map(endpoint => [endpoint.url, endpoint]))
    this.#endpoints = [...new Set(urls)].map(url => known.get(url) ?? { url, badUntilMs: 0 })
  }

  /** Whom to ask, one after the other. When all have failed lately, nobody. */
  turn(nowMs: number): Endpoint[] {
    const fine = this.#endpoints.filter(({ badUntilMs }) => badUntilMs <= nowMs)
    for (let last = fine.length - 1; last > 0; last--) {
      const other = Math.floor(this.#random() * (last + 1))
      const endpoint = fine[last]!
      fine[last] = fine[other]!
      fine[other] = endpoint
    }
    return fine
  }

  /** Nobody was reached there. */
  failed(endpoint: Endpoint, nowMs: number): void {
    endpoint.badUntilMs = nowMs + this.#failureWaitMs
  }
}
