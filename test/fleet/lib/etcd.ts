import { EtcdClient } from '#lib/etcd/client.ts'
import { EndpointError } from '#lib/etcd/errors.ts'
import type { EtcdRequest } from '#lib/etcd/request.ts'
import type { Reply } from '#lib/etcd/response.ts'
import type { SendOptions, Transport } from '#lib/etcd/transport.ts'
import { answerError, answerRead, answerWrite } from '../../../daemons/etcd/store/answer.ts'
import { StoreError } from '../../../daemons/etcd/store/errors.ts'
import { renderEvent } from '../../../daemons/etcd/store/render.ts'
import { type Method, readRequest, type WatchRequest } from '../../../daemons/etcd/store/request.ts'
import { Store } from '../../../daemons/etcd/store/store.ts'
import type { VirtualClock } from './clock.ts'

/** How often what is due expires. */
const SYNC_MS = 500
const REQUEST_TIMEOUT_MS = 2_000

/** How the way between a client and the store is. */
export interface Link {
  /** Nothing gets through: requests time out, watches stay silent. */
  isCut: boolean
  /** Requests are carried out, and their answers lost, with this probability. */
  loss: number
}

/**
 * The v2 store of an etcd that is one process: the real parser, store and answers, without a network. Clients of it
 * are real ones; each has its own link, which a test may cut.
 */
export class FakeEtcd {
  readonly #clock: VirtualClock
  readonly #random: () => number
  #store = startedStore()
  #connections = new AbortController()
  #isDown = false
  readonly #ending = new AbortController()
  /** Requests by kind, by who sent them. */
  readonly requests = new Map<string, number>()

  /** @param random gives [0, 1), for delays and losses */
  constructor(clock: VirtualClock, random: () => number) {
    this.#clock = clock
    this.#random = random
    void this.#sync()
  }

  /** All clients lose it, and it does not even let keys expire. */
  set isDown(isDown: boolean) {
    this.#isDown = isDown
  }

  /** Everything in it is gone, as when its disks were. */
  wipe(): void {
    this.#store = startedStore()
    this.#connections.abort(new EndpointError('connection reset', false))
    this.#connections = new AbortController()
  }

  /** Puts a file there at once, as a client would have. */
  write(key: string, value: string): void {
    this.#store.apply({ type: 'set', path: `/1${key}`, dir: false, value, expiresAtMs: 0, refresh: false })
  }

  /** Changes of the store so far. */
  get index(): number {
    return this.#store.index
  }

  close(): void {
    this.#ending.abort()
  }

  /** A client with its link. */
  connect(name: string): { client: EtcdClient; link: Link } {
    const link: Link = { isCut: false, loss: 0 }
    const transport: Transport = {
      send: (_, request, options) => this.#send(name, link, request, options),
      close: () => {},
    }
    return { client: new EtcdClient({ endpoints: ['http://etcd'], transport }), link }
  }

  async #sync(): Promise<void> {
    const { signal } = this.#ending
    while (!signal.aborted) {
      await this.#clock.sleep(SYNC_MS, signal)
      if (!this.#isDown) this.#store.apply({ type: 'sync', nowMs: this.#clock.now() })
    }
  }

  async #send(name: string, link: Link, request: EtcdRequest, options: SendOptions): Promise<Reply> {
    this.requests.set(name, (this.requests.get(name) ?? 0) + 1)
    const { signal } = options
    await this.#travel(link, signal)
    const url = new URL(request.path, 'http://etcd')
    const key = decodeURIComponent(url.pathname.replace(/^\/v2\/keys/, ''))
    const nowMs = this.#clock.now()
    const wanted = readRequest(request.method as Method, key, url.search.slice(1), request.body ?? '', nowMs)
    if (wanted instanceof StoreError) return replyOf(answerError(wanted))
    if (wanted.kind === 'watch')
      return await this.#watch(link, wanted, AbortSignal.any([signal, this.#connections.signal]))
    if (wanted.kind === 'read') {
      const answer = answerRead(this.#store, wanted, nowMs)
      await this.#travel(link, signal)
      return replyOf(answer)
    }
    const result = this.#store.apply(wanted.operation)!
    const answer = answerWrite(result, wanted.noValueOnSuccess, nowMs)
    if (this.#random() < link.loss) {
      await this.#clock.sleep(REQUEST_TIMEOUT_MS, signal)
      throw new EndpointError('the answer was lost', false)
    }
    await this.#travel(link, signal)
    return replyOf(answer)
  }

  async #watch(link: Link, wanted: WatchRequest, signal: AbortSignal): Promise<Reply> {
    const store = this.#store
    const woken = Promise.withResolvers<void>()
    const { path, recursive, waitIndex } = wanted
    const watcher = store.watch(path, recursive, false, waitIndex, { wake: () => woken.resolve() })
    if (watcher instanceof StoreError) return replyOf(answerError(watcher))
    const onAbort = (): void => woken.resolve()
    signal.addEventListener('abort', onAbort, { once: true })
    if (watcher.waiting === 0) await woken.promise
    signal.removeEventListener('abort', onAbort)
    const event = watcher.take()
    store.watchers.remove(watcher)
    if (signal.aborted || event === undefined) throw signal.reason
    await this.#travel(link, signal)
    const body = renderEvent(event, this.#clock.now())
    return replyOf({ status: 200, index: watcher.startIndex, body })
  }

  /** One way. A cut link, or a store that is down, swallows what is sent until the client gives up. */
  async #travel(link: Link, signal: AbortSignal): Promise<void> {
    await this.#clock.sleep(1 + this.#random() * 4, signal)
    if (link.isCut || this.#isDown) {
      await this.#clock.sleep(REQUEST_TIMEOUT_MS, signal)
      throw new EndpointError('no answer', true)
    }
    if (signal.aborted) throw signal.reason
  }
}

/** No real etcd has had no change at all; an index of 0 would mean something else to a watch. */
function startedStore(): Store {
  const store = new Store()
  store.apply({ type: 'set', path: '/1/begun', dir: false, value: '', expiresAtMs: 0, refresh: false })
  return store
}

function replyOf({ status, index, body }: { status: number; index: number; body: string }): Reply {
  return { status, header: name => (name === 'x-etcd-index' ? String(index) : undefined), body }
}
