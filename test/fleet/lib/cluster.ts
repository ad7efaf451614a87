import { EtcdClient } from '#lib/etcd/client.ts'
import { EndpointError } from '#lib/etcd/errors.ts'
import type { EtcdRequest } from '#lib/etcd/request.ts'
import type { Reply } from '#lib/etcd/response.ts'
import { Failure, type MemberService } from '../../../daemons/etcd/member/service.ts'
import { type Answer, answerError, answerRead, answerWrite } from '../../../daemons/etcd/store/answer.ts'
import { RAFT_INTERNAL, StoreError } from '../../../daemons/etcd/store/errors.ts'
import { renderEvent } from '../../../daemons/etcd/store/render.ts'
import { type KeysRequest, type Method, readRequest } from '../../../daemons/etcd/store/request.ts'
import { Cluster, type Node } from '../../sim/cluster.ts'
import type { MemberHost } from '../../sim/member/host.ts'
import { memberSubject } from '../../sim/member/subject.ts'
import { CALM_DISK } from '../../sim/world/disk.ts'
import { FaultCounts } from '../../sim/world/faults.ts'
import { CALM_NETWORK, Network } from '../../sim/world/network.ts'
import { Random } from '../../sim/world/random.ts'
import { Schedule, US_PER_MS } from '../../sim/world/schedule.ts'
import type { VirtualClock } from './clock.ts'
import type { Link } from './etcd.ts'

/** The world of the members follows the fleet's in steps of this. */
const STEP_MS = 5
const REQUEST_TIMEOUT_MS = 2_000
const SUBJECT = {
  planted: new Set<string>(),
  preVote: true,
  checkQuorum: true,
  electionTicks: 10,
  snapshotEntries: 500,
  keptEntries: 100,
  segmentBytes: 1 << 16,
  appendBytesMax: 1 << 20,
  inflightMessagesMax: 64,
}

/** The members of a real etcd, simulated as `npm run sim` does, with the fleet's clients before them. */
export class FakeCluster {
  readonly cluster: Cluster
  readonly network: Network
  readonly #clock: VirtualClock
  readonly #schedule = new Schedule()
  readonly #ending = new AbortController()

  constructor(clock: VirtualClock, seed: number, size: number) {
    this.#clock = clock
    const random = new Random(seed)
    const faults = new FaultCounts()
    const schedule = this.#schedule
    const calm = { ...CALM_NETWORK, delayMsMin: 1, delayMsMean: 2 }
    this.network = new Network(schedule, random.stream('network'), faults, calm)
    this.cluster = new Cluster({
      schedule,
      random: random.stream('cluster'),
      network: this.network,
      faults,
      subject: memberSubject(SUBJECT),
      disk: { ...CALM_DISK, syncMsMean: 2 },
      clockDrift: 0,
      log: () => {},
    })
    const founders = this.cluster.nextIds(size)
    for (const id of founders) this.cluster.start(this.cluster.add(founders, id))
    void this.#run()
  }

  close(): void {
    this.#ending.abort()
  }

  /** A client that knows all members. */
  connect(_name: string): { client: EtcdClient; link: Link } {
    const link: Link = { isCut: false, isDeaf: false, loss: 0, isEnded: false }
    const endpoints = [...this.cluster.nodes.keys()].map(id => `http://${id}`)
    const send = (
      endpoint: string,
      request: EtcdRequest,
      { signal }: { signal: AbortSignal },
    ): Promise<Reply> =>
      this.#send(this.cluster.nodes.get(endpoint.slice('http://'.length))!, link, request, signal)
    return { client: new EtcdClient({ endpoints, transport: { send, close: () => {} } }), link }
  }

  /** Events of the members, each followed by the look of `npm run sim`, up to the time of the fleet. */
  async #run(): Promise<void> {
    const { signal } = this.#ending
    while (!signal.aborted) {
      let isThere = false
      this.#schedule.after(STEP_MS * US_PER_MS, undefined, 'step', () => {
        isThere = true
      })
      while (!isThere && this.#schedule.step()) this.cluster.check()
      await this.#clock.sleep(STEP_MS, signal)
    }
  }

  async #send(node: Node, link: Link, request: EtcdRequest, signal: AbortSignal): Promise<Reply> {
    const { process } = node.machine
    const { service } = (node.member as MemberHost | undefined) ?? {}
    if (link.isCut || process === undefined || service === undefined)
      throw new EndpointError('connection refused', true)
    const url = new URL(request.path, 'http://etcd')
    const key = decodeURIComponent(url.pathname.replace(/^\/v2\/keys/, ''))
    const nowMs = node.machine.clock.wallMs()
    const method = request.method as Method
    const wanted = readRequest(method, key, url.search.slice(1), request.body ?? '', nowMs)
    if (wanted instanceof StoreError) return replyOf(answerError(wanted))
    const { promise, resolve } = Promise.withResolvers<Answer>()
    const answer = (ready: () => Answer): void => resolve(ready())
    this.#schedule.after(0, process, 'request', () => serve(service, wanted, nowMs, answer))
    const over = new AbortController()
    const failed = this.#end(node, wanted.kind === 'watch', AbortSignal.any([signal, over.signal]))
    try {
      return replyOf(await Promise.race([promise, failed]))
    } finally {
      over.abort()
    }
  }

  /** Rejects when the client has waited too long, gives up, or the member's process has ended. */
  async #end({ machine }: Node, isWatch: boolean, signal: AbortSignal): Promise<never> {
    const { process } = machine
    const endAt = this.#clock.now() + (isWatch ? Number.POSITIVE_INFINITY : REQUEST_TIMEOUT_MS)
    while (!signal.aborted && machine.process === process && this.#clock.now() < endAt)
      await this.#clock.sleep(100, signal)
    throw signal.aborted ? signal.reason : new EndpointError('connection reset', false)
  }
}

/** Does what the API of the server does with a request. */
function serve(
  service: MemberService,
  wanted: KeysRequest,
  nowMs: number,
  answer: (ready: () => Answer) => void,
): void {
  const { store } = service
  const refuse = (failure: Failure): void =>
    answer(() => answerError(new StoreError(RAFT_INTERNAL, failure.text, store.index)))
  switch (wanted.kind) {
    case 'write':
      service.write(wanted.operation, result => {
        if (result instanceof Failure) refuse(result)
        else answer(() => answerWrite(result!, wanted.noValueOnSuccess, nowMs))
      })
      return
    case 'read':
      if (!wanted.quorum) answer(() => answerRead(store, wanted, nowMs))
      else
        service.readBarrier(failure => {
          if (failure === undefined) answer(() => answerRead(store, wanted, nowMs))
          else refuse(failure)
        })
      return
    case 'watch': {
      const tell = (): void => {
        const event = watcher instanceof StoreError ? undefined : watcher.take()
        if (watcher instanceof StoreError || event === undefined) return
        store.watchers.remove(watcher)
        const { startIndex: index } = watcher
        answer(() => ({ status: 200, index, isError: false, body: renderEvent(event, nowMs) }))
      }
      const { path, recursive, waitIndex } = wanted
      const watcher = store.watch(path, recursive, false, waitIndex, { wake: () => tell() })
      if (watcher instanceof StoreError) answer(() => answerError(watcher))
      else tell()
    }
  }
}

function replyOf({ status, index, body }: Answer): Reply {
  return { status, header: name => (name === 'x-etcd-index' ? String(index) : undefined), body }
}
