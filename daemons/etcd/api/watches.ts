import type { Response } from '#lib/http/response.ts'
import type { MemberService } from '../member/service.ts'
import { StoreError } from '../store/errors.ts'
import { bytesOfEvent } from '../store/render.ts'
import type { WatchRequest } from '../store/request.ts'
import type { Watcher, WatchSink } from '../store/watcher.ts'
import { type ApiContext, clusterHeader, JSON_TYPE } from './context.ts'
import { raftHeaders } from './keys.ts'

/**
 * Watches (specification §3): each has a watcher in the store and a response that stays open. Status and headers leave
 * at once, since clients give up on a server that is silent; then comes one event, or with `stream` one after the other.
 */
export class Watches {
  readonly #service: MemberService
  readonly #now: () => number
  readonly #head: string
  readonly #open = new Set<Watch>()

  constructor({ service, now }: ApiContext) {
    this.#service = service
    this.#now = now
    this.#head = JSON_TYPE + clusterHeader(service)
  }

  /** How many clients watch. */
  get size(): number {
    return this.#open.size
  }

  /** Begins a watch; gives back why it cannot be. */
  begin(wanted: WatchRequest, response: Response, cors: string): StoreError | undefined {
    const { store } = this.#service
    const watch = new Watch(response, this.#now, this.#open)
    const watcher = store.watch(wanted.path, wanted.recursive, wanted.stream, wanted.waitIndex, watch)
    if (watcher instanceof StoreError) return watcher
    const index = `X-Etcd-Index: ${watcher.startIndex}\r\n`
    response.start(200, cors + this.#head + index + raftHeaders(this.#service))
    this.#open.add(watch)
    response.onClose = () => {
      store.watchers.remove(watcher)
      this.#open.delete(watch)
    }
    response.onDrain = () => watch.wake(watcher)
    watch.wake(watcher)
    return undefined
  }

  /** Ends all of them: the server stops. Their clients ask another member. */
  close(): void {
    for (const watch of [...this.#open]) watch.end()
  }
}

/** One client that watches. */
class Watch implements WatchSink {
  readonly #response: Response
  readonly #now: () => number
  readonly #open: Set<Watch>

  constructor(response: Response, now: () => number, open: Set<Watch>) {
    this.#response = response
    this.#now = now
    this.#open = open
  }

  /** Sends what waits, as far as the client takes it: what it does not take waits in the watcher, which has a bound. */
  wake(watcher: Watcher): void {
    const response = this.#response
    if (response.isEnded || response.isGone) return
    while (!response.needsDrain) {
      const event = watcher.take()
      if (event === undefined) break
      response.write(bytesOfEvent(event, this.#now()))
    }
    if (watcher.closed && watcher.waiting === 0) this.end()
  }

  end(): void {
    this.#open.delete(this)
    if (!this.#response.isEnded) this.#response.finish()
  }
}
