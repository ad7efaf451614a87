import assert from 'node:assert'
import type { Socket } from 'node:net'
import type { Outbox } from './outbox.ts'
import { isBodiless, statusLine } from './status.ts'

/** A connection that speaks another protocol from now on. `rest` came with the request and is not part of it. */
export interface Upgraded {
  socket: Socket
  rest: Buffer
}

/** What a response needs of the connection it goes back by. */
export interface ResponseOwner {
  /** The line `Date: …`. */
  dateLine(): string
  /** Whether the connection ends after this response, which is the last one asked for. */
  isLast(response: Response): boolean
  /** Something was added to the outbox of `response`, or it has ended. */
  touched(response: Response): void
  /** Bytes that the client has not taken yet. */
  unsentBytes(): number
  destroy(): void
  /** Lets go of the connection after what `response` has written; undefined when others wait or it is gone. */
  detach(response: Response): Upgraded | undefined
}

type State = 'open' | 'streaming' | 'ended'

/**
 * The answer to one request; see `Request`. Either `end` at once, or `start`, any number of `write`, and `finish`. It
 * may be given at any time and in any order: answers leave in the order of their requests. All methods do nothing once
 * the client is gone.
 */
export class Response {
  /** Called when `write` has said no and there is room again. */
  onDrain: (() => void) | undefined = undefined
  /**
   * Called once when the client goes away before the answer has ended; nobody needs to end it then. A client that only
   * ends its side counts as gone for responses with this callback, as in Go; the others are still sent to it.
   */
  onClose: (() => void) | undefined = undefined
  /** For the connection. */
  outbox: Outbox
  /** For the connection: the response to the next request. */
  next: Response | undefined = undefined
  /** For the connection: some `write` was told no. */
  needsDrain = false

  readonly #owner: ResponseOwner
  readonly #isHead: boolean
  readonly #minor: number
  readonly #keepAlive: boolean
  #state: State = 'open'
  #isGone = false
  #isChunked = false
  #isMute = false
  #closes = false

  constructor(owner: ResponseOwner, outbox: Outbox, isHead: boolean, minor: number, keepAlive: boolean) {
    this.outbox = outbox
    this.#owner = owner
    this.#isHead = isHead
    this.#minor = minor
    this.#keepAlive = keepAlive
  }

  /** Nothing more will come. */
  get isEnded(): boolean {
    return this.#state === 'ended'
  }

  /** The client will not read it. */
  get isGone(): boolean {
    return this.#isGone
  }

  /** The connection has to be closed after it: its client was told so, or it ends with the connection. */
  get closes(): boolean {
    return this.#closes
  }

  /** Bytes on this connection that the client has not taken yet; what tells a slow reader from a fast one. */
  get unsentBytes(): number {
    return this.#owner.unsentBytes()
  }

  /**
   * The whole answer, with its length.
   *
   * @param headers lines made by `headerBlock`; Date, Content-Length and Connection are added
   */
  end(status: number, headers: string, body: string | Uint8Array = ''): void {
    if (this.#isGone) return
    assert(this.#state === 'open', 'an answer is given once')
    const isText = typeof body === 'string'
    const length = isText ? Buffer.byteLength(body) : body.length
    const framing = isBodiless(status) ? '' : `Content-Length: ${length}\r\n`
    const head = `${this.#head(status, headers) + framing + this.#connectionLine()}\r\n`
    this.#state = 'ended'
    if (length === 0 || this.#isHead || framing === '') this.outbox.text(head, true)
    else if (isText) this.outbox.text(head + body, length === body.length)
    else {
      this.outbox.text(head, true)
      this.outbox.binary(body)
    }
    this.#owner.touched(this)
  }

  /** Sends status and headers at once; the body follows in pieces of unknown number. */
  start(status: number, headers: string): void {
    if (this.#isGone) return
    assert(this.#state === 'open', 'an answer is begun once')
    this.#isMute = this.#isHead || isBodiless(status)
    // HTTP/1.0 knows no chunks: there the end of the connection is the end of the body.
    this.#isChunked = this.#minor > 0 && !this.#isMute
    if (!this.#isChunked && !this.#isMute) this.#closes = true
    const framing = this.#isChunked ? 'Transfer-Encoding: chunked\r\n' : ''
    this.outbox.text(`${this.#head(status, headers) + this.#connectionLine() + framing}\r\n`, true)
    this.#state = 'streaming'
    this.#owner.touched(this)
  }

  /** Sends a piece of the body. False when the client is slow: wait for `onDrain`. */
  write(data: string | Uint8Array): boolean {
    if (this.#isGone) return true
    assert(this.#state === 'streaming', 'a piece needs a start before it')
    this.#piece(data)
    this.#owner.touched(this)
    return !this.needsDrain
  }

  /** Ends a body that was sent in pieces, after a last one. */
  finish(data: string | Uint8Array = ''): void {
    if (this.#isGone) return
    assert(this.#state === 'streaming', 'only what was started is finished')
    this.#piece(data)
    if (this.#isChunked) this.outbox.text('0\r\n\r\n', true)
    this.#state = 'ended'
    this.#owner.touched(this)
  }

  /**
   * Answers 101 and hands over the connection: its further bytes are the caller's, and so is its `end`, as the socket
   * stays half open. Only within `onRequest`; undefined, and the connection is cut, when answers to other requests of
   * it are due.
   *
   * @param headers lines made by `headerBlock`, with `Upgrade`; Connection is added
   */
  upgrade(headers: string): Upgraded | undefined {
    assert(this.#state === 'open', 'an answer is given once')
    this.outbox.text(`${statusLine(101) + headers}Connection: Upgrade\r\n\r\n`, true)
    this.#state = 'ended'
    return this.#owner.detach(this)
  }

  /** Cuts the connection: the only way to say that a body which has begun will not be whole. */
  abort(): void {
    if (!this.#isGone) this.#owner.destroy()
  }

  /** For the connection: the client is gone. */
  leave(): void {
    if (this.#isGone || this.#state === 'ended') return
    this.#isGone = true
    const { onClose } = this
    this.onClose = undefined
    this.onDrain = undefined
    onClose?.()
  }

  #head(status: number, headers: string): string {
    assert(headers === '' || headers.endsWith('\r\n'), 'each header ends its line')
    return statusLine(status) + headers + this.#owner.dateLine()
  }

  #connectionLine(): string {
    if (this.#closes || !this.#keepAlive || this.#owner.isLast(this)) {
      this.#closes = true
      return 'Connection: close\r\n'
    }
    return this.#minor === 0 ? 'Connection: keep-alive\r\n' : ''
  }

  #piece(data: string | Uint8Array): void {
    if (data.length === 0 || this.#isMute) return
    const isText = typeof data === 'string'
    const length = isText ? Buffer.byteLength(data) : data.length
    const size = this.#isChunked ? `${length.toString(16)}\r\n` : ''
    const end = this.#isChunked ? '\r\n' : ''
    if (isText) {
      this.outbox.text(size + data + end, length === data.length)
      return
    }
    this.outbox.text(size, true)
    this.outbox.binary(data)
    this.outbox.text(end, true)
  }
}
