import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { headerLine } from '../header.ts'
import type { Limits } from '../limits.ts'
import { Outbox } from '../outbox.ts'
import { RequestParser, Step } from '../parser.ts'
import type { Refusal } from '../refusal.ts'
import type { ClientCertificate, Peer, Request } from '../request.ts'
import { Response, type ResponseOwner, type Upgraded } from '../response.ts'
import { reasonOf } from '../status.ts'

const TEXT = headerLine('Content-Type', 'text/plain; charset=utf-8')
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'

/** What a connection needs of its server. */
export interface ConnectionOwner {
  readonly limits: Limits
  readonly isClosing: boolean
  onRequest(request: Request, response: Response): void
  bodyBytesMax(request: Request): number
  dateLine(): string
  /** Asks for `flush` before anything else happens. */
  flushSoon(connection: Connection): void
  /** Asks for `expire` after so long, or calls that off with 0. */
  setDeadline(connection: Connection, delayMs: number): void
  closed(connection: Connection): void
}

type Waiting = 'nothing' | 'head' | 'body' | 'request' | 'linger'

/**
 * One client. Reads requests as long as there is room for their answers, and writes answers in the order of requests.
 *
 * 1. Only the first response of the queue writes to the outbox of the connection; the others gather in their own.
 * 2. `#isStalled` means: the parser holds unread requests and the socket is paused. It ends in `#goOn` only.
 * 3. After `#isLast` no request is read. When the queue is empty then, our side ends, and what still comes is thrown
 *    away for a while: closing at once would make the client lose the answer (RFC 9112 §9.6).
 */
export class Connection implements ResponseOwner, Peer {
  readonly #socket: Socket
  readonly #server: ConnectionOwner
  readonly #parser: RequestParser
  readonly #outbox = new Outbox()
  #first: Response | undefined = undefined
  #newest: Response | undefined = undefined
  #count = 0
  #isRunning = false
  #isStalled = false
  #isFull = false
  #isLast = false
  #isOver = false
  #isScheduled = false
  #waiting: Waiting = 'nothing'
  #certificate: ClientCertificate | undefined = undefined
  readonly #onData = (bytes: Buffer) => this.receive(bytes)
  readonly #onDrain = () => this.#drained()
  readonly #onEnd = () => this.#ended()
  readonly #onClose = () => this.#closed()

  constructor(socket: Socket, server: ConnectionOwner) {
    this.#socket = socket
    this.#server = server
    this.#parser = new RequestParser(server.limits)
    socket.on('data', this.#onData)
    socket.on('drain', this.#onDrain)
    socket.on('end', this.#onEnd)
    socket.on('error', () => {}) // 'close' follows.
    socket.on('close', this.#onClose)
    this.#watchInput()
  }

  get address(): string {
    return this.#socket.remoteAddress ?? ''
  }

  get isEncrypted(): boolean {
    return this.#socket instanceof TLSSocket
  }

  /** Read from the handshake when first asked for. */
  get clientCertificate(): ClientCertificate | undefined {
    if (this.#certificate === undefined && this.#socket instanceof TLSSocket && this.#socket.authorized) {
      const { subject, subjectaltname = '' } = this.#socket.getPeerCertificate()
      const name: unknown = subject?.CN
      const commonName = Array.isArray(name) ? String(name[0]) : String(name ?? '')
      this.#certificate = { commonName, alternativeNames: subjectaltname }
    }
    return this.#certificate
  }

  /** Takes bytes of the client. */
  receive(bytes: Buffer): void {
    if (this.#isLast || this.#server.isClosing) return
    this.#parser.push(bytes)
    this.#run()
  }

  /** Lets it end by itself: at once when it is idle, else after the answers that are due. */
  endSoon(): void {
    if (this.#count === 0) this.#endOutput()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** Within `#run` only: what it has not parsed is still there. */
  detach(response: Response): Upgraded | undefined {
    const socket = this.#socket
    if (!this.#isRunning || this.#first !== response || this.#newest !== response || socket.destroyed) {
      socket.destroy()
      return undefined
    }
    this.flush()
    const rest = this.#parser.takeRest()
    socket.off('data', this.#onData).off('drain', this.#onDrain)
    socket.off('end', this.#onEnd).off('close', this.#onClose)
    this.#closed()
    return { socket, rest }
  }

  /** Writes what has gathered. */
  flush(): void {
    this.#isScheduled = false
    if (this.#socket.destroyed || this.#outbox.isEmpty) return
    if (!this.#outbox.flush(this.#socket)) this.#isFull = true
    // All went out at once, so Node will not tell of a drain. In a turn of its own: others want to be served, too.
    else if (this.#first?.needsDrain) setImmediate(() => this.#drained())
  }

  /** A deadline has passed. */
  expire(): void {
    const waited = this.#waiting
    this.#waiting = 'nothing'
    // Who sends too slowly and has other answers to come may still read those, but no further request is taken.
    if ((waited === 'head' || waited === 'body') && this.#count > 0) {
      this.#isLast = true
      return
    }
    this.#socket.destroy()
  }

  dateLine(): string {
    return this.#server.dateLine()
  }

  isLast(response: Response): boolean {
    return response.next === undefined && (this.#isLast || this.#server.isClosing)
  }

  unsentBytes(): number {
    return this.#socket.writableLength + this.#outbox.bytes
  }

  touched(response: Response): void {
    if (response !== this.#first) {
      response.needsDrain = true
      return
    }
    if (response.isEnded) this.#advance()
    else if (this.#isFull || this.unsentBytes() > this.#server.limits.unsentBytesMax)
      response.needsDrain = true
    this.#flushSoon()
  }

  #flushSoon(): void {
    if (this.#isRunning || this.#isScheduled) return
    this.#isScheduled = true
    this.#server.flushSoon(this)
  }

  /** Lets go of the first response and of those behind it that have ended already. */
  #advance(): void {
    let response = this.#first
    while (response?.isEnded) {
      this.#count--
      if (response.closes) this.#dropAfter(response)
      const next: Response | undefined = response.next
      if (next !== undefined) this.#promote(next)
      response = next
    }
    this.#first = response
    if (response === undefined) this.#newest = undefined
    if (this.#isRunning) return
    const isLast = this.#isLast || this.#server.isClosing
    if (isLast) {
      if (response === undefined) this.#endOutput()
    } else if (this.#isStalled) this.#goOn()
    else if (this.#server.limits.idleTimeoutMs > 0) this.#watchInput()
  }

  /** With this answer the connection ends, though more was asked for: a body for HTTP/1.0 of unknown length. */
  #dropAfter(response: Response): void {
    this.#isLast = true
    let dropped = response.next
    response.next = undefined
    for (; dropped !== undefined; dropped = dropped.next) {
      this.#count--
      dropped.leave()
    }
  }

  /** It is its turn now. Whether it waits for room, the next `flush` finds out. */
  #promote(response: Response): void {
    this.#outbox.take(response.outbox)
    response.outbox = this.#outbox
  }

  /** Reads requests until there are no more, or no room for them. */
  #run(): void {
    this.#isRunning = true
    this.#isStalled = false
    while (!this.#isLast && !this.#server.isClosing) {
      if (this.#hasEnough()) {
        this.#isStalled = true
        break
      }
      const step = this.#parser.next()
      if (step === Step.MORE) break
      if (step === Step.REQUEST) this.#accept(this.#parser.request!)
      else if (step === Step.HEAD) this.#allowBody(this.#parser.request!)
      else this.#refuse(this.#parser.refusal!)
    }
    this.#isRunning = false
    if (this.#isOver) return
    this.flush()
    if (this.#count === 0 && (this.#isLast || this.#server.isClosing)) this.#endOutput()
    else {
      if (this.#isStalled) this.#socket.pause()
      this.#watchInput()
    }
  }

  #hasEnough(): boolean {
    const { pipelineMax, unsentBytesMax } = this.#server.limits
    if (this.#outbox.bytes > unsentBytesMax) this.flush()
    return this.#isFull || this.#count >= pipelineMax
  }

  #goOn(): void {
    if (this.#isOver || this.#hasEnough()) return
    this.#run()
    if (!this.#isStalled && !this.#isOver) this.#socket.resume()
  }

  #accept(request: Request): void {
    request.peer = this
    this.#await('nothing', 0)
    const response = this.#enqueue(request.method === 'HEAD', request.minor, request.keepAlive)
    if (!request.keepAlive) this.#isLast = true
    this.#server.onRequest(request, response)
  }

  #enqueue(isHead: boolean, minor: number, keepAlive: boolean): Response {
    const outbox = this.#first === undefined ? this.#outbox : new Outbox()
    const response = new Response(this, outbox, isHead, minor, keepAlive)
    if (this.#newest === undefined) this.#first = response
    else this.#newest.next = response
    this.#newest = response
    this.#count++
    return response
  }

  #allowBody(request: Request): void {
    const bytesMax = this.#server.bodyBytesMax(request)
    this.#parser.bodyBytesMax = bytesMax
    // Behind an answer that is still due it cannot be said; the client then sends the body after a while by itself.
    if (request.expectsContinue && request.bodyLength <= bytesMax && this.#first === undefined)
      this.#outbox.text(CONTINUE, true)
  }

  #refuse(refusal: Refusal): void {
    this.#isLast = true
    // As the original's HTTP server says these two.
    const body =
      refusal.status === 501
        ? 'Unsupported transfer encoding'
        : `${refusal.status} ${reasonOf(refusal.status)}: ${refusal.reason}`
    if (refusal.status === 417) this.#enqueue(false, 1, false).end(417, '', '')
    else this.#enqueue(false, 1, false).end(refusal.status, TEXT, body)
  }

  #drained(): void {
    this.#isFull = this.#socket.writableNeedDrain
    if (this.#isFull) return
    const response = this.#first
    if (response?.needsDrain) {
      response.needsDrain = false
      response.onDrain?.()
    }
    if (this.#isStalled) this.#goOn()
  }

  /** Sets the deadline that fits what the client has to do next. */
  #watchInput(): void {
    const { headTimeoutMs, bodyTimeoutMs, idleTimeoutMs } = this.#server.limits
    const { isWithin, isWithinBody } = this.#parser
    if (this.#isStalled || this.#isOver || this.#isLast) this.#await('nothing', 0)
    else if (isWithinBody) this.#await('body', bodyTimeoutMs)
    // The time for a head is not lengthened by its bytes: one byte now and then must not hold a connection.
    else if (isWithin && this.#waiting !== 'head') this.#await('head', headTimeoutMs)
    else if (!isWithin && this.#count === 0 && idleTimeoutMs > 0) this.#await('request', idleTimeoutMs)
    else if (!isWithin) this.#await('nothing', 0)
  }

  #await(what: Waiting, delayMs: number): void {
    if (what === 'nothing' && this.#waiting === 'nothing') return
    this.#waiting = what
    this.#server.setDeadline(this, delayMs)
  }

  #endOutput(): void {
    if (this.#isOver) return
    this.flush()
    this.#isOver = true
    this.#isLast = true
    this.#isStalled = false
    this.#socket.end()
    this.#socket.resume()
    this.#await('linger', this.#server.limits.lingerMs)
  }

  /** The client will send no more. */
  #ended(): void {
    this.#isLast = true
    let watched = false
    for (let response = this.#first; response !== undefined; response = response.next) {
      if (response.isEnded || response.onClose === undefined) continue
      watched = true
      response.leave()
    }
    if (watched) this.#socket.destroy()
    else if (this.#count === 0) this.#endOutput()
    else this.#await('nothing', 0)
  }

  #closed(): void {
    this.#isLast = true
    this.#isOver = true
    this.#await('nothing', 0)
    this.#server.closed(this)
    let response = this.#first
    this.#first = undefined
    this.#newest = undefined
    this.#count = 0
    for (; response !== undefined; response = response.next) response.leave()
  }
}
