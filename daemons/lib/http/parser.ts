import { CR, LF } from './chars.ts'
import { ByteSink, ChunkedBody } from './chunked.ts'
import { findHeadEnd, parseHead } from './head.ts'
import type { Limits } from './limits.ts'
import { malformed, Refusal } from './refusal.ts'
import type { Request } from './request.ts'

/** Empty lines before a request that are overlooked (RFC 9112 §2.2): old clients send one after a form. */
const EMPTY_LINES_MAX = 8
const HELD_BYTES_MIN = 1024
const EMPTY = Buffer.alloc(0)

/** What `next` has come to. */
export const Step = {
  /** All bytes are used up; more must come. */
  MORE: 0,
  /** The head of a request with a body is in `request`: say how long its body may be, then go on. */
  HEAD: 1,
  /** The request is complete. */
  REQUEST: 2,
  /** No further request can be read; `refusal` says why. */
  REFUSED: 3,
} as const
/** One of the values of `Step`. */
export type Step = (typeof Step)[keyof typeof Step]

/**
 * Requests out of the bytes of a connection, one after the other, however the network has cut them.
 *
 *     push(bytes)  ─►  next() ─► HEAD ─► bodyBytesMax = … ─► next() ─► REQUEST ─► next() ─► … ─► MORE  ─►  push(bytes)
 *
 * 1. `push` may be called only when `next` has last answered MORE, or at first. Who stops calling `next` stops reading.
 * 2. The parser keeps what it was given until it is used up, and requests keep what they are made of: the bytes may not
 *    be changed afterwards.
 * 3. After REFUSED, and after a request whose body was too large, nothing more can be read.
 *
 * A request that comes in one piece is not copied. One that comes in several is gathered into one piece that doubles,
 * so that any cut costs time linear in its length.
 */
export class RequestParser {
  /** The request of the last HEAD or REQUEST. */
  request: Request | undefined = undefined
  refusal: Refusal | undefined = undefined
  /** Of the body that follows; set it after HEAD. */
  bodyBytesMax: number
  readonly #limits: Limits
  #bytes: Buffer = EMPTY
  #at = 0
  #end = 0
  // What `#bytes` is when it is our own and may be appended to, else empty.
  #held: Buffer = EMPTY
  // Up to where the end of the head has been looked for.
  #scanned = 0
  #emptyLines = 0
  #step: 'head' | 'body' | 'length' | 'chunks' | 'over' = 'head'
  #left = 0
  #gathered: ByteSink | undefined = undefined
  #chunked: ChunkedBody | undefined = undefined

  constructor(limits: Limits) {
    this.#limits = limits
    this.bodyBytesMax = limits.bodyBytesMax
  }

  /** A request has begun and is not complete. */
  get isWithin(): boolean {
    return this.#step === 'head' ? this.#end > this.#at : this.#step !== 'over'
  }

  /** The head of a request has come and its body has not. */
  get isWithinBody(): boolean {
    return this.#step !== 'head' && this.#step !== 'over'
  }

  /** Takes the next bytes of the connection. */
  push(bytes: Buffer): void {
    if (this.#held.length > 0) {
      this.#append(bytes)
      return
    }
    this.#bytes = bytes
    this.#at = 0
    this.#scanned = 0
    this.#end = bytes.length
  }

  /** Goes on to the next thing worth telling. */
  next(): Step {
    switch (this.#step) {
      case 'head':
        return this.#nextHead()
      case 'body':
        return this.#beginBody()
      case 'length':
        return this.#takeLength()
      case 'chunks':
        return this.#takeChunks()
      default:
        return this.refusal === undefined ? Step.MORE : Step.REFUSED
    }
  }

  /** Ends the reading of requests and gives back what was not used: the connection speaks another protocol now. */
  takeRest(): Buffer {
    const rest = this.#bytes.subarray(this.#at, this.#end)
    this.#step = 'over'
    this.#drop()
    return rest
  }

  #nextHead(): Step {
    if (!this.#skipEmptyLines()) return this.#refuse(malformed('empty lines where a request should be'))
    const bytes = this.#bytes
    const stop = findHeadEnd(bytes, this.#at, Math.max(this.#scanned, this.#at), this.#end)
    if (stop === -2) return this.#refuse(malformed('line without carriage return'))
    const length = (stop < 0 ? this.#end : stop) - this.#at
    if (length > this.#limits.headBytesMax) return this.#refuse(new Refusal(431, 'headers too large'))
    if (stop < 0) return this.#waitForHead()
    const request = parseHead(bytes, this.#at, stop, this.#limits)
    if (request instanceof Refusal) return this.#refuse(request)
    this.#at = stop
    this.#emptyLines = 0
    this.request = request
    if (request.bodyLength === 0) return this.#complete()
    this.bodyBytesMax = this.#limits.bodyBytesMax
    this.#step = 'body'
    return Step.HEAD
  }

  #skipEmptyLines(): boolean {
    while (this.#end - this.#at >= 2 && this.#bytes[this.#at] === CR && this.#bytes[this.#at + 1] === LF) {
      this.#at += 2
      if (++this.#emptyLines > EMPTY_LINES_MAX) return false
    }
    return true
  }

  #waitForHead(): Step {
    const length = this.#end - this.#at
    if (length > this.#limits.requestLineBytesMax && this.#lineIsLonger())
      return this.#refuse(new Refusal(414, 'request line too long'))
    if (length === 0) {
      this.#drop()
      return Step.MORE
    }
    if (this.#held.length === 0) this.#hold(0)
    this.#scanned = this.#end
    return Step.MORE
  }

  #lineIsLonger(): boolean {
    const cr = this.#bytes.indexOf(CR, this.#at)
    return cr < 0 || cr >= this.#end || cr - this.#at > this.#limits.requestLineBytesMax
  }

  #beginBody(): Step {
    const request = this.request!
    if (request.bodyLength > this.bodyBytesMax) return this.#tooLarge()
    if (request.bodyLength < 0) {
      this.#chunked = new ChunkedBody(this.bodyBytesMax)
      this.#step = 'chunks'
      return this.#takeChunks()
    }
    if (this.#end - this.#at < request.bodyLength) {
      this.#left = request.bodyLength
      this.#gathered = new ByteSink()
      this.#step = 'length'
      return this.#takeLength()
    }
    request.setBody(this.#bytes, this.#at, this.#at + request.bodyLength)
    this.#at += request.bodyLength
    return this.#complete()
  }

  #takeLength(): Step {
    const gathered = this.#gathered!
    const take = Math.min(this.#left, this.#end - this.#at)
    gathered.add(this.#bytes, this.#at, this.#at + take)
    this.#at += take
    this.#left -= take
    if (this.#left > 0) {
      this.#drop()
      return Step.MORE
    }
    this.request!.setBody(gathered.bytes, 0, gathered.length)
    this.#gathered = undefined
    return this.#complete()
  }

  #takeChunks(): Step {
    const chunked = this.#chunked!
    const at = chunked.feed(this.#bytes, this.#at, this.#end)
    if (at instanceof Refusal) return this.#refuse(at)
    this.#at = at
    if (chunked.tooLarge) return this.#tooLarge()
    if (!chunked.done) {
      this.#drop()
      return Step.MORE
    }
    const body = chunked.bytes
    this.request!.setBody(body, 0, body.length)
    this.#chunked = undefined
    return this.#complete()
  }

  #complete(): Step {
    this.#step = 'head'
    this.#scanned = this.#at
    return Step.REQUEST
  }

  /** The request is handed over as it is: who answers it knows how its clients want to be told. */
  #tooLarge(): Step {
    const request = this.request!
    request.bodyTooLarge = true
    request.keepAlive = false
    this.#step = 'over'
    this.#drop()
    return Step.REQUEST
  }

  #refuse(refusal: Refusal): Step {
    this.refusal = refusal
    this.#step = 'over'
    this.#drop()
    return Step.REFUSED
  }

  /** Lets go of bytes that are used up. */
  #drop(): void {
    this.#bytes = EMPTY
    this.#held = EMPTY
    this.#at = 0
    this.#end = 0
    this.#scanned = 0
  }

  /** Moves the unused bytes to the front of a piece of our own, with room for as many as `room` more. */
  #hold(room: number): void {
    const length = this.#end - this.#at
    const held = Buffer.allocUnsafeSlow(Math.max(HELD_BYTES_MIN, (length + room) * 2))
    this.#bytes.copy(held, 0, this.#at, this.#end)
    this.#held = held
    this.#bytes = held
    this.#scanned = Math.max(0, this.#scanned - this.#at)
    this.#at = 0
    this.#end = length
  }

  #append(bytes: Buffer): void {
    if (this.#end + bytes.length > this.#held.length) this.#hold(bytes.length)
    bytes.copy(this.#held, this.#end)
    this.#end += bytes.length
  }
}
