import { EndpointError, NoEndpointsError } from './errors.ts'

/**
 * Which endpoint is asked, and which next: all requests go to one pinned endpoint until it fails, so that a client
 * reads what it wrote; the one that then serves is pinned instead.
 */
export class Rotation {
  #endpoints: readonly string[]
  #pinned = 0
  readonly #random: (() => number) | undefined

  /**
   * @param endpoints base URLs, at least one
   * @param random gives [0, 1): spreads many clients over the members; without it the order stays as given
   * @throws NoEndpointsError for none
   */
  constructor(endpoints: readonly string[], random?: () => number) {
    if (endpoints.length === 0) throw new NoEndpointsError()
    this.#random = random
    this.#endpoints = this.#shuffle(endpoints)
  }

  /** Base URLs in the order in which they are asked first. */
  get endpoints(): readonly string[] {
    return this.#endpoints
  }

  /** All endpoints from the pinned one on, each once. */
  turn(): string[] {
    return [...this.#endpoints.slice(this.#pinned), ...this.#endpoints.slice(0, this.#pinned)]
  }

  /** `endpoint` served, so it is asked first from now on. */
  served(endpoint: string): void {
    const index = this.#endpoints.indexOf(endpoint)
    // Gone when a sync came between.
    if (index >= 0) this.#pinned = index
  }

  /** `endpoint` failed a request that may not be repeated, so another one is asked first from now on. */
  failed(endpoint: string): void {
    const index = this.#endpoints.indexOf(endpoint)
    if (index >= 0) this.#pinned = (index + 1) % this.#endpoints.length
  }

  /**
   * Takes the endpoints that the members publish. The pinned one stays pinned when it is among them: the caller
   * chose it, and it is known to work. (The original pins a random one after each change.)
   *
   * @throws NoEndpointsError for none
   */
  replace(endpoints: readonly string[]): void {
    if (endpoints.length === 0) throw new NoEndpointsError()
    const same =
      endpoints.length === this.#endpoints.length && endpoints.every(e => this.#endpoints.includes(e))
    if (same) return
    const pinned = this.#endpoints[this.#pinned]!
    this.#endpoints = this.#shuffle(endpoints)
    this.#pinned = Math.max(0, this.#endpoints.indexOf(pinned))
  }

  #shuffle(endpoints: readonly string[]): string[] {
    const list = [...endpoints]
    if (this.#random === undefined) return list
    for (let last = list.length - 1; last > 0; last--) {
      const other = Math.floor(this.#random() * (last + 1))
      const moved = list[last]!
      list[last] = list[other]!
      list[other] = moved
    }
    return list
  }
}

/**
 * The error that a status stands for, so that the next endpoint is to be asked; undefined for a real answer. In the
 * original's words, but for a disk that is full, which the original does not outlive: that is told.
 */
export function memberFailure(
  endpoint: string,
  status: number,
  reason: string,
  body = '',
): EndpointError | undefined {
  if (status < 500 || status > 599) return undefined
  if (body.includes(NO_SPACE))
    return new EndpointError(`client: etcd member ${endpoint} takes no writes: ${NO_SPACE}`, false)
  if (status === 500 || status === 503)
    return new EndpointError(`client: etcd member ${endpoint} has no leader`, false)
  return new EndpointError(`client: etcd member ${endpoint} returns server error [${reason}]`, false)
}

/** What a member of ours says whose disk is full. */
const NO_SPACE = 'etcdserver: no space'
