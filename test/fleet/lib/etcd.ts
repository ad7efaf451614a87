import { EtcdClient } from '#lib/etcd/client.ts'
import { EndpointError } from '#lib/etcd/errors.ts'
import type { EtcdRequest } from '#lib/etcd/request.ts'
import type { Reply } from '#lib/etcd/response.ts'
import type { SendOptions, Transport } from '#lib/etcd/transport.ts'
import { answerError, answerRead, answerWrite } from '../../../daemons/etcd/store/answer.ts'
import { EVENT_INDEX_CLEARED, RAFT_INTERNAL, StoreError } from '../../../daemons/etcd/store/errors.ts'
import type { Event } from '../../../daemons/etcd/store/event.ts'
import { renderEvent } from '../../../daemons/etcd/store/render.ts'
import {
  type KeysRequest,
  type Method,
  type ReadRequest,
  readRequest,
  type WatchRequest,
  type WriteRequest,
} from '../../../daemons/etcd/store/request.ts'
import type { Clock } from '../../../daemons/fleet/clock.ts'
import type { VirtualClock } from './clock.ts'
import { type Replica, Replicas } from './replicas.ts'

/** How often what is due expires. */
const SYNC_MS = 500
const REQUEST_TIMEOUT_MS = 2_000
/** How long a member asks the others in vain. */
const ELECTION_MS_MAX = 1_500
/** What is on its way is sent again so often while the way is cut. */
const RESEND_MS = 1_000
/** A member that is behind is looked at again so soon. */
const LOOK_MS = 20

/** How the way between a client and the store is. */
export interface Link {
  /** Nothing gets through: requests time out, watches stay silent. */
  isCut: boolean
  /** Requests arrive, and nothing comes back. */
  isDeaf: boolean
  /** Writes are carried out, and their answers lost, with this probability. */
  loss: number
  /** The client was killed. */
  isEnded: boolean
}

/** Told of everything that goes to the store, and comes from it. */
export interface StoreObserver {
  /** A client sends. */
  asked(client: string, request: KeysRequest): void
  /** A change that watchers are told of was agreed on. */
  changed(event: Event): void
  /**
   * A client got what a directory holds, or a change of it, as of an index of a life of the store.
   *
   * @param askedIndex at which the store was when a listing was asked for; 0 for a change
   */
  heard(client: string, path: string, index: number, life: number, askedIndex: number): void
  /** A client got any answer. */
  answered(client: string): void
  wiped(): void
}

/**
 * The v2 store of an etcd: the real parser, store and answers, without a network, on one member or more. Clients of it
 * are real ones; each has its own link, which a test may cut.
 */
export class FakeEtcd {
  readonly replicas: Replicas
  readonly #clock: VirtualClock
  readonly #random: () => number
  #connections = new AbortController()
  #isDown = false
  readonly #ending = new AbortController()
  /** Requests by kind, by who sent them. */
  readonly requests = new Map<string, number>()
  /** Each way takes up to so much longer. */
  slowMs = 0
  /** The members elect: nothing that needs all of them is answered. */
  isElecting = false
  /** Watches can go back by so many changes. */
  historyMax = Number.POSITIVE_INFINITY
  /** Reads are served, and writes refused. */
  isFull = false
  observer: StoreObserver | undefined
  /** Answers to writes that were carried out and of which nobody heard. */
  lostAnswers = 0
  /** Watches that were told that what they ask for is forgotten. */
  forgotten = 0
  /** Requests that were refused for want of a majority, or of space. */
  refusals = 0

  /** @param random gives [0, 1), for delays and losses */
  constructor(clock: VirtualClock, random: () => number, members = 1) {
    this.#clock = clock
    this.#random = random
    this.replicas = new Replicas(clock, members)
    this.replicas.onChange = event => this.observer?.changed(event)
    void this.#sync()
  }

  /** All clients lose it, and it does not even let keys expire. */
  set isDown(isDown: boolean) {
    this.#isDown = isDown
  }

  get isDown(): boolean {
    return this.#isDown
  }

  /** Everything in it is gone, as when its disks were. */
  wipe(): void {
    this.replicas.wipe()
    this.observer?.wiped()
    this.dropWatches()
  }

  /** Puts a file there at once, as a client would have. */
  write(key: string, value: string): void {
    const path = `/1${key}`
    this.replicas.commit({ type: 'set', path, dir: false, value, expiresAtMs: 0, refresh: false })
  }

  /** Value of a file now; undefined when there is none. */
  peek(key: string): string | undefined {
    const node = this.replicas.truth.read(`/1${key}`)
    return node instanceof StoreError ? undefined : node.value
  }

  /** Names in a directory now. */
  names(key: string): string[] {
    const node = this.replicas.truth.read(`/1${key}`)
    return node instanceof StoreError ? [] : [...(node.children?.keys() ?? [])].sort()
  }

  /** Changes of the store so far. */
  get index(): number {
    return this.replicas.truth.index
  }

  close(): void {
    this.#ending.abort()
  }

  /** A client with its link. Its own clock stands still with its machine. */
  connect(name: string, own: Clock = this.#clock): { client: EtcdClient; link: Link } {
    const link: Link = { isCut: false, isDeaf: false, loss: 0, isEnded: false }
    const transport: Transport = {
      send: (endpoint, request, options) => this.#send(new Way(name, link, own, endpoint), request, options),
      close: () => {},
    }
    const endpoints = this.replicas.all.map(replica => replica.name)
    const random = this.replicas.all.length > 1 ? { random: this.#random } : {}
    return { client: new EtcdClient({ endpoints, transport, ...random }), link }
  }

  /** Ends the connections of all who watch; they go on where they were, at another member if there is one. */
  dropWatches(): void {
    this.#connections.abort(new EndpointError('connection reset', false))
    this.#connections = new AbortController()
  }

  async #sync(): Promise<void> {
    const { signal } = this.#ending
    while (!signal.aborted) {
      await this.#clock.sleep(SYNC_MS, signal)
      const canWrite = !this.#isDown && !this.isElecting && !this.isFull && this.replicas.hasMajority
      if (canWrite && this.replicas.truth.expiring > 0)
        this.replicas.commit({ type: 'sync', nowMs: this.#clock.now() })
    }
  }

  async #send(way: Way, request: EtcdRequest, { signal }: SendOptions): Promise<Reply> {
    const { client } = way
    this.requests.set(client, (this.requests.get(client) ?? 0) + 1)
    const url = new URL(request.path, 'http://etcd')
    const key = decodeURIComponent(url.pathname.replace(/^\/v2\/keys/, ''))
    const parameters = url.search.slice(1)
    const nowMs = this.#clock.now()
    const wanted = readRequest(request.method as Method, key, parameters, request.body ?? '', nowMs)
    if (wanted instanceof StoreError) return replyOf(answerError(wanted))
    this.observer?.asked(client, wanted)
    await this.#travel(way, signal, false)
    const replica = this.replicas.all.find(({ name }) => name === way.endpoint)!
    if (wanted.kind === 'watch') {
      return await this.#watch(way, replica, wanted, AbortSignal.any([signal, this.#connections.signal]))
    }
    const { life } = this.replicas
    const askedIndex = this.index
    const reply = await (wanted.kind === 'read'
      ? this.#read(replica, wanted, signal)
      : this.#write(replica, wanted, signal))
    if (reply.status === 500) this.refusals++
    const isLost = wanted.kind === 'write' && this.#random() < way.link.loss
    if (isLost || way.link.isDeaf) {
      this.lostAnswers++
      await lost(way.clock, signal, false)
    }
    await this.#travel(way, signal, true)
    this.observer?.answered(client)
    const index = Number(reply.header('x-etcd-index'))
    if (wanted.kind === 'read' && reply.status !== 500 && wanted.recursive)
      this.observer?.heard(client, wanted.path, index, life, askedIndex)
    return reply
  }

  async #read(replica: Replica, wanted: ReadRequest, signal: AbortSignal): Promise<Reply> {
    if (wanted.quorum) {
      const refusal = await this.#ask(replica, signal)
      if (refusal !== undefined) return refusal
      await this.#follow(replica, signal)
    }
    return replyOf(answerRead(replica.store, wanted, this.#clock.now()))
  }

  async #write(replica: Replica, wanted: WriteRequest, signal: AbortSignal): Promise<Reply> {
    const refusal = this.isFull ? refused('no space left') : await this.#ask(replica, signal)
    if (refusal !== undefined) return refusal
    const result = this.replicas.commit(wanted.operation)!
    const answer = answerWrite(result, wanted.noValueOnSuccess, this.#clock.now())
    await this.#follow(replica, signal)
    return replyOf(answer)
  }

  /** Whether the others agree; the refusal when they are not heard of. */
  async #ask(replica: Replica, signal: AbortSignal): Promise<Reply | undefined> {
    if (!this.isElecting && !replica.isIsolated && this.replicas.hasMajority) return undefined
    await this.#clock.sleep(this.#random() * ELECTION_MS_MAX, signal)
    return refused('etcdserver: request timed out')
  }

  /** Waits until a member has applied what is agreed on now. */
  async #follow(replica: Replica, signal: AbortSignal): Promise<void> {
    const { life, length } = this.replicas
    for (let waited = 0; life === this.replicas.life && replica.applied < length; waited += LOOK_MS) {
      if (waited > REQUEST_TIMEOUT_MS || signal.aborted) throw new EndpointError('no answer', false)
      await this.#clock.sleep(LOOK_MS, signal)
    }
  }

  async #watch(way: Way, replica: Replica, wanted: WatchRequest, signal: AbortSignal): Promise<Reply> {
    const { path, recursive, waitIndex } = wanted
    const { life } = this.replicas
    const { store } = replica
    if (waitIndex > 0 && waitIndex <= store.index - this.historyMax) {
      this.forgotten++
      return replyOf(answerError(new StoreError(EVENT_INDEX_CLEARED, 'forgotten', store.index)))
    }
    const woken = Promise.withResolvers<void>()
    const watcher = store.watch(path, recursive, false, waitIndex, { wake: () => woken.resolve() })
    if (watcher instanceof StoreError) return replyOf(answerError(watcher))
    const onAbort = (): void => woken.resolve()
    signal.addEventListener('abort', onAbort, { once: true })
    if (watcher.waiting === 0) await woken.promise
    signal.removeEventListener('abort', onAbort)
    const event = watcher.take()
    store.watchers.remove(watcher)
    if (signal.aborted || event === undefined) throw signal.reason
    // Some connections break where the way is cut, and others only wait, and bring late what happened meanwhile.
    const isPatient = this.#random() < 0.5
    while (isPatient && (way.link.isCut || way.link.isDeaf || this.#isDown) && !signal.aborted)
      await way.clock.sleep(RESEND_MS, signal)
    if (way.link.isDeaf) await lost(way.clock, signal, false)
    await this.#travel(way, signal, true)
    this.observer?.answered(way.client)
    if (recursive) this.observer?.heard(way.client, path, event.index, life, 0)
    const body = renderEvent(event, this.#clock.now())
    return replyOf({ status: 200, index: watcher.startIndex, body })
  }

  /** One way. A cut link, or a store that is down, swallows what is sent until the client gives up. */
  async #travel({ link, clock }: Way, signal: AbortSignal, isBack: boolean): Promise<void> {
    await clock.sleep(1 + this.#random() * (4 + this.slowMs), signal)
    if (link.isCut || this.#isDown) await lost(clock, signal, !isBack)
    if (signal.aborted) throw signal.reason
  }
}

/** From a client to a member. */
class Way {
  readonly client: string
  readonly link: Link
  readonly clock: Clock
  readonly endpoint: string

  constructor(client: string, link: Link, clock: Clock, endpoint: string) {
    this.client = client
    this.link = link
    this.clock = clock
    this.endpoint = endpoint
  }
}

/** The client waits for an answer that does not come. */
async function lost(clock: Clock, signal: AbortSignal, isUnreachable: boolean): Promise<never> {
  await clock.sleep(REQUEST_TIMEOUT_MS, signal)
  throw new EndpointError('no answer', isUnreachable)
}

function refused(cause: string): Reply {
  return replyOf(answerError(new StoreError(RAFT_INTERNAL, cause, 0)))
}

function replyOf({ status, index, body }: { status: number; index: number; body: string }): Reply {
  return { status, header: name => (name === 'x-etcd-index' ? String(index) : undefined), body }
}
