import { randomBytes } from 'node:crypto'
import { EtcdClient } from '#lib/etcd/client.ts'
import type { EtcdRequest } from '#lib/etcd/request.ts'
import type { Reply } from '#lib/etcd/response.ts'
import { headerBlock } from '#lib/http/header.ts'
import { createServer, type HttpServer } from '#lib/http/host/server.ts'
import { methodNotAllowed, notFound, textError } from '#lib/http/reply.ts'
import type { Request } from '#lib/http/request.ts'
import type { Response } from '#lib/http/response.ts'
import { Quota } from '../quota.ts'
import { methodsOf, type Route, readSize, routeOf } from '../route.ts'
import type { Settings } from '../settings.ts'

/** Of a registration: a name and some URLs. */
const BODY_BYTES_MAX = 16 * 1024
const VALUE_BYTES_MAX = 4 * 1024
const CONNECTIONS_MAX = 4096
/** Requests that one address may make in a minute. */
const REQUESTS_PER_MINUTE_MAX = 600
const CALLERS_MAX = 100_000
const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
/** A member waits for the others for so long, then asks again. */
const WATCH_MS = 300_000
const ANSWER_MS = 10_000
const TOKEN_BYTES = 16
const HEALTH_TTL_SECONDS = 60
const TEXT = headerBlock([['Content-Type', 'text/plain; charset=utf-8']])
const PASSED_ON = ['Content-Type', 'X-Etcd-Index', 'X-Etcd-Cluster-Id', 'X-Raft-Index', 'X-Raft-Term']

const WELCOME = `This is a discovery service: members of a new etcd cluster find one another here.

   curl 'HOST/new?size=3'     gives the URL of a token for a cluster of three
   etcd --discovery URL       on each of them
   curl URL                   shows who has come

A token is for one founding only.
`

/** The discovery service over any etcd (specification §8). */
export class DiscoveryService {
  readonly #settings: Settings
  readonly #client: EtcdClient
  readonly #server: HttpServer
  readonly #newQuota: Quota
  readonly #requestQuota = new Quota(REQUESTS_PER_MINUTE_MAX, MINUTE_MS, CALLERS_MAX)
  readonly #ended = new AbortController()
  readonly #log: (line: string) => void

  constructor(settings: Settings, log: (line: string) => void) {
    this.#settings = settings
    this.#log = log
    this.#client = new EtcdClient({ endpoints: settings.endpoints })
    this.#newQuota = new Quota(settings.newPerHourMax, HOUR_MS, CALLERS_MAX)
    this.#server = createServer({
      onRequest: (request, response) => void this.#answer(request, response),
      limits: { bodyBytesMax: BODY_BYTES_MAX, connectionsMax: CONNECTIONS_MAX },
      onError: error => log(error.message),
    })
  }

  /** Listens; gives the port. Rejects with Node's error. */
  async listen(): Promise<number> {
    const address = await this.#server.listen(this.#settings.listen)
    return 'port' in address ? address.port : 0
  }

  async close(graceMs: number): Promise<void> {
    this.#ended.abort(new Error('the service ends'))
    await this.#server.close(graceMs)
    this.#client.close()
  }

  async #answer(request: Request, response: Response): Promise<void> {
    const route = routeOf(request.path, request.query)
    const allowed = methodsOf(route)
    const caller = request.peer?.address ?? ''
    const send = ({ status, headers, body }: { status: number; headers: string; body: string }) =>
      response.end(status, headers, body)
    if (route.kind === 'unknown') send(notFound())
    else if (!allowed.includes(request.method)) send(methodNotAllowed(allowed))
    else if (!this.#requestQuota.take(caller, performance.now()))
      send(textError(429, 'too many requests; come again in a minute'))
    else {
      try {
        await this.#serve(route, request, response)
      } catch (error) {
        if (!(error instanceof Error)) throw error
        const [why] = error.message.split('\n')
        this.#log(`${request.method} ${request.path}: ${why}`)
        if (!response.isEnded && !response.isGone) send(textError(500, `the store does not answer: ${why}`))
      }
    }
  }

  async #serve(route: Route, request: Request, response: Response): Promise<void> {
    switch (route.kind) {
      case 'root':
        response.end(200, TEXT, WELCOME.replace('HOST', this.#settings.host))
        break
      case 'robots':
        response.end(200, TEXT, 'User-Agent: *\nDisallow: /\n')
        break
      case 'health':
        await this.#checkHealth()
        response.end(200, TEXT, 'OK')
        break
      case 'new':
        await this.#makeToken(route.size, request, response)
        break
      case 'keys':
        await this.#passOn(route.key, request, response)
        break
      default:
        throw new Error(`no route ${route.kind}`)
    }
  }

  async #makeToken(text: string, request: Request, response: Response): Promise<void> {
    const { sizeMax, host, ttlSeconds } = this.#settings
    const size = readSize(text, sizeMax)
    if (typeof size === 'string') {
      const { status, headers, body } = textError(400, size)
      response.end(status, headers, body)
      return
    }
    if (!this.#newQuota.take(request.peer?.address ?? '', performance.now())) {
      const { status, headers, body } = textError(429, 'too many tokens; come again in an hour')
      response.end(status, headers, body)
      return
    }
    const token = randomBytes(TOKEN_BYTES).toString('hex')
    await this.#create(token, size, ttlSeconds)
    response.end(200, TEXT, `${host}/${token}`)
  }

  async #create(token: string, size: number, ttlSeconds: number): Promise<void> {
    const path = `${this.#settings.prefix}/${token}`
    const signal = AbortSignal.timeout(ANSWER_MS)
    await this.#client.keys.set(path, '', { dir: true, prevExist: false, ttlSeconds }, signal)
    await this.#client.keys.create(`${path}/_config/size`, String(size), {}, signal)
  }

  async #checkHealth(): Promise<void> {
    const token = randomBytes(TOKEN_BYTES).toString('hex')
    await this.#create(token, 1, HEALTH_TTL_SECONDS)
    const path = `${this.#settings.prefix}/${token}`
    await this.#client.keys.delete(path, { recursive: true }, AbortSignal.timeout(ANSWER_MS))
  }

  /** Registrations go to a token that is there: nobody makes tokens of his own, or other keys. */
  async #passOn(key: string, request: Request, response: Response): Promise<void> {
    const { prefix } = this.#settings
    const { method, query } = request
    const waits = new URLSearchParams(query).get('wait') === 'true'
    if (method === 'PUT') {
      const refusal = await this.#refusalOf(key, request)
      if (refusal !== undefined) {
        response.end(refusal.status, headersOf(refusal), refusal.body)
        return
      }
    }
    const gone = new AbortController()
    response.onClose = () => gone.abort(new Error('the client is gone'))
    const bound = AbortSignal.timeout(waits ? WATCH_MS : ANSWER_MS)
    const passed: EtcdRequest = {
      method: method as EtcdRequest['method'],
      path: `/v2/keys${prefix}${key}${query === '' ? '' : `?${query}`}`,
      body: request.bodyBytes === 0 ? undefined : request.body.toString('utf8'),
      contentType: 'application/x-www-form-urlencoded',
      wait: waits,
      oneShot: method !== 'GET',
    }
    try {
      const reply = await this.#client.perform(
        passed,
        AbortSignal.any([gone.signal, bound, this.#ended.signal]),
      )
      response.end(reply.status, headersOf(reply), reply.body)
    } catch (error) {
      // Nothing has happened: who waits looks again.
      if (waits && bound.aborted && !gone.signal.aborted) response.end(200, TEXT, '')
      else if (!gone.signal.aborted) throw error
    }
  }

  async #refusalOf(key: string, request: Request): Promise<Reply | undefined> {
    const token = key.slice(0, key.indexOf('/', 1))
    const value = new URLSearchParams(request.body.toString('utf8')).get('value') ?? ''
    if (Buffer.byteLength(value) > VALUE_BYTES_MAX) return refuse(413, 'the value is too long')
    const path = `/v2/keys${this.#settings.prefix}${token}/_config/size`
    const look: EtcdRequest = {
      method: 'GET',
      path,
      body: undefined,
      contentType: undefined,
      wait: false,
      oneShot: false,
    }
    const reply = await this.#client.perform(look, AbortSignal.timeout(ANSWER_MS))
    return reply.status === 200 ? undefined : reply
  }
}

function refuse(status: number, text: string): Reply {
  return { status, header: () => undefined, body: `${text}\n` }
}

function headersOf(reply: Reply): string {
  const pairs: [string, string][] = []
  for (const name of PASSED_ON) {
    const value = reply.header(name.toLowerCase())
    if (value !== undefined) pairs.push([name, value])
  }
  return headerBlock(pairs)
}
