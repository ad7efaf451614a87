import { setTimeout as pause } from 'node:timers/promises'
import { UserError } from '#lib/errors.ts'
import { encodeForm } from '#lib/etcd/url.ts'
import { ClientError, type ClientOptions, request } from '#lib/http/host/client.ts'
import type { MemberId } from '../../raft/types.ts'
import { judgeToken, parseTokenUrl, type Registration, readSize, type TokenStand } from '../token.ts'

const ANSWER_TIMEOUT_MS = 5_000
/** A watch that is silent for so long is asked again: something on the way may have dropped it. */
const WATCH_TIMEOUT_MS = 300_000
const BODY_BYTES_MAX = 1024 * 1024
/** Between two tries: doubled up to the 8th, then constant. */
const RETRY_MS = 2_000
const RETRY_DOUBLINGS_MAX = 7

/** What a member brings to a token. */
export interface DiscoveryOptions {
  url: string
  id: MemberId
  /** `name=url,name=url`. */
  value: string
  /** An earlier start of this very data directory may have registered already. */
  mayBeRegistered: boolean
  /** Called before it registers; durable when it resolves. */
  beforeRegister(): Promise<void>
  log(line: string): void
  signal?: AbortSignal
  /** For tests. */
  retryMs?: number
}

/** How it ended. */
export type Discovered = Extract<TokenStand, { kind: 'complete' | 'full' }>

/**
 * Registers a member under a token and waits until all have come (specification §8). Connections that fail are tried
 * again for ever.
 *
 * @throws UserError when the token is no good, with what to do about it
 */
export async function discoverCluster(options: DiscoveryOptions): Promise<Discovered> {
  return await new Discovery(options).run()
}

/**
 * Reads who is registered under a token without taking part: for a proxy.
 *
 * @throws UserError when the token is no good
 */
export async function readToken(
  options: Omit<DiscoveryOptions, 'id' | 'value' | 'mayBeRegistered' | 'beforeRegister'>,
): Promise<readonly Registration[]> {
  const discovery = new Discovery({
    ...options,
    id: '',
    value: '',
    mayBeRegistered: false,
    beforeRegister: async () => {},
  })
  return await discovery.waitForAll()
}

interface KeysAnswer {
  errorCode?: number
  message?: string
  cause?: string
  index?: number
  node?: KeysNode
}

interface KeysNode {
  key?: string
  value?: string
  nodes?: KeysNode[]
  createdIndex?: number
}

class Discovery {
  readonly #options: DiscoveryOptions
  readonly #origin: string
  readonly #path: string
  #failures = 0

  constructor(options: DiscoveryOptions) {
    this.#options = options
    const { origin, path } = parseTokenUrl(options.url)
    this.#origin = origin
    this.#path = path
  }

  async run(): Promise<Discovered> {
    const { id, value, log, mayBeRegistered } = this.#options
    let { stand } = await this.#look()
    if (stand.kind === 'full') return stand
    const wasThere = stand.found.some(registration => registration.id === id)
    if (wasThere && !mayBeRegistered)
      throw new UserError(
        `discovery: found duplicate id (${id} is registered under ${this.#options.url} already, and this data directory is empty)`,
        'a token is for one founding only: make a new one for a new cluster; if this member lost its disk, start it with --rejoin and --initial-cluster instead',
      )
    if (!wasThere) {
      await this.#options.beforeRegister()
      await this.#register(value)
    }
    for (;;) {
      const { stand: now, index, size } = await this.#look()
      stand = now
      if (stand.kind !== 'open') return stand
      log(`found ${stand.found.length} of ${size} members under the discovery token, waiting for the others`)
      await this.#watch(index + 1)
    }
  }

  /** Waits until the token is complete, whoever is in it. */
  async waitForAll(): Promise<readonly Registration[]> {
    for (;;) {
      const { stand, index } = await this.#look()
      if (stand.kind !== 'open') return stand.found
      await this.#watch(index + 1)
    }
  }

  async #look(): Promise<{ stand: TokenStand; size: number; index: number }> {
    const config = await this.#get('/_config/size')
    if (config.answer.errorCode !== undefined || config.answer.node?.value === undefined)
      throw new UserError(
        `discovery: size key not found (${textOf(config.answer)})`,
        `${this.#options.url} is no token, or has expired: make a new one`,
      )
    const size = readSize(config.answer.node.value)
    const { answer, index } = await this.#get('')
    if (answer.errorCode !== undefined) throw new UserError(`discovery: ${textOf(answer)}`)
    const all: Registration[] = []
    for (const { key = '', value = '', createdIndex = 0 } of answer.node?.nodes ?? []) {
      const id = key.slice(key.lastIndexOf('/') + 1)
      if (id !== '_config') all.push({ id, value, createdIndex })
    }
    return { stand: judgeToken(all, size, this.#options.id), size, index }
  }

  async #register(value: string): Promise<void> {
    const { id } = this.#options
    for (let isFirst = true; ; isFirst = false) {
      const reply = await this.#tryOnce({
        url: `${this.#origin + this.#path}/${id}?prevExist=false`,
        method: 'PUT',
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        body: encodeForm({ value }),
        timeoutMs: ANSWER_TIMEOUT_MS,
      })
      if (reply === undefined) continue
      const { answer } = reply
      if (answer.errorCode === undefined) return
      // The answer to an earlier try was lost on the way: this is our own registration.
      if (answer.errorCode === 105 && !isFirst) return
      if (answer.errorCode === 105) throw new UserError(`discovery: found duplicate id (${id})`)
      throw new UserError(`discovery: ${textOf(answer)}`)
    }
  }

  async #watch(index: number): Promise<void> {
    const { signal } = this.#options
    try {
      await request({
        url: `${this.#origin + this.#path}?recursive=true&wait=true&waitIndex=${index}`,
        timeoutMs: WATCH_TIMEOUT_MS,
        bodyBytesMax: BODY_BYTES_MAX,
        ...(signal === undefined ? {} : { signal }),
      })
    } catch (error) {
      if (!(error instanceof ClientError) || signal?.aborted) throw error
      // What it has missed is seen when the token is looked at again, with pauses when nobody answers.
      if (error.kind !== 'timeout') await this.#pauseAfter(error)
    }
  }

  async #get(path: string): Promise<{ answer: KeysAnswer; index: number }> {
    for (;;) {
      const reply = await this.#tryOnce({
        url: this.#origin + this.#path + path,
        timeoutMs: ANSWER_TIMEOUT_MS,
      })
      if (reply !== undefined) return reply
    }
  }

  /** Undefined after a pause when nobody answered, or nobody who could. */
  async #tryOnce(options: ClientOptions): Promise<{ answer: KeysAnswer; index: number } | undefined> {
    const { signal } = this.#options
    try {
      const { status, headers, body } = await request({
        ...options,
        bodyBytesMax: BODY_BYTES_MAX,
        ...(signal === undefined ? {} : { signal }),
      })
      if (status >= 500) {
        await this.#pauseAfter(new Error(`it answers ${status}`))
        return undefined
      }
      this.#failures = 0
      const answer = parseAnswer(body.toString('utf8'))
      if (answer === undefined)
        throw new UserError(
          `discovery: bad discovery endpoint (${this.#options.url} answers ${status}, not as a store of keys)`,
          'give the URL as the discovery service has printed it',
        )
      return { answer, index: Number(headers['x-etcd-index'] ?? answer.index ?? 0) }
    } catch (error) {
      if (!(error instanceof ClientError) || signal?.aborted) throw error
      await this.#pauseAfter(error)
      return undefined
    }
  }

  async #pauseAfter(error: Error): Promise<void> {
    const { log, signal, retryMs = RETRY_MS } = this.#options
    const delayMs = retryMs * 2 ** Math.min(this.#failures, RETRY_DOUBLINGS_MAX)
    this.#failures += 1
    log(`discovery: ${this.#origin}: ${error.message}; asking again in ${delayMs / 1000} s`)
    await pause(delayMs, undefined, signal === undefined ? {} : { signal })
  }
}

function parseAnswer(text: string): KeysAnswer | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

function textOf({ errorCode, message, cause, index }: KeysAnswer): string {
  return `${errorCode}: ${message} (${cause}) [${index}]`
}
