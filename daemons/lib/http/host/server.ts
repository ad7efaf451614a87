import assert from 'node:assert'
import { createServer as createNetServer, type Server as NetServer, type Socket } from 'node:net'
import {
  createServer as createTlsServer,
  type SecureContextOptions,
  type TLSSocket,
  type TlsOptions,
  type Server as TlsServer,
} from 'node:tls'
import { DateLine } from '../header.ts'
import { DEFAULT_LIMITS, type Limits } from '../limits.ts'
import type { Request } from '../request.ts'
import type { Response } from '../response.ts'
import { Wheel } from '../wheel.ts'
import { Connection, type ConnectionOwner } from './connection.ts'
import { type Address, listen } from './listen.ts'

/** First byte of a TLS handshake; no method begins with it. */
const TLS_HANDSHAKE = 0x16
const TICK_MS = 250
const HANDSHAKE_TIMEOUT_MS = 10_000
/** As the original: a client whose machine has vanished is found out. */
const KEEP_ALIVE_MS = 30_000

/** How a server is made. */
export interface ServerOptions {
  /** Called for each complete request; what it throws is a bug and is not caught. */
  onRequest(request: Request, response: Response): void
  limits?: Partial<Limits>
  /** How long the body of this request may be, in bytes; asked before it is read. */
  bodyBytesMax?: (request: Request) => number
  /** Certificates, and with `requestCert` those of clients, as of node:tls. */
  tls?: TlsOptions
  /** With `tls`: answer plain HTTP on the same port as well. */
  plainToo?: boolean
  /** Told of connections that could not be accepted (`EMFILE`, a handshake that failed); serving goes on. */
  onError?: (error: Error) => void
  /** Milliseconds since 1970, for the Date header. */
  now?: () => number
}

/** Serves HTTP/1.1 and 1.0 on any number of addresses. */
export class HttpServer implements ConnectionOwner {
  readonly limits: Limits
  readonly #options: ServerOptions
  readonly #now: () => number
  readonly #date = new DateLine()
  readonly #listeners: NetServer[] = []
  readonly #tls: TlsServer | undefined
  // Every accepted socket; those that have not sent a byte where TLS is optional; and those that speak HTTP.
  readonly #sockets = new Set<Socket>()
  readonly #silent = new Set<Socket>()
  readonly #connections = new Set<Connection>()
  readonly #deadlines: Wheel<Connection>
  #ticker: NodeJS.Timeout | undefined = undefined
  #dirty: Connection[] = []
  #isClosing = false
  readonly #onEmpty: (() => void)[] = []

  constructor(options: ServerOptions) {
    this.#options = options
    this.limits = { ...DEFAULT_LIMITS, ...options.limits }
    const { headTimeoutMs, bodyTimeoutMs, idleTimeoutMs, lingerMs } = this.limits
    const farthestMs = Math.max(headTimeoutMs, bodyTimeoutMs, idleTimeoutMs, lingerMs)
    this.#deadlines = new Wheel(Math.ceil(farthestMs / TICK_MS))
    this.#now = options.now ?? Date.now
    assert(options.tls !== undefined || !options.plainToo, 'plainToo goes with tls')
    this.#tls = options.tls === undefined ? undefined : this.#createTls(options.tls)
  }

  /** Clients connected now. */
  get connectionCount(): number {
    return this.#sockets.size
  }

  get isClosing(): boolean {
    return this.#isClosing
  }

  /** Begins to listen; gives the address with the port that was chosen for 0. Rejects with Node's error. */
  async listen(address: Address): Promise<Address> {
    assert(!this.#isClosing, 'a closed server does not listen')
    const listener = createNetServer({
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    })
    listener.on('connection', socket => this.#accept(socket))
    this.#listeners.push(listener)
    const bound = await listen(listener, address)
    listener.on('error', error => this.#options.onError?.(error))
    return bound
  }

  /**
   * Takes no more connections and ends those that wait for nothing. Answers that are due may still be given; what is
   * left after `graceMs` is cut off. Long watches are ended by their owner, best before. May be called again, to cut
   * off sooner.
   */
  async close(graceMs: number): Promise<void> {
    this.#isClosing = true
    const closed = this.#listeners.map(listener => new Promise<void>(done => listener.close(() => done())))
    for (const socket of this.#silent) socket.destroy()
    for (const connection of [...this.#connections]) connection.endSoon()
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, graceMs)
    if (this.#sockets.size > 0) await new Promise<void>(done => this.#onEmpty.push(done))
    clearTimeout(timer)
    clearInterval(this.#ticker)
    await Promise.all(closed)
  }

  /** Certificates for connections from now on; nothing to a server that is plain. */
  setCertificates(options: SecureContextOptions): void {
    this.#tls?.setSecureContext(options)
  }

  onRequest(request: Request, response: Response): void {
    this.#options.onRequest(request, response)
  }

  bodyBytesMax(request: Request): number {
    return this.#options.bodyBytesMax?.(request) ?? this.limits.bodyBytesMax
  }

  dateLine(): string {
    return this.#date.at(this.#now())
  }

  /** Answers of one turn of the event loop leave together, with one write for each connection. */
  flushSoon(connection: Connection): void {
    if (this.#dirty.length === 0) process.nextTick(flushAll, this)
    this.#dirty.push(connection)
  }

  flushDirty(): void {
    const dirty = this.#dirty
    this.#dirty = []
    for (const connection of dirty) connection.flush()
  }

  setDeadline(connection: Connection, delayMs: number): void {
    if (delayMs === 0) {
      this.#deadlines.clear(connection)
      return
    }
    this.#deadlines.set(connection, Math.ceil(delayMs / TICK_MS))
    this.#ticker ??= setInterval(() => this.#tick(), TICK_MS).unref()
  }

  closed(connection: Connection): void {
    this.#connections.delete(connection)
  }

  #tick(): void {
    for (const connection of this.#deadlines.advance()) connection.expire()
    if (this.#deadlines.size > 0) return
    clearInterval(this.#ticker)
    this.#ticker = undefined
  }

  #accept(socket: Socket): void {
    if (this.#isClosing || this.#sockets.size >= this.limits.connectionsMax) {
      socket.destroy()
      return
    }
    this.#sockets.add(socket)
    socket.on('error', () => {}) // 'close' follows.
    socket.on('close', () => this.#forget(socket))
    if (this.#tls === undefined) {
      this.#speak(socket)
      return
    }
    if (this.#options.plainToo) this.#sniff(socket, this.#tls)
    else this.#tls.emit('connection', socket)
  }

  #speak(socket: Socket): Connection {
    const connection = new Connection(socket, this)
    this.#connections.add(connection)
    if (this.#isClosing) connection.endSoon() // Its handshake has taken until now.
    return connection
  }

  #sniff(socket: Socket, tls: TlsServer): void {
    this.#silent.add(socket)
    const onEnd = () => socket.destroy()
    socket.once('end', onEnd)
    socket.once('data', bytes => {
      socket.off('end', onEnd)
      this.#silent.delete(socket)
      if (bytes[0] !== TLS_HANDSHAKE) {
        this.#speak(socket).receive(bytes)
        return
      }
      socket.pause()
      socket.unshift(bytes)
      tls.emit('connection', socket)
    })
  }

  #createTls(options: TlsOptions): TlsServer {
    const server = createTlsServer({
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      ...options,
      allowHalfOpen: true,
    })
    server.on('secureConnection', socket => this.#speak(socket))
    server.on('tlsClientError', (error, socket) => {
      this.#options.onError?.(describeRejection(error, socket))
      socket.destroy()
    })
    return server
  }

  #forget(socket: Socket): void {
    this.#sockets.delete(socket)
    this.#silent.delete(socket)
    if (this.#sockets.size > 0) return
    for (const done of this.#onEmpty.splice(0)) done()
  }
}

/** In the original's words: who was turned away at the handshake, and why. */
function describeRejection(error: Error, socket: TLSSocket): Error {
  // Of one whose certificate is not taken, Node has closed the connection already, and knows the reason only.
  const refused = socket.authorizationError as Error | string | null | undefined
  const why = refused ? `certificate refused: ${String(refused)}` : error.message.split('\n')[0]!
  const from =
    socket.remoteAddress === undefined ? '' : ` from "${socket.remoteAddress}:${socket.remotePort}"`
  const text = why.replace(/^.*error:[0-9A-F]+:/, '')
  return new Error(`rejected connection${from} (error ${JSON.stringify(text)})`)
}

function flushAll(server: HttpServer): void {
  server.flushDirty()
}

/** A server that listens nowhere yet. */
export function createServer(options: ServerOptions): HttpServer {
  return new HttpServer(options)
}
