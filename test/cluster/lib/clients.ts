import { setTimeout as pause } from 'node:timers/promises'
import { ClientAgent, ClientError } from '#lib/http/host/client.ts'
import type { Operation } from '../../linearizability/history.ts'
import type { KeyInput, KeyNode, KeyOutput } from '../../linearizability/key.ts'
import type { QueueEntry, QueueInput, QueueOutput } from '../../linearizability/queue.ts'
import type { Histories } from '../../sim/workload.ts'
import type { Random } from '../../sim/world/random.ts'
import { ask, type JsonAnswer, type JsonNode, type Question, type Told } from './ask.ts'

/** Operations on one key before another takes its place: longer histories are hard to search. */
const KEY_OPERATIONS_MAX = 250
/** Keys made in one directory before the next is taken: lists stay short. */
const QUEUE_ENTRIES_MAX = 40
/** How long a client waits: some give up early, some longer than the server itself. */
const PATIENCE_MS = { low: 500, high: 9_000 } as const
/** Before a client asks another member after one was of no help. */
const RETRY_MS = 100
/** For the reads at the end, when nothing is broken any more. */
const LAST_READ_MS = 15_000
const QUEUE_PROBABILITY = 0.12

/** What clients are made of. */
export interface ClientsOptions {
  urls: readonly string[]
  random: Random
  clients: number
  /** Keys in use at the same time. */
  keys: number
  thinkMsMean: number
  /** Reads ask the member alone, which may be behind: what a check of the histories must notice. */
  hasLocalReads?: boolean
}

/**
 * Clients that ask one thing after the other, of any member, and write down what they were told. What had no answer, or
 * one that leaves open whether it happened, stays open for ever in the history; what reached nobody is left out.
 */
export class Clients {
  /** Times are in microseconds. */
  readonly histories: Histories = { files: new Map(), queues: new Map() }
  started = 0
  answered = 0
  /** Nobody was reached. */
  refused = 0
  /** It may have happened. */
  unknown = 0
  /** Answers that nothing explains. */
  readonly surprises: string[] = []
  readonly #options: ClientsOptions
  readonly #agent = new ClientAgent()
  readonly #stop = new AbortController()
  readonly #running: Promise<void>[] = []
  /** The last node that was seen of each key, for conditions that hold now and then. */
  readonly #last = new Map<string, KeyNode>()
  readonly #generations: number[]
  #queue = 0
  #queueEntries = 0
  #values = 0

  constructor(options: ClientsOptions) {
    this.#options = options
    this.#generations = new Array<number>(options.keys).fill(0)
    for (let number = 0; number < options.clients; number++) {
      const random = options.random.stream(`client ${number}`)
      this.#running.push(this.#work(number, random))
    }
  }

  /** Starts nothing more, waits for what is under way, and reads every key once more. */
  async finish(): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#running)
    const { urls, clients } = this.#options
    let at = 0
    const next = () => ({ number: clients, url: urls[at++ % urls.length]!, patienceMs: LAST_READ_MS })
    for (const key of this.histories.files.keys()) await this.#askKey(next(), key, { kind: 'get' })
    for (const key of this.histories.queues.keys()) await this.#askQueue(next(), key, { kind: 'list' })
    this.#agent.close()
  }

  get #quorum(): boolean {
    return this.#options.hasLocalReads !== true
  }

  async #work(number: number, random: Random): Promise<void> {
    const { urls, thinkMsMean } = this.#options
    let url = random.pick(urls)
    while (!this.#stop.signal.aborted) {
      await pause(random.exponential(thinkMsMean), undefined, { signal: this.#stop.signal }).catch(() => {})
      const asker = { number, url, patienceMs: random.between(PATIENCE_MS.low, PATIENCE_MS.high) }
      const isFine = random.chance(QUEUE_PROBABILITY)
        ? await this.#useQueue(asker, random)
        : await this.#useKey(asker, random)
      // As real clients do: another member after a failure, and now and then without one.
      if (!isFine || random.chance(0.02)) url = random.pick(urls)
      if (!isFine) await pause(RETRY_MS, undefined, { signal: this.#stop.signal }).catch(() => {})
    }
  }

  #useKey(asker: Asker, random: Random): Promise<boolean> {
    const slot = random.below(this.#generations.length)
    let key = `/files/${slot}-${this.#generations[slot]}`
    if ((this.histories.files.get(key)?.length ?? 0) >= KEY_OPERATIONS_MAX) {
      this.#generations[slot]! += 1
      key = `/files/${slot}-${this.#generations[slot]}`
    }
    return this.#askKey(asker, key, this.#anyInput(random, this.#last.get(key)))
  }

  #anyInput(random: Random, node: KeyNode | undefined): KeyInput {
    const value = `v${this.#values++}`
    const prevValue = random.chance(0.6) ? (node?.value ?? 'x') : ''
    const prevIndex = prevValue === '' || random.chance(0.3) ? (node?.index ?? 1) : 0
    return random.pick<KeyInput>([
      { kind: 'get' },
      { kind: 'get' },
      { kind: 'get' },
      { kind: 'set', value },
      { kind: 'set', value },
      { kind: 'create', value },
      { kind: 'update', value },
      { kind: 'cas', value, prevValue, prevIndex },
      { kind: 'cas', value, prevValue, prevIndex },
      { kind: 'cad', prevValue, prevIndex },
      { kind: 'delete' },
    ])
  }

  async #askKey(asker: Asker, key: string, input: KeyInput): Promise<boolean> {
    const history = historyOf(this.histories.files, key)
    return await this.#record(asker, history, input, questionOf(key, input, this.#quorum), told => {
      const output = readAnswer(told)
      if (output !== undefined && 'node' in output && output.node.value !== '') {
        if (input.kind === 'delete' || input.kind === 'cad') this.#last.delete(key)
        else this.#last.set(key, output.node)
      }
      return output
    })
  }

  async #useQueue(asker: Asker, random: Random): Promise<boolean> {
    if (random.chance(0.3)) return await this.#askQueue(asker, `/queues/${this.#queue}`, { kind: 'list' })
    if (this.#queueEntries++ >= QUEUE_ENTRIES_MAX) {
      this.#queue += 1
      this.#queueEntries = 0
    }
    return await this.#askQueue(asker, `/queues/${this.#queue}`, {
      kind: 'append',
      value: `v${this.#values++}`,
    })
  }

  async #askQueue(asker: Asker, key: string, input: QueueInput): Promise<boolean> {
    const path = `/v2/keys${key}`
    const question: Omit<Question, 'timeoutMs'> =
      input.kind === 'list'
        ? { path: `${path}?quorum=${this.#quorum}&sorted=true` }
        : { method: 'POST', path, form: { value: input.value } }
    return await this.#record(asker, historyOf(this.histories.queues, key), input, question, readQueue)
  }

  /** @returns false when the member was of no help */
  async #record<I extends { kind: string }, O>(
    { number, url, patienceMs }: Asker,
    history: Operation<I, O>[],
    input: I,
    question: Omit<Question, 'timeoutMs'>,
    read: (told: Told) => O | undefined,
  ): Promise<boolean> {
    const operation: Operation<I, O> = {
      id: this.started++,
      client: number,
      call: performance.now() * 1000,
      return: Number.POSITIVE_INFINITY,
      input,
      output: undefined,
    }
    const isRead = input.kind === 'get' || input.kind === 'list'
    // Open from the start: others may see its effect before its answer comes.
    if (!isRead) history.push(operation)
    try {
      const told = await ask(url, { ...question, timeoutMs: patienceMs, agent: this.#agent })
      const end = performance.now() * 1000
      const output = read(told)
      if (output === undefined) {
        if (told.status < 500) this.surprises.push(`${question.path}: ${told.status} ${told.text}`)
        this.unknown += 1
        return false
      }
      operation.return = end
      operation.output = output
      if (isRead) history.push(operation)
      this.answered += 1
      return true
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
      if (error.kind === 'connect') {
        this.refused += 1
        if (!isRead) history.splice(history.indexOf(operation), 1)
      } else this.unknown += 1
      return false
    }
  }
}

interface Asker {
  number: number
  url: string
  patienceMs: number
}

function historyOf<I, O>(all: Map<string, Operation<I, O>[]>, key: string): Operation<I, O>[] {
  let history = all.get(key)
  if (history === undefined) {
    history = []
    all.set(key, history)
  }
  return history
}

function questionOf(key: string, input: KeyInput, quorum: boolean): Omit<Question, 'timeoutMs'> {
  const path = `/v2/keys${key}`
  switch (input.kind) {
    case 'get':
      return { path: `${path}?quorum=${quorum}` }
    case 'set':
      return { method: 'PUT', path, form: { value: input.value } }
    case 'create':
      return { method: 'PUT', path: `${path}?prevExist=false`, form: { value: input.value } }
    case 'update':
      return { method: 'PUT', path: `${path}?prevExist=true`, form: { value: input.value } }
    case 'delete':
      return { method: 'DELETE', path }
    default: {
      const query = new URLSearchParams()
      if (input.prevValue !== '') query.set('prevValue', input.prevValue)
      if (input.prevIndex !== 0) query.set('prevIndex', String(input.prevIndex))
      if (input.kind === 'cad') return { method: 'DELETE', path: `${path}?${query}` }
      return { method: 'PUT', path: `${path}?${query}`, form: { value: input.value } }
    }
  }
}

/** Undefined when the answer leaves open what happened. */
function readAnswer({ status, text }: Told): KeyOutput | undefined {
  if (status >= 500) return undefined
  const { node, prevNode, errorCode } = JSON.parse(text) as JsonAnswer
  if (errorCode === 100 || errorCode === 101 || errorCode === 105) return { error: errorCode }
  if (node === undefined) return undefined
  return { node: toKeyNode(node), previous: prevNode === undefined ? undefined : toKeyNode(prevNode) }
}

function toKeyNode({ value = '', modifiedIndex = 0, createdIndex = 0 }: JsonNode): KeyNode {
  return { value, index: modifiedIndex, created: createdIndex }
}

function readQueue({ status, text }: Told): QueueOutput | undefined {
  if (status >= 500) return undefined
  const { node, action, errorCode } = JSON.parse(text) as JsonAnswer
  // The directory comes with its first key.
  if (errorCode === 100) return { entries: [] }
  if (node === undefined) return undefined
  return action === 'create' ? { entry: toEntry(node) } : { entries: (node.nodes ?? []).map(toEntry) }
}

function toEntry({ value = '', createdIndex = 0 }: JsonNode): QueueEntry {
  return { index: createdIndex, value }
}
