import { STATUS_CODES } from 'node:http'
import { AuthClient } from './auth.ts'
import { CancelledError, ClusterError, DeadlineError } from './errors.ts'
import { HttpTransport, type TlsFiles } from './host/transport.ts'
import { KeysClient } from './keys.ts'
import { MembersClient } from './members.ts'
import type { EtcdRequest } from './request.ts'
import type { Reply } from './response.ts'
import { memberFailure, Rotation } from './rotation.ts'
import type { Transport } from './transport.ts'

/** How a client reaches its cluster. */
export interface ClientOptions {
  /** Base URLs, such as `http://127.0.0.1:2379`; at least one. */
  endpoints: readonly string[]
  /** For https endpoints. */
  tls?: TlsFiles | undefined
  /** User and password when the cluster demands them. */
  credentials?: { username: string; password: string } | undefined
  /** Time for a member to begin its answer, except to a watch; default 2,000. */
  headerTimeoutMs?: number
  /** Time for a connection to come about; default 30,000. */
  dialTimeoutMs?: number
  /** Gives [0, 1): spreads clients over the members; without it the first endpoint is asked first. */
  random?: () => number
  /** Is told of each request before it is sent. */
  trace?: (endpoint: string, request: EtcdRequest) => void
  /** In place of HTTP by Node. */
  transport?: Transport
}

/** Sends a request to the cluster. The signal bounds the whole of it. */
export type Perform = (request: EtcdRequest, signal?: AbortSignal) => Promise<Reply>

const HEADER_TIMEOUT_MS = 2_000

/**
 * A client of the v2 API of any etcd, ours or the original: the one door through which programs of ours reach the
 * cluster store.
 *
 * Fail-over: a request goes to the pinned endpoint; when that gives no answer, or 5xx, to the next, each once. A
 * request that may not be executed twice (delete, create, in-order create) goes to one only, and the next one is
 * pinned when it failed. Watches that wait go along. So a write that failed may have been executed unless `isUnreachable` says otherwise.
 */
export class EtcdClient {
  readonly keys: KeysClient
  readonly members: MembersClient
  readonly auth: AuthClient
  readonly #rotation: Rotation
  readonly #transport: Transport
  readonly #options: ClientOptions
  readonly #authorization: string | undefined
  /** Ends when another endpoint is pinned. */
  #moved = new AbortController()

  /** @throws NoEndpointsError for an empty list */
  constructor(options: ClientOptions) {
    const { credentials, tls, dialTimeoutMs } = options
    this.#options = options
    this.#rotation = new Rotation(options.endpoints, options.random)
    const limits = dialTimeoutMs === undefined ? {} : { dialTimeoutMs }
    this.#transport = options.transport ?? new HttpTransport({ tls, ...limits })
    this.#authorization = credentials === undefined ? undefined : basic(credentials)
    const perform: Perform = (request, signal) => this.perform(request, signal)
    this.keys = new KeysClient(perform)
    this.members = new MembersClient(perform)
    this.auth = new AuthClient(perform)
  }

  /** Base URLs as they are asked. */
  get endpoints(): readonly string[] {
    return this.#rotation.endpoints
  }

  /**
   * Learns the endpoints from the members, so that the client outlives the ones it was given.
   *
   * @throws NoEndpointsError when no member publishes one
   */
  async sync(signal?: AbortSignal): Promise<void> {
    const members = await this.members.list(signal)
    this.#rotation.replace(members.flatMap(member => member.clientURLs))
  }

  /**
   * Sends a request as the rules of fail-over say.
   *
   * @throws ClusterError when no endpoint served it; EndpointError for a one-shot request
   * @throws DeadlineError, CancelledError as the signal says
   */
  async perform(request: EtcdRequest, signal: AbortSignal = new AbortController().signal): Promise<Reply> {
    const errors: Error[] = []
    const moved = this.#moved.signal
    const either = request.wait ? AbortSignal.any([signal, moved]) : signal
    for (const endpoint of this.#rotation.turn()) {
      const outcome = await this.#ask(endpoint, request, either)
      if (!(outcome instanceof Error)) {
        this.#served(endpoint, request)
        return outcome
      }
      if (request.wait && moved.aborted && !signal.aborted) return await this.perform(request, signal)
      if (signal.aborted) throw isTimeout(signal) ? new DeadlineError() : new CancelledError()
      if (request.oneShot) {
        this.#rotation.failed(endpoint)
        this.#move()
        throw outcome
      }
      errors.push(outcome)
    }
    throw new ClusterError(errors)
  }

  #served(endpoint: string, { wait }: EtcdRequest): void {
    const [before] = this.#rotation.turn()
    this.#rotation.served(endpoint)
    if (!wait && endpoint !== before) this.#move()
  }

  /** Watches go along to the endpoint that is pinned now: one that has lost the other members would be silent for ever. */
  #move(): void {
    if (this.endpoints.length < 2) return
    this.#moved.abort()
    this.#moved = new AbortController()
  }

  /**
   * Asks one endpoint, which need not be one of the client's, such as a member's `/health`.
   *
   * @throws EndpointError when no answer came
   */
  async performAt(endpoint: string, request: EtcdRequest, signal: AbortSignal): Promise<Reply> {
    const authorization = this.#authorization
    return await this.#transport.send(endpoint, request, { signal, headerTimeoutMs: 0, authorization })
  }

  /** Ends idle connections. */
  close(): void {
    this.#transport.close()
  }

  async #ask(endpoint: string, request: EtcdRequest, signal: AbortSignal): Promise<Reply | Error> {
    this.#options.trace?.(endpoint, request)
    const headerTimeoutMs = request.wait ? 0 : (this.#options.headerTimeoutMs ?? HEADER_TIMEOUT_MS)
    const authorization = this.#authorization
    try {
      const reply = await this.#transport.send(endpoint, request, { signal, headerTimeoutMs, authorization })
      const reason = STATUS_CODES[reply.status] ?? ''
      return memberFailure(endpoint, reply.status, reason, reply.body) ?? reply
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

function isTimeout(signal: AbortSignal): boolean {
  return signal.reason instanceof Error && signal.reason.name === 'TimeoutError'
}
