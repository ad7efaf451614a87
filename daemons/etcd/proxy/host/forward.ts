import { type IncomingMessage, request as requestPlain } from 'node:http'
import { request as requestEncrypted } from 'node:https'
import { headerBlock } from '#lib/http/header.ts'
import type { ClientAgent } from '#lib/http/host/client.ts'
import { jsonMessage } from '#lib/http/reply.ts'
import type { Request } from '#lib/http/request.ts'
import type { Response } from '#lib/http/response.ts'
import type { Config } from '../../config/config.ts'
import type { Director, Endpoint } from '../director.ts'
import { backwardHeaders, forwardHeaders } from '../headers.ts'

/** Passes requests on to members, one after the other until one is reached, and their answers back piece by piece. */
export class Forwarder {
  readonly #director: Director
  readonly #agent: ClientAgent
  readonly #config: Config
  readonly #log: (line: string) => void

  constructor(director: Director, agent: ClientAgent, config: Config, log: (line: string) => void) {
    this.#director = director
    this.#agent = agent
    this.#config = config
    this.#log = log
  }

  /** Answers, once. */
  forward(request: Request, response: Response): void {
    const turn = this.#director.turn(performance.now())
    if (turn.length === 0) {
      const refusal = jsonMessage(503, 'httpproxy: zero endpoints currently available')
      response.end(refusal.status, refusal.headers, refusal.body)
      return
    }
    const attempt = new Attempt(request, response, turn, this.#agent, this.#config, (endpoint, error) => {
      this.#director.failed(endpoint, performance.now())
      this.#log(`failed to direct request to ${endpoint.url}: ${error.message}`)
    })
    response.onClose = () => attempt.cancel()
    attempt.next()
  }
}

/** One request on its way through the endpoints. */
class Attempt {
  readonly #request: Request
  readonly #response: Response
  readonly #turn: readonly Endpoint[]
  readonly #agent: ClientAgent
  readonly #config: Config
  readonly #failed: (endpoint: Endpoint, error: Error) => void
  #at = 0
  #isCancelled = false
  #destroy: () => void = () => {}

  constructor(
    request: Request,
    response: Response,
    turn: readonly Endpoint[],
    agent: ClientAgent,
    config: Config,
    failed: (endpoint: Endpoint, error: Error) => void,
  ) {
    this.#request = request
    this.#response = response
    this.#turn = turn
    this.#agent = agent
    this.#config = config
    this.#failed = failed
  }

  /** The client is gone. */
  cancel(): void {
    this.#isCancelled = true
    this.#destroy()
  }

  next(): void {
    const endpoint = this.#turn[this.#at++]
    if (endpoint === undefined) {
      const text = `httpproxy: unable to get response from ${this.#turn.length} endpoint(s)`
      const { status, headers, body } = jsonMessage(502, text)
      this.#response.end(status, headers, body)
      return
    }
    this.#ask(endpoint)
  }

  #ask(endpoint: Endpoint): void {
    const { method, target, body } = this.#request
    const url = new URL(endpoint.url)
    const isEncrypted = url.protocol === 'https:'
    const headers = forwardHeaders(this.#request.headers(), this.#request.peer?.address ?? '')
    const { proxyDialTimeoutMs, proxyWriteTimeoutMs, proxyReadTimeoutMs } = this.#config
    const call = (isEncrypted ? requestEncrypted : requestPlain)({
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port,
      method,
      path: target,
      headers: { ...Object.fromEntries(headers), 'Content-Length': body.length },
      agent: isEncrypted ? this.#agent.encrypted : this.#agent.plain,
      setHost: true,
    })
    let isAnswered = false
    let mayBeDone = false
    const late = (what: string) => call.destroy(new Error(`${what} timed out`))
    let timer = proxyDialTimeoutMs > 0 ? setTimeout(late, proxyDialTimeoutMs, 'the connection') : undefined
    const isConnected = () => {
      // From here on the member may have read all of it: a write must not be done twice.
      mayBeDone = method !== 'GET' && method !== 'HEAD'
      clearTimeout(timer)
      timer = proxyWriteTimeoutMs > 0 ? setTimeout(late, proxyWriteTimeoutMs, 'the request') : undefined
    }
    call.on('socket', socket => {
      if (!socket.connecting) isConnected()
      else socket.once(isEncrypted ? 'secureConnect' : 'connect', isConnected)
    })
    call.on('finish', () => clearTimeout(timer))
    if (proxyReadTimeoutMs > 0) call.setTimeout(proxyReadTimeoutMs, () => late('the answer'))
    this.#destroy = () => call.destroy()
    call.on('error', error => {
      clearTimeout(timer)
      if (isAnswered || this.#isCancelled) return
      this.#failed(endpoint, error)
      if (mayBeDone) this.#at = this.#turn.length
      this.next()
    })
    call.on('response', answer => {
      isAnswered = true
      clearTimeout(timer)
      this.#pass(answer)
    })
    call.end(body)
  }

  #pass(answer: IncomingMessage): void {
    const response = this.#response
    if (response.isGone) return
    const headers = headerBlock(backwardHeaders(answer.rawHeaders))
    response.start(answer.statusCode ?? 502, headers)
    response.onDrain = () => answer.resume()
    answer.on('data', (piece: Buffer) => {
      if (!response.write(piece)) answer.pause()
    })
    answer.on('end', () => response.finish())
    // A body that breaks off must not look whole to the client.
    answer.on('error', () => response.abort())
  }
}
