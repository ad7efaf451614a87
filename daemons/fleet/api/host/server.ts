import { isOutput, OUTPUTS } from 'systemd-journald-ts'
import { storeSentence } from '#lib/etcd/errors.ts'
import type { EventBody } from '#lib/fleet/shapes.ts'
import { request as ask, openLines } from '#lib/http/host/client.ts'
import type { Address } from '#lib/http/host/listen.ts'
import { createServer, type HttpServer } from '#lib/http/host/server.ts'
import type { Request } from '#lib/http/request.ts'
import type { Response } from '#lib/http/response.ts'
import type { Log } from '../../log.ts'
import { type Answer, ApiRefusal, headersOf, json, refusal, SOON_SECONDS } from '../answer.ts'
import type { Backend, LocalUnits } from '../backend.ts'
import { Query } from '../query.ts'
import { type Route, routeOf } from '../route.ts'
import { answer } from '../service.ts'

/** How the API is served. */
export interface ApiOptions {
  backend: Backend
  local: LocalUnits
  log: Log
  /** Of a page. */
  tokenLimit: number
}

/** Of a request: a unit file of ours has at most some kilobytes. */
const BODY_BYTES_MAX = 1024 * 1024
const CONNECTIONS_MAX = 1024
/** Clients that follow events, and journals that are read, at once. */
const FOLLOWERS_MAX = 256
const JOURNALS_MAX = 64
/** What a slow follower may leave unread before it is let go. */
const UNREAD_BYTES_MAX = 1024 * 1024
const HEARTBEAT_MS = 15_000
/** Of the other machine, which may have much to do. A client that loses patience before takes its request along. */
const FORWARD_TIMEOUT_MS = 30_000
const LINES_MAX = 10_000
const LINES = 10
/** Set on a request that another machine has passed on: it goes no further. */
const FORWARDED = 'x-fleet-forwarded'
const TEXT = 'text/plain; charset=utf-8'

/** The HTTP API of fleetd, on any number of addresses. */
export class ApiServer {
  #options: ApiOptions
  readonly #server: HttpServer
  #ending = new AbortController()
  #followers = 0
  #journals = 0

  constructor(options: ApiOptions) {
    this.#options = options
    this.#server = createServer({
      onRequest: (request, response) => void this.#serve(request, response),
      limits: { bodyBytesMax: BODY_BYTES_MAX, connectionsMax: CONNECTIONS_MAX },
      onError: error => options.log.warn(error.message),
    })
  }

  async listen(address: Address): Promise<Address> {
    return await this.#server.listen(address)
  }

  /** Answers from now on by another configuration; streams that have begun end. */
  configure(options: ApiOptions): void {
    this.#options = options
    this.#ending.abort()
    this.#ending = new AbortController()
  }

  /** Ends streams, and gives answers that are under way so much time. */
  async close(graceMs: number): Promise<void> {
    this.#ending.abort()
    await this.#server.close(graceMs)
  }

  async #serve(request: Request, response: Response): Promise<void> {
    try {
      await this.#answer(request, response)
    } catch (error) {
      if (response.isGone) return
      if (!(error instanceof ApiRefusal))
        this.#options.log.error(
          `${request.method} ${request.path}: ${error instanceof Error ? error.message : error}`,
        )
      if (response.isEnded) return
      send(
        response,
        error instanceof ApiRefusal
          ? refusal(error.status, error.message, error.retrySeconds)
          : refusal(500, storeSentence(error)),
      )
    }
  }

  async #answer(request: Request, response: Response): Promise<void> {
    const { backend, tokenLimit } = this.#options
    if (request.bodyTooLarge) throw new ApiRefusal(413, `the body is longer than ${BODY_BYTES_MAX} bytes`)
    const route = routeOf(request.method, request.path)
    if (route.kind !== 'metrics' && route.kind !== 'discovery') checkAvailable(backend)
    const query = new Query(request.query)
    if (route.kind === 'events') return this.#events(response)
    if (route.kind === 'status' || route.kind === 'journal')
      return await this.#local(route, query, request, response)
    const contentTypes = request.headers().filter(([name]) => name.toLowerCase() === 'content-type')
    const asked = { query, contentTypes: contentTypes.map(([, value]) => value), body: request.body }
    send(response, await answer(route, asked, backend, tokenLimit))
  }

  #events(response: Response): void {
    if (this.#followers >= FOLLOWERS_MAX) throw new ApiRefusal(503, 'too many clients follow events')
    this.#followers++
    const stopListening = this.#options.backend.onEvent(event => {
      if (response.unsentBytes > UNREAD_BYTES_MAX) end('event: lost\ndata: {}\n\n')
      else response.write(encodeEvent(event))
    })
    const timer = setInterval(() => void response.write(': alive\n\n'), HEARTBEAT_MS)
    const onEnding = (): void => end('')
    const { signal } = this.#ending
    const leave = (): void => {
      clearInterval(timer)
      stopListening()
      signal.removeEventListener('abort', onEnding)
      this.#followers--
    }
    const end = (last: string): void => {
      leave()
      response.finish(last)
    }
    response.onClose = leave
    signal.addEventListener('abort', onEnding)
    response.start(200, headersOf('text/event-stream'))
    response.write(': hello\n\n')
  }

  /** What a unit's own machine has to tell; other machines are asked over their API. */
  async #local(
    route: Route & { kind: 'status' | 'journal'; name: string },
    query: Query,
    request: Request,
    response: Response,
  ): Promise<void> {
    const { backend } = this.#options
    const unit = await backend.getUnit(route.name)
    if (unit === undefined) throw new ApiRefusal(404, 'unit does not exist')
    const wanted = query.first('machineID')
    const machineId = wanted === '' ? (unit.machineID ?? backend.machineId) : wanted
    if (machineId !== backend.machineId) return await this.#forward(machineId, route, request, response)
    const gone = new AbortController()
    const signal = AbortSignal.any([gone.signal, this.#ending.signal])
    response.onClose = () => gone.abort()
    if (route.kind === 'status')
      send(response, json(200, await this.#options.local.status(route.name, signal)))
    else await this.#journal(route.name, query, response, signal)
  }

  async #journal(name: string, query: Query, response: Response, signal: AbortSignal): Promise<void> {
    const lines = query.number('lines', LINES, LINES_MAX)
    const output = query.first('output') || 'short'
    if (!isOutput(output))
      throw new ApiRefusal(400, `invalid output ${JSON.stringify(output)}: one of ${OUTPUTS.join(', ')}`)
    if (this.#journals >= JOURNALS_MAX) throw new ApiRefusal(503, 'too many journals are read')
    this.#journals++
    try {
      const follow = query.flag('follow')
      response.start(200, headersOf(TEXT))
      await pour(this.#options.local.journal(name, { lines, follow, output }, signal), response, signal)
    } finally {
      this.#journals--
    }
  }

  async #forward(
    machineId: string,
    { kind, name }: { kind: string; name: string },
    request: Request,
    response: Response,
  ): Promise<void> {
    const api = await this.#options.backend.apiOf(machineId)
    if (api === undefined) throw new ApiRefusal(404, `machine ${machineId} is not in the cluster`)
    if (request.header(FORWARDED) !== undefined)
      throw new ApiRefusal(502, `machine ${machineId} is not this one`)
    if (api === '')
      throw new ApiRefusal(
        502,
        `machine ${machineId} has no API address; have its fleet.socket listen on a TCP port`,
      )
    const query = new URLSearchParams(request.query)
    query.set('machineID', machineId)
    const url = `${api}/fleet/v1/units/${encodeURIComponent(name)}/${kind}?${query.toString()}`
    const gone = new AbortController()
    const signal = AbortSignal.any([gone.signal, this.#ending.signal])
    response.onClose = () => gone.abort()
    const headers = { [FORWARDED]: '1' }
    try {
      if (kind === 'journal') {
        const remote = await openLines({ url, headers, timeoutMs: FORWARD_TIMEOUT_MS, signal })
        response.start(remote.status, headersOf(remote.headers['content-type'] ?? TEXT))
        await pour(remote.lines, response, signal)
      } else {
        const remote = await ask({ url, headers, timeoutMs: FORWARD_TIMEOUT_MS, signal })
        response.end(remote.status, headersOf(remote.headers['content-type']), remote.body)
      }
    } catch (error) {
      if (error instanceof ApiRefusal || response.isGone || response.isEnded) throw error
      throw new ApiRefusal(
        502,
        `machine ${machineId} does not answer: ${error instanceof Error ? error.message : error}`,
      )
    }
  }
}

/** Sends lines as the client takes them, to the end. */
async function pour(lines: AsyncIterable<string>, response: Response, signal: AbortSignal): Promise<void> {
  try {
    for await (const line of lines) {
      if (response.isGone || signal.aborted) break
      if (response.write(`${line}\n`)) continue
      await new Promise<void>(resolve => {
        response.onDrain = resolve
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    if (!response.isEnded) response.finish()
  }
}

function encodeEvent(event: EventBody): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
}

function checkAvailable(backend: Backend): void {
  const trouble = backend.unavailable()
  if (trouble === undefined) return
  const { why, isLate } = trouble
  const sentence = `fleet server unable to communicate with etcd${why === '' ? '' : `: ${why}`}`
  throw new ApiRefusal(503, sentence, isLate ? SOON_SECONDS : undefined)
}

function send(response: Response, { status, type, body, retrySeconds }: Answer): void {
  response.end(status, headersOf(type, retrySeconds), body)
}
