import http from 'node:http'
import https from 'node:https'
import tls from 'node:tls'
import { EndpointError } from '../errors.ts'
import { describeConnection } from '../failure.ts'
import type { EtcdRequest } from '../request.ts'
import type { Reply } from '../response.ts'
import type { SendOptions, Transport } from '../transport.ts'

/** Certificates for https endpoints, PEM. */
export interface TlsFiles {
  /** Trusted authorities; those of the system when absent. */
  ca?: string | undefined
  cert?: string | undefined
  key?: string | undefined
  /** Name that the certificate must have, when it is not the host of the URL. */
  serverName?: string | undefined
  /** Do not check who answers. */
  skipVerify?: boolean | undefined
}

/** Limits of the connections of a client. */
export interface TransportOptions {
  tls?: TlsFiles | undefined
  /** Time for a connection to come about; 0 is no limit. */
  dialTimeoutMs?: number
  /** A unix socket that leads to the server of a URL, such as the end of a tunnel; undefined for none. */
  socketOf?: (url: URL) => string | undefined
}

const DIAL_TIMEOUT_MS = 30_000
const KEEP_ALIVE_MS = 30_000
const IDLE_SOCKETS_MAX = 8
/** More than any listing that is of use; a body beyond it is an error and not memory. */
const BODY_BYTES_MAX = 256 * 1024 * 1024
const REDIRECTS_MAX = 10

/** Sends requests by Node's http and https, over connections that are kept. */
export class HttpTransport implements Transport {
  readonly #dialTimeoutMs: number
  readonly #tls: TlsFiles
  readonly #socketOf: (url: URL) => string | undefined
  readonly #http: http.Agent
  #https: https.Agent | undefined

  constructor(options: TransportOptions = {}) {
    this.#tls = options.tls ?? {}
    this.#socketOf = options.socketOf ?? (() => undefined)
    this.#dialTimeoutMs = options.dialTimeoutMs ?? DIAL_TIMEOUT_MS
    this.#http = new http.Agent(AGENT)
  }

  async send(endpoint: string, request: EtcdRequest, options: SendOptions): Promise<Reply> {
    let url = new URL(endpoint.replace(/\/+$/, '') + request.path)
    for (let redirects = 0; ; redirects++) {
      const reply = await this.#sendOnce(url, endpoint, request, options)
      if (reply.status < 300 || reply.status > 399) return reply
      if (redirects === REDIRECTS_MAX) throw new EndpointError('client: too many redirects', false)
      const location = reply.header('location')
      if (location === undefined) throw new EndpointError('client: location header not set', false)
      url = new URL(location, url)
    }
  }

  close(): void {
    this.#http.destroy()
    this.#https?.destroy()
  }

  async #sendOnce(url: URL, endpoint: string, request: EtcdRequest, options: SendOptions): Promise<Reply> {
    try {
      return await this.#exchange(url, endpoint, request, options)
    } catch (error) {
      // The server may have closed a kept connection in the moment in which it was taken. Only what changes
      // nothing is sent once more.
      if (!(error instanceof StaleConnectionError) || request.method !== 'GET') throw error
      return await this.#exchange(url, endpoint, request, options)
    }
  }

  #exchange(url: URL, endpoint: string, request: EtcdRequest, options: SendOptions): Promise<Reply> {
    const { signal, headerTimeoutMs } = options
    return new Promise<Reply>((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason)
        return
      }
      const outgoing = this.#open(url, request, options)
      const onAbort = (): void => finish(signal.reason)
      const onHeaderTimeout = (): void =>
        finish(new EndpointError(`client: endpoint ${endpoint} exceeded header timeout`, false))
      const headerTimer = headerTimeoutMs > 0 ? setTimeout(onHeaderTimeout, headerTimeoutMs) : undefined
      let dialTimer: NodeJS.Timeout | undefined
      const finish = (error: unknown): void => {
        clearTimeout(headerTimer)
        clearTimeout(dialTimer)
        signal.removeEventListener('abort', onAbort)
        reject(error)
        outgoing.destroy()
      }
      signal.addEventListener('abort', onAbort, { once: true })
      outgoing.on('socket', socket => {
        if (!socket.connecting || this.#dialTimeoutMs <= 0) return
        const timeout = new EndpointError(`dial tcp ${url.host}: i/o timeout`, true)
        dialTimer = setTimeout(() => finish(timeout), this.#dialTimeoutMs)
        socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', () => clearTimeout(dialTimer))
      })
      outgoing.on('error', error => finish(failureOf(error, outgoing)))
      outgoing.on('response', incoming => {
        clearTimeout(headerTimer)
        readBody(incoming, (error, body) => {
          if (error !== undefined) {
            finish(error)
            return
          }
          signal.removeEventListener('abort', onAbort)
          resolve(replyOf(incoming, body))
        })
      })
      outgoing.end(request.body)
    })
  }

  #open(url: URL, request: EtcdRequest, { authorization }: SendOptions): http.ClientRequest {
    const headers: http.OutgoingHttpHeaders = {}
    if (request.contentType !== undefined) headers['content-type'] = request.contentType
    if (request.body !== undefined) headers['content-length'] = Buffer.byteLength(request.body)
    if (authorization !== undefined) headers['authorization'] = authorization
    const socketPath = this.#socketOf(url)
    const common = { method: request.method, headers, ...(socketPath === undefined ? {} : { socketPath }) }
    if (url.protocol === 'http:') return http.request(url, { ...common, agent: this.#http })
    if (url.protocol !== 'https:')
      throw new EndpointError(`unsupported protocol scheme "${url.protocol.slice(0, -1)}"`, false)
    const { serverName } = this.#tls
    const name = serverName === undefined || serverName === '' ? {} : { servername: serverName }
    this.#https ??= new https.Agent({ ...AGENT, ...secureOptions(this.#tls) })
    return https.request(url, { ...common, ...name, agent: this.#https })
  }
}

const AGENT = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, maxFreeSockets: IDLE_SOCKETS_MAX }

/** A kept connection was gone before an answer began. */
class StaleConnectionError extends EndpointError {}

function failureOf(error: unknown, outgoing: http.ClientRequest): EndpointError {
  const failure = error instanceof EndpointError ? error : describeConnection(error)
  const stale = outgoing.reusedSocket && !failure.unreachable
  return stale ? new StaleConnectionError(failure.message, false, { cause: error }) : failure
}

function secureOptions({ ca, cert, key, skipVerify }: TlsFiles): https.AgentOptions {
  const authorities = ca === undefined ? [...tls.rootCertificates, ...tls.getCACertificates('system')] : [ca]
  const checks = skipVerify === true ? { rejectUnauthorized: false } : {}
  return {
    ca: authorities,
    ...checks,
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
}

/** Reads a body to its end; `done` is called once. */
function readBody(
  incoming: http.IncomingMessage,
  done: (error: EndpointError | undefined, body: string) => void,
): void {
  const chunks: Buffer[] = []
  let bytes = 0
  incoming.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) {
      incoming.destroy(new EndpointError(`client: response exceeds ${BODY_BYTES_MAX} bytes`, false))
    } else {
      chunks.push(chunk)
    }
  })
  incoming.on('end', () => done(undefined, Buffer.concat(chunks).toString('utf8')))
  incoming.on('error', error => {
    const cut = 'code' in error && error.code === 'ECONNRESET'
    const known = error instanceof EndpointError ? error : describeConnection(error)
    done(cut ? new EndpointError('unexpected EOF', false, { cause: error }) : known, '')
  })
}

function replyOf(incoming: http.IncomingMessage, body: string): Reply {
  const { headers } = incoming
  return {
    status: incoming.statusCode ?? 0,
    header: name => {
      const value = headers[name]
      return Array.isArray(value) ? value[0] : value
    },
    body,
  }
}
