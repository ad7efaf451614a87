import type { Operation } from '../linearizability/history.ts'
import type { KeyInput, KeyOutput } from '../linearizability/key.ts'
import type { QueueInput, QueueOutput } from '../linearizability/queue.ts'
import type { Cluster, Node } from './cluster.ts'
import type { FileNode, Reply, Request } from './subject.ts'
import type { Random } from './world/random.ts'
import { type Schedule, US_PER_MS } from './world/schedule.ts'

/** Milliseconds that a client waits for an answer. */
const PATIENCE_MS = 3000
/** Milliseconds on average that a request or an answer travels between client and member. */
const TRAVEL_MS_MEAN = 1
/** How often a client's connection breaks, either way. */
const BROKEN_PROBABILITY = 0.01
/** Keys made in one directory before the next is taken: lists stay short. */
const QUEUE_ENTRIES_MAX = 30

type Change = Exclude<
  Request['kind'],
  'member-add' | 'member-remove' | 'member-promote' | 'transfer' | 'compact'
>

/** What clients saw of one key each. */
export interface Histories {
  files: Map<string, Operation<KeyInput, KeyOutput>[]>
  queues: Map<string, Operation<QueueInput, QueueOutput>[]>
}

/** What a workload needs. */
export interface WorkloadParts {
  schedule: Schedule
  random: Random
  cluster: Cluster
  clients: number
  keys: number
  thinkMsMean: number
}

interface Client {
  readonly number: number
  /** Whom it asks; another one after a failure. */
  node: Node | undefined
  /** Counts its operations, so that a late answer is known for one. */
  turn: number
}

/** Clients that ask one thing after the other, and write down what they were told. */
export class Workload {
  readonly histories: Histories = { files: new Map(), queues: new Map() }
  /** Operations, those that were answered, those that may have happened. */
  started = 0
  answered = 0
  unknown = 0
  /** Changes that were acknowledged. */
  changed = 0
  readonly #parts: WorkloadParts
  #on = true
  #queues = 0
  #queueEntries = 0
  #values = 0
  /** The last node that was seen of each key, for conditions that hold now and then. */
  readonly #last = new Map<string, FileNode>()

  constructor(parts: WorkloadParts) {
    this.#parts = parts
    for (let number = 0; number < parts.clients; number++) this.#think({ number, node: undefined, turn: 0 })
  }

  /** No further operation is started. */
  stop(): void {
    this.#on = false
  }

  #think(client: Client): void {
    const { schedule, random, thinkMsMean } = this.#parts
    schedule.after(random.exponential(thinkMsMean) * US_PER_MS, undefined, 'client', () => {
      if (this.#on) this.#ask(client)
    })
  }

  #ask(client: Client): void {
    const { schedule, random, cluster } = this.#parts
    client.turn += 1
    const { turn } = client
    if (client.node?.standing !== 'running' || random.chance(0.05)) {
      const running = cluster.standing('running')
      client.node = running.length === 0 ? undefined : random.pick(running)
    }
    const { node } = client
    if (node === undefined) {
      this.#think(client)
      return
    }
    const request = this.#choose()
    const record = this.#record(client, request)
    this.started += 1
    const end = (reply: Reply) => {
      if (client.turn !== turn) return
      client.turn += 1
      if (reply.kind === 'failed' || reply.kind === 'unknown') client.node = undefined
      record(reply)
      this.#think(client)
    }
    const travel = (then: () => void) => {
      if (random.chance(BROKEN_PROBABILITY)) return
      schedule.after(random.exponential(TRAVEL_MS_MEAN) * US_PER_MS, undefined, 'client', then)
    }
    schedule.after(PATIENCE_MS * US_PER_MS, undefined, 'client', () => end({ kind: 'unknown' }))
    travel(() => cluster.request(node, request, reply => travel(() => end(reply))))
  }

  /** Writes down the call; what is returned writes down the answer. */
  #record(client: Client, request: Request): (reply: Reply) => void {
    const { schedule } = this.#parts
    const { files, queues } = this.histories
    const isQueue = request.kind === 'append' || request.kind === 'list'
    const { key } = request as { key: string }
    const map = (isQueue ? queues : files) as Map<string, Operation<unknown, unknown>[]>
    let history = map.get(key)
    if (history === undefined) {
      history = []
      map.set(key, history)
    }
    const operation: Operation<unknown, unknown> = {
      id: this.started,
      client: client.number,
      call: schedule.nowUs,
      return: Number.POSITIVE_INFINITY,
      input: request,
      output: undefined,
    }
    history.push(operation)
    const isRead = request.kind === 'get' || request.kind === 'list'
    return reply => {
      if (reply.kind === 'unknown') this.unknown += 1
      if (reply.kind === 'failed' || (reply.kind === 'unknown' && isRead)) {
        // It did not happen, or does not matter.
        history.splice(history.lastIndexOf(operation), 1)
      } else if (reply.kind !== 'unknown') {
        this.answered += 1
        if (!isRead && reply.kind !== 'error') this.changed += 1
        operation.return = schedule.nowUs
        operation.output = outputOf(reply)
        if (reply.kind === 'node') this.#last.set(key, reply.node)
      }
    }
  }

  #choose(): Request {
    const { random, keys } = this.#parts
    if (random.chance(0.15)) return this.#chooseQueue()
    const key = `/k${random.below(keys)}`
    const value = `v${++this.#values}`
    const last = this.#last.get(key) ?? { value: 'none', index: 1, created: 1 }
    const prevValue = random.chance(0.5) ? last.value : ''
    const prevIndex = prevValue === '' || random.chance(0.3) ? last.index : 0
    const kind = random.pick<Change>(KINDS)
    switch (kind) {
      case 'get':
      case 'delete':
        return { kind, key }
      case 'cas':
        return { kind, key, value, prevValue, prevIndex }
      case 'cad':
        return { kind, key, prevValue, prevIndex }
      default:
        return { kind: kind as 'set', key, value }
    }
  }

  #chooseQueue(): Request {
    const { random } = this.#parts
    if (this.#queueEntries >= QUEUE_ENTRIES_MAX) {
      this.#queueEntries = 0
      this.#queues += 1
    }
    const key = `/q${this.#queues}`
    if (random.chance(0.4)) return { kind: 'list', key }
    this.#queueEntries += 1
    return { kind: 'append', key, value: `v${++this.#values}` }
  }
}

const KINDS: readonly Change[] = [
  'get',
  'get',
  'get',
  'set',
  'set',
  'create',
  'update',
  'cas',
  'cas',
  'cad',
  'delete',
]

function outputOf(reply: Reply): KeyOutput | QueueOutput {
  switch (reply.kind) {
    case 'node':
      return { node: reply.node, previous: reply.previous }
    case 'entry':
      return { entry: reply.entry }
    case 'listing':
      return { entries: reply.entries }
    case 'error':
      return { error: reply.error }
    default:
      throw new Error(`${reply.kind} is no answer to a key's operation`)
  }
}
