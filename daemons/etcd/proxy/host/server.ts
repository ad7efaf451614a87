import type { SecureContextOptions, TlsOptions } from 'node:tls'
import type { TlsFiles } from '#lib/etcd/host/transport.ts'
import { CrossOrigin } from '#lib/http/cors.ts'
import { ClientAgent } from '#lib/http/host/client.ts'
import { jsonMessage, type Reply } from '#lib/http/reply.ts'
import type { Request } from '#lib/http/request.ts'
import type { Response } from '#lib/http/response.ts'
import type { Config } from '../../config/config.ts'
import { fetchMembers } from '../../peer/host/fetch.ts'
import type { PeerTls } from '../../peer/tls.ts'
import { httpServer, Listeners } from '../../server/host/listeners.ts'
import type { Log } from '../../server/host/logger.ts'
import { Director } from '../director.ts'
import { Forwarder } from './forward.ts'

/** While no endpoint is known, members are looked for so often. */
const REFRESH_EMPTY_MS = 1_000
const FETCH_TIMEOUT_MS = 5_000
const CLOSE_GRACE_MS = 500
const JSON_TYPE = 'Content-Type: application/json\r\n'

/** What a proxy is made of. */
export interface ProxyOptions {
  config: Config
  /** Of the members. */
  peerUrls: readonly string[]
  /** Keeps the peer URLs for the next start. */
  save(peerUrls: readonly string[]): Promise<void>
  /** Of the port that it listens on. */
  tls: TlsOptions | undefined
  peerTls: PeerTls | undefined
  /** What it shows and trusts when members speak https. */
  clientFiles: TlsFiles | undefined
  log: Log
}

/** A proxy: it passes requests of clients on to members (specification §7.4). */
export class ProxyServer {
  readonly #options: ProxyOptions
  readonly #director: Director
  readonly #forwarder: Forwarder
  readonly #port: Listeners
  readonly #agent: ClientAgent
  readonly #crossOrigin: CrossOrigin
  #peerUrls: readonly string[]
  #timer: NodeJS.Timeout | undefined
  #isStopping = false

  constructor(options: ProxyOptions) {
    const { config, log, clientFiles } = options
    this.#options = options
    this.#peerUrls = options.peerUrls
    this.#director = new Director(config.proxyFailureWaitMs, Math.random)
    this.#agent = new ClientAgent(clientFiles === undefined ? {} : { tls: withoutUndefined(clientFiles) })
    this.#crossOrigin = new CrossOrigin(config.cors)
    this.#forwarder = new Forwarder(this.#director, this.#agent, config, line => log('warn', 'proxy', line))
    this.#port = new Listeners({
      urls: config.listenClientUrls,
      tls: options.tls,
      make: httpServer({
        onRequest: (request, response) => this.#answer(request, response),
        onError: error => log('warn', 'proxy', error.message),
      }),
    })
  }

  /** Listens, and looks for members; resolves when it listens. */
  async start(): Promise<void> {
    const { config, log } = this.#options
    await this.#port.listen()
    for (const url of config.listenClientUrls)
      log('notice', 'proxy', `listening for client requests on ${url}`)
    log('info', 'proxy', `using peer urls ${this.#peerUrls.join(', ')}`)
    await this.#refresh()
  }

  /** Of the port, and of connections to members, from now on. */
  setCertificates(port: SecureContextOptions, clientFiles: TlsFiles | undefined): void {
    this.#port.setCertificates(port)
    if (clientFiles !== undefined) this.#agent.setTls(withoutUndefined(clientFiles))
  }

  /** Ends everything that is under way. */
  async stop(): Promise<void> {
    this.#isStopping = true
    clearTimeout(this.#timer)
    await this.#port.close(CLOSE_GRACE_MS)
    this.#agent.close()
  }

  #answer(request: Request, response: Response): void {
    const { config } = this.#options
    const cors = this.#crossOrigin.dependsOnOrigin ? request.header('origin') : undefined
    const headers = this.#crossOrigin.headers(cors)
    if (request.path === '/v2/config/local/proxy' && request.method === 'GET') {
      const body = `${JSON.stringify({ endpoints: this.#director.urls })}\n`
      response.end(200, headers + JSON_TYPE, body)
    } else if (config.proxy === 'readonly' && request.method !== 'GET')
      reply(response, { status: 501, headers, body: '' })
    else if (request.bodyTooLarge) reply(response, jsonMessage(413, 'httpproxy: the request is too large'))
    else this.#forwarder.forward(request, response)
  }

  async #refresh(): Promise<void> {
    const { peerTls, config, log, save } = this.#options
    try {
      const { members } = await fetchMembers(this.#peerUrls, FETCH_TIMEOUT_MS, peerTls)
      const urls = members.flatMap(({ clientUrls }) => clientUrls)
      const peerUrls = members.flatMap(member => member.peerUrls)
      const hadNone = this.#director.urls.length === 0
      const isNew = urls.toSorted().join() !== this.#director.urls.toSorted().join()
      this.#director.update(urls)
      if (urls.length > 0 && (hadNone || isNew))
        log('info', 'httpproxy', `httpproxy: endpoints found ${JSON.stringify(urls)}`)
      if (peerUrls.length > 0 && peerUrls.toSorted().join() !== this.#peerUrls.toSorted().join()) {
        this.#peerUrls = peerUrls
        await save(peerUrls)
        log('info', 'proxy', `updated peer urls: ${peerUrls.join(', ')}`)
      }
    } catch (error) {
      log('warn', 'proxy', (error as Error).message)
    }
    if (this.#isStopping) return
    const delayMs = this.#director.urls.length === 0 ? REFRESH_EMPTY_MS : config.proxyRefreshMs
    this.#timer = setTimeout(() => void this.#refresh(), delayMs)
  }
}

function reply(response: Response, { status, headers, body }: Reply): void {
  response.end(status, headers, body)
}

function withoutUndefined({ ca, cert, key }: TlsFiles) {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
}
