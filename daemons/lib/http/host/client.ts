import {
  type ClientRequest,
  Agent as HttpAgent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestPlain,
} from 'node:http'
import { Agent as HttpsAgent, request as requestEncrypted } from 'node:https'
import type { SecureContextOptions } from 'node:tls'
import { errorCode } from '../../errors.ts'
import { LineSplitter } from '../lines.ts'

/** Of an answer that is read as a whole, when the caller has not said. */
const BODY_BYTES_MAX = 64 * 1024 * 1024
/** Of one line of a stream: an event of a value of the largest size the server takes, escaped. */
const LINE_BYTES_MAX = 64 * 1024 * 1024
const SOCKETS_MAX = 256
const FREE_SOCKETS_MAX = 16

/** Certificates and the like, as of node:tls. */
export type ClientTls = SecureContextOptions & { rejectUnauthorized?: boolean; servername?: string }

/** Connections that are kept for further requests. Its owner closes it. */
export class ClientAgent {
  readonly plain: HttpAgent
  readonly encrypted: HttpsAgent

  constructor(options: { tls?: ClientTls; socketsMax?: number } = {}) {
    const { socketsMax: maxSockets = SOCKETS_MAX } = options
    const pool = { keepAlive: true, noDelay: true, maxSockets, maxFreeSockets: FREE_SOCKETS_MAX }
    this.plain = new HttpAgent(pool)
    this.encrypted = new HttpsAgent({ ...pool, ...options.tls })
  }

  /** Shown and trusted on connections from now on; those that are kept are used no more. */
  setTls(tls: ClientTls): void {
    Object.assign(this.encrypted.options, tls)
  }

  close(): void {
    this.plain.destroy()
    this.encrypted.destroy()
  }
}

/** A request to some server. */
export interface ClientOptions {
  url: string | URL
  /** `GET` when not given. */
  method?: string
  headers?: Record<string, string>
  body?: string | Uint8Array
  /** Until the answer is there; for `openLines`, until its headers are. None when not given. */
  timeoutMs?: number
  signal?: AbortSignal
  /** Without one, the connection ends with the answer. */
  agent?: ClientAgent
  /** Speak over this unix socket instead of the host of the URL. */
  socketPath?: string
  /** Of the answer. */
  bodyBytesMax?: number
}

/** A complete answer, whatever its status. */
export interface ClientResponse {
  status: number
  /** Names in lower case. */
  headers: IncomingHttpHeaders
  body: Buffer
}

/** An answer that goes on. */
export interface LineResponse {
  status: number
  /** Names in lower case. */
  headers: IncomingHttpHeaders
  /** Throws ClientError when the stream breaks; ends without error after `close`. */
  lines: AsyncIterable<string>
  close(): void
}

/** Why there is no answer. */
export class ClientError extends Error {
  /** `connect`: nobody was reached, so nothing was done. The others: it may or may not have been done. */
  readonly kind: 'connect' | 'timeout' | 'aborted' | 'broken' | 'too large'
  /** Of the system: `ECONNREFUSED`, … */
  readonly code: string | undefined

  constructor(kind: ClientError['kind'], message: string, code?: string) {
    super(message)
    this.name = 'ClientError'
    this.kind = kind
    this.code = code
  }
}

/** Asks, and reads the whole answer. Rejects with ClientError. Redirects are not followed. */
export async function request(options: ClientOptions): Promise<ClientResponse> {
  const call = new Call(options)
  try {
    const response = await call.headers()
    const body = await readAll(response, options.bodyBytesMax ?? BODY_BYTES_MAX)
    return { status: response.statusCode ?? 0, headers: response.headers, body }
  } catch (error) {
    throw call.explain(error)
  } finally {
    call.dispose()
  }
}

/** Asks, and gives the answer when its headers are there; its lines come as they are sent. Rejects with ClientError. */
export async function openLines(options: ClientOptions): Promise<LineResponse> {
  const call = new Call(options)
  try {
    const response = await call.headers()
    call.stopTimer()
    const lines = readLines(call, response)
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      lines,
      close: () => call.close(),
    }
  } catch (error) {
    call.dispose()
    throw call.explain(error)
  }
}

/** One request on its way, with what may cut it short. */
class Call {
  readonly #options: ClientOptions
  readonly #request: ClientRequest
  readonly #onAbort = () => this.#cut(new ClientError('aborted', 'the request was called off'))
  #timer: NodeJS.Timeout | undefined = undefined
  #cause: ClientError | undefined = undefined
  #isConnected = false
  isClosed = false

  constructor(options: ClientOptions) {
    this.#options = options
    const { method = 'GET', headers = {}, body, agent, signal, socketPath, timeoutMs } = options
    const url = new URL(options.url)
    const isEncrypted = url.protocol === 'https:'
    const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) }
    this.#request = (isEncrypted ? requestEncrypted : requestPlain)(url, {
      method,
      headers: { ...headers, ...length },
      agent: (isEncrypted ? agent?.encrypted : agent?.plain) ?? false,
      ...(socketPath === undefined ? {} : { socketPath }),
    })
    this.#request.on('socket', socket => {
      if (!socket.connecting) this.#isConnected = true
      else socket.once('connect', () => (this.#isConnected = true))
    })
    this.#request.on('error', () => {}) // Told by `headers`, or by the answer that breaks.
    if (timeoutMs !== undefined)
      this.#timer = setTimeout(() => this.#cut(new ClientError('timeout', this.#late())), timeoutMs)
    if (signal?.aborted) this.#onAbort()
    signal?.addEventListener('abort', this.#onAbort)
    this.#request.end(body)
  }

  headers(): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      if (this.#cause !== undefined) reject(this.#cause)
      this.#request.once('response', resolve)
      this.#request.once('error', reject)
    })
  }

  /** What an error means to the caller. */
  explain(error: unknown): ClientError {
    if (this.#cause !== undefined) return this.#cause
    if (error instanceof ClientError) return error
    const message = error instanceof Error ? error.message : String(error)
    return new ClientError(this.#isConnected ? 'broken' : 'connect', message, errorCode(error))
  }

  stopTimer(): void {
    clearTimeout(this.#timer)
  }

  close(): void {
    this.isClosed = true
    this.#cut(new ClientError('aborted', 'closed'))
  }

  /** Lets go of everything but a connection that can be used again. */
  dispose(): void {
    this.stopTimer()
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    if (this.#cause !== undefined) this.#request.destroy()
  }

  #late(): string {
    return `no answer from ${new URL(this.#options.url).host} within ${this.#options.timeoutMs} ms`
  }

  #cut(cause: ClientError): void {
    this.#cause ??= cause
    this.#request.destroy(cause)
  }
}

async function readAll(response: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of response as AsyncIterable<Buffer>) {
    length += piece.length
    // Leaving the loop destroys the answer and its connection.
    if (length > bytesMax) throw new ClientError('too large', `the answer is longer than ${bytesMax} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

async function* readLines(call: Call, response: IncomingMessage): AsyncIterable<string> {
  const splitter = new LineSplitter(LINE_BYTES_MAX)
  try {
    for await (const piece of response as AsyncIterable<Buffer>) {
      const lines = splitter.push(piece)
      if (lines === undefined)
        throw new ClientError('too large', `a line is longer than ${LINE_BYTES_MAX} bytes`)
      yield* lines
    }
    const last = splitter.end()
    if (last !== undefined) yield last
  } catch (error) {
    if (!call.isClosed) throw call.explain(error)
  } finally {
    call.dispose()
  }
}
