import { CR, HEX, LF, SEMICOLON, VALUE } from './chars.ts'
import { areHeaders, findHeadEnd } from './head.ts'
import { malformed, Refusal } from './refusal.ts'

/** Hexadecimal digits of a chunk's size: below 2^48. */
const SIZE_DIGITS_MAX = 12
/** What sizes, extensions and line ends may take beside the body itself, for each of its bytes and from the start. */
const OVERHEAD_PER_BYTE_MAX = 16
const OVERHEAD_BASE_BYTES_MAX = 16 * 1024
const TRAILER_BYTES_MAX = 16 * 1024
const GROW_FROM_BYTES = 4 * 1024
const CRLF_BYTES = 2

type State = 'size' | 'extension' | 'sizeLf' | 'data' | 'dataCr' | 'dataLf' | 'trailers'

/**
 * Takes the chunks out of a body, however it is cut into pieces. Source: RFC 9112 §7.1. Line ends are CR LF only and
 * blanks around sizes are refused: where readers differ in these, requests are smuggled.
 */
export class ChunkedBody {
  /** Reached its end. */
  done = false
  /** Longer than it may be. */
  tooLarge = false
  #state: State = 'size'
  #left = 0
  #digits = 0
  #overhead = 0
  readonly #trailers = new ByteSink()
  readonly #body = new ByteSink()
  readonly #bytesMax: number

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** What has come of the body; all of it when done. */
  get bytes(): Buffer {
    return this.#body.bytes
  }

  /** Takes bytes from `at` on; gives the place up to which it did, or why it cannot go on. */
  feed(bytes: Buffer, at: number, end: number): number | Refusal {
    while (at < end && !this.done && !this.tooLarge) {
      if (this.#state === 'data') at = this.#takeData(bytes, at, end)
      else if (this.#state === 'trailers') return this.#takeTrailers(bytes, at, end)
      else {
        const problem = this.#takeFraming(bytes[at]!)
        if (problem !== undefined) return problem
        at++
      }
    }
    return at
  }

  #takeData(bytes: Buffer, at: number, end: number): number {
    const take = Math.min(this.#left, end - at)
    this.#body.add(bytes, at, at + take)
    this.#left -= take
    if (this.#left === 0) this.#state = 'dataCr'
    return at + take
  }

  #takeFraming(byte: number): Refusal | undefined {
    // A client may not spend our time on a body of one byte in each of a million chunks with long extensions.
    if (++this.#overhead > OVERHEAD_BASE_BYTES_MAX + this.#body.length * OVERHEAD_PER_BYTE_MAX)
      return malformed('chunks with too much around them')
    switch (this.#state) {
      case 'size':
        return this.#takeSize(byte)
      case 'extension':
        if (byte === CR) this.#state = 'sizeLf'
        else if (VALUE[byte] === 0) return malformed('invalid chunk extension')
        return undefined
      case 'sizeLf':
        if (byte !== LF) return malformed('invalid chunk size')
        this.#digits = 0
        this.#state = this.#left === 0 ? 'trailers' : 'data'
        if (this.#body.length + this.#left > this.#bytesMax) this.tooLarge = true
        return undefined
      case 'dataCr':
        if (byte !== CR) return malformed('chunk longer than its size')
        this.#state = 'dataLf'
        return undefined
      default:
        if (byte !== LF) return malformed('chunk longer than its size')
        this.#state = 'size'
        return undefined
    }
  }

  #takeSize(byte: number): Refusal | undefined {
    const digit = HEX[byte]!
    if (digit >= 0) {
      if (++this.#digits > SIZE_DIGITS_MAX) return malformed('invalid chunk size')
      this.#left = this.#left * 16 + digit
      return undefined
    }
    if (this.#digits === 0) return malformed('invalid chunk size')
    if (byte === CR) this.#state = 'sizeLf'
    else if (byte === SEMICOLON) this.#state = 'extension'
    else return malformed('invalid chunk size')
    return undefined
  }

  /** Trailers are judged like headers and then dropped, as RFC 9110 §6.5.1 lets us: nobody here has a use for them. */
  #takeTrailers(bytes: Buffer, at: number, end: number): number | Refusal {
    const before = this.#trailers.length
    this.#trailers.add(bytes, at, Math.min(end, at + TRAILER_BYTES_MAX + 1 - before))
    const all = this.#trailers.bytes
    // Without trailers there is the empty line only, which no line stands before.
    if (all.length >= CRLF_BYTES && all[0] === CR && all[1] === LF)
      return this.#finish(at + CRLF_BYTES - before)
    const stop = findHeadEnd(all, 0, before, all.length)
    if (stop === -2) return malformed('invalid trailer')
    if ((stop < 0 ? all.length : stop) > TRAILER_BYTES_MAX) return new Refusal(431, 'trailers too large')
    if (stop < 0) return end
    if (!areHeaders(all, 0, stop - CRLF_BYTES)) return malformed('invalid trailer')
    return this.#finish(at + stop - before)
  }

  #finish(at: number): number {
    this.done = true
    return at
  }
}

/**
 * Bytes gathered from pieces, copied: pieces may be tiny, and each would hold on to all that was read with it. Grows
 * with what has come, never with what was announced.
 */
export class ByteSink {
  length = 0
  #bytes = Buffer.alloc(0)

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.length)
  }

  add(bytes: Buffer, start: number, end: number): void {
    const needed = this.length + end - start
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(GROW_FROM_BYTES, this.#bytes.length * 2, needed))
      this.#bytes.copy(larger, 0, 0, this.length)
      this.#bytes = larger
    }
    bytes.copy(this.#bytes, this.length, start, end)
    this.length = needed
  }
}
