import type { Socket } from 'node:net'
import type { PeerStatistics } from '../../member/service.ts'
import { FormatError } from '../../raft/bytes.ts'
import { decodeMessage } from '../../raft/codec.ts'
import { isAnswer, type Message } from '../../raft/message.ts'
import type { MemberId } from '../../raft/types.ts'
import { Backoff } from '../backoff.ts'
import { Batch } from '../batch.ts'
import { decodePong, encodePing, FrameError, Kind } from '../frame.ts'
import { STREAM_PATH, STREAM_PROTOCOL } from '../handshake.ts'
import { Latency } from '../latency.ts'
import { FrameReader } from '../reader.ts'
import { type Dialled, dial } from './dial.ts'
import type { ConnectionOwner } from './owner.ts'

/**
 * What waits for one peer, here and in the socket. Twice what a leader has under way to one follower
 * (`inflightBytesMax`), so that it is full only when the peer does not read.
 */
const QUEUE_BYTES_MAX = 32 * 1024 * 1024
/** Between two questions for a sign of life. */
const PING_MS = 1000
/** Between two measurements of append messages. */
const SAMPLE_MS = 100
/** A peer that neither answers nor takes bytes for so long is given up. */
const SILENCE_MS_MAX = 5000
/** All that a peer sends back on this connection are pongs, and answers, which hold no entries. */
const ANSWER_BYTES_MAX = 256
/** For what was sent last to a peer that is one no more. */
const LINGER_MS = 2000
/** Above, certificates and leases are judged differently on the two machines; as the original. */
const CLOCK_DIFFERENCE_MS_MAX = 1000

/**
 * The stream of our messages to one peer: connects, connects again, and forgets what cannot be sent.
 *
 * Latency of append messages is measured by pings that follow one in the stream, at most every `SAMPLE_MS`: the time
 * until the answer is that until the peer has taken the message out of its socket, and back. Time in our own socket
 * would say nothing of the peer.
 *
 * 1. Nothing is kept for a peer that is not connected: Raft sends again what still matters.
 * 2. `unreachable` is told once when a connection is lost; once when the queue is full, until it was empty; and at the
 *    end of each try to connect, when something was to be sent since the last one.
 */
export class Channel {
  readonly id: MemberId
  bytesReceived = 0
  /** Milliseconds by which the clock of the peer is ahead, as far as the round trip lets one tell. */
  clockDifferenceMs = 0
  #clockAheadMs: number | undefined
  /** For the owner: it is in the list of those to be flushed. */
  isDirty = false
  readonly #owner: ConnectionOwner
  readonly #backoff: Backoff
  readonly #batch = new Batch()
  readonly #latency = new Latency()
  readonly #onTick = () => this.#tick()
  #urls: readonly string[]
  #url = 0
  #socket: Socket | undefined = undefined
  #cancelDial: (() => void) | undefined = undefined
  #cancelTimer: (() => void) | undefined = undefined
  #isClosed = false
  #hasDropped = false
  #isFull = false
  #lastProblem = ''
  #isClockOff = false
  // The question that is under way, NaN for none, and whether it follows an append message.
  #pingAt = Number.NaN
  #isSample = false
  #lastPingAt = 0
  #hasAppend = false
  #takenBytes = 0
  #takenAt = 0
  #lastTickAt = 0
  #activeSinceMs = 0
  #bytesSent = 0
  #successes = 0
  #failures = 0

  constructor(id: MemberId, urls: readonly string[], owner: ConnectionOwner) {
    this.id = id
    this.#urls = urls
    this.#owner = owner
    this.#backoff = new Backoff(() => owner.env.random())
    this.#dial()
  }

  get isActive(): boolean {
    return this.#socket !== undefined
  }

  /** Where the peer was reached last, or is looked for. */
  get url(): string {
    return this.#urls[this.#url % this.#urls.length] ?? ''
  }

  /** Says where the peer is; a connection to another place ends. */
  setUrls(urls: readonly string[]): void {
    const { url } = this
    this.#urls = urls
    this.#url = Math.max(0, urls.indexOf(url))
    if (this.url !== url) this.#socket?.destroy()
  }

  /** The peer has just been heard of: tries at once, if it was to be tried later. */
  wake(): void {
    if (this.#socket !== undefined || this.#cancelDial !== undefined) return
    this.#cancelTimer?.()
    this.#dial()
  }

  /** Adds a message to those of this turn. */
  send(message: Message): void {
    const socket = this.#socket
    if (socket === undefined) {
      this.#drop()
      return
    }
    const isFull = this.#batch.bytes + socket.writableLength > QUEUE_BYTES_MAX
    if (isFull || !this.#batch.message(message)) {
      this.#lose(isFull ? 'it does not take them as fast as they come' : 'one is larger than any may be')
      return
    }
    this.#successes += 1
    if (message.type === 'append') this.#hasAppend = true
    if (!this.isDirty) this.#owner.flushSoon(this)
  }

  /** Writes the messages of this turn. */
  flush(): void {
    this.isDirty = false
    const socket = this.#socket
    if (socket === undefined) return
    if (this.#hasAppend) {
      this.#hasAppend = false
      const now = this.#owner.env.now()
      if (Number.isNaN(this.#pingAt) && now - this.#lastPingAt >= SAMPLE_MS) this.#ping(now, true)
    }
    this.#bytesSent += this.#batch.bytes
    const pieces = this.#batch.take()
    if (pieces.length === 1) socket.write(pieces[0]!)
    if (pieces.length < 2) return
    socket.cork()
    for (const piece of pieces) socket.write(piece)
    socket.uncork()
  }

  statistics(): PeerStatistics {
    const { current, average, standardDeviation, minimum, maximum } = this.#latency
    return {
      id: this.id,
      isActive: this.isActive,
      activeSinceMs: this.#activeSinceMs,
      clockAheadMs: this.#clockAheadMs,
      bytesSent: this.#bytesSent,
      bytesReceived: this.bytesReceived,
      sendFailures: this.#failures,
      latency: { current, average, standardDeviation, minimum, maximum },
      failures: this.#failures,
      successes: this.#successes,
    }
  }

  /** Ends it; what was written still arrives. */
  close(): void {
    if (this.#isClosed) return
    this.flush()
    this.#isClosed = true
    this.#cancelTimer?.()
    this.#cancelDial?.()
    const socket = this.#socket
    this.#socket = undefined
    socket?.end()
    socket?.setTimeout(LINGER_MS, () => socket.destroy())
  }

  #dial(): void {
    this.#cancelTimer = undefined
    if (this.#isClosed) return
    if (this.#urls.length === 0) {
      this.#retry()
      return
    }
    const { tls } = this.#owner
    const greeting = this.#owner.greeting(this.id, STREAM_PROTOCOL)
    const what = { url: this.url, path: STREAM_PATH, greeting, tls }
    this.#cancelDial = dial(what, dialled => this.#dialled(dialled))
  }

  #dialled(dialled: Dialled): void {
    this.#cancelDial = undefined
    if ('socket' in dialled) {
      this.#open(dialled.socket, dialled.rest)
      return
    }
    const { status, why } = dialled
    if (status === 410) this.#owner.removed(`${this.#name()} says: ${why}`)
    if (this.#lastProblem !== why) this.#owner.log(`cannot reach ${this.#name()}: ${why}`)
    this.#lastProblem = why
    this.#url = (this.#url + 1) % this.#urls.length
    this.#retry()
    this.#tellDropped()
  }

  #tellDropped(): void {
    if (!this.#hasDropped) return
    this.#hasDropped = false
    this.#owner.unreachable(this.id)
  }

  #retry(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = this.#owner.env.setTimer(this.#backoff.next(), () => this.#dial())
  }

  #open(socket: Socket, rest: Buffer): void {
    const { env } = this.#owner
    this.#socket = socket
    this.#lastProblem = ''
    this.#isFull = false
    this.#pingAt = Number.NaN
    this.#takenBytes = 0
    this.#lastTickAt = 0 // Its first tick is late, and begins to count.
    this.#activeSinceMs = env.wallClock()
    const reader = new FrameReader(ANSWER_BYTES_MAX)
    socket.on('data', bytes => this.#read(reader, bytes))
    socket.on('drain', () => (this.#isFull = false))
    socket.on('end', () => socket.destroy())
    socket.on('close', () => this.#lost(socket))
    this.#owner.log(`connected to ${this.#name()}`)
    if (rest.length > 0) this.#read(reader, rest)
    this.#tick()
    this.#tellDropped()
  }

  #lost(socket: Socket): void {
    if (this.#socket !== socket) return
    this.#socket = undefined
    this.#batch.take()
    this.#hasDropped = false // All that could be told is told here.
    this.#activeSinceMs = 0
    this.#owner.log(`lost the connection to ${this.#name()}`)
    this.#retry()
    this.#owner.unreachable(this.id)
  }

  #read(reader: FrameReader, bytes: Buffer): void {
    try {
      reader.push(bytes)
      while (reader.next()) {
        if (reader.kind === Kind.MESSAGE) this.#answer(decodeMessage(reader.body))
        else if (reader.kind === Kind.PONG) {
          const { stamp, wallClockMs } = decodePong(reader.body)
          this.#pong(stamp, wallClockMs)
        } else throw new FrameError(`a frame of kind ${reader.kind}`)
      }
    } catch (error) {
      if (!(error instanceof FrameError || error instanceof FormatError)) throw error
      this.#owner.log(`${this.#name()} does not answer as a member does: ${error.message}`)
      this.#socket?.destroy()
    }
  }

  /** The peer does not know as yet where this member is, and answers here. */
  #answer(message: Message): void {
    if (message.from !== this.id || message.to !== this.#owner.id || !isAnswer(message.type))
      throw new FrameError(`a message ${message.type} from ${message.from} to ${message.to}`)
    this.#owner.received(message)
  }

  #ping(now: number, isSample: boolean): void {
    this.#pingAt = now
    this.#lastPingAt = now
    this.#isSample = isSample
    this.#batch.frame(encodePing(now))
  }

  #pong(stamp: number, wallClockMs: number): void {
    if (stamp !== this.#pingAt) throw new FrameError('a pong for no ping')
    const { env } = this.#owner
    const tripMs = env.now() - stamp
    this.#pingAt = Number.NaN
    this.#backoff.reset() // Only now: a greeting alone says little of a peer.
    if (this.#isSample) this.#latency.add(tripMs)
    this.#owner.roundTrip(this.id, tripMs)
    this.#clockAheadMs = wallClockMs - (stamp + tripMs / 2)
    this.clockDifferenceMs = wallClockMs - (env.wallClock() - tripMs / 2)
    const isOff = Math.abs(this.clockDifferenceMs) > CLOCK_DIFFERENCE_MS_MAX + tripMs
    if (isOff && !this.#isClockOff)
      this.#owner.log(`the clock of ${this.#name()} differs by ${Math.round(this.clockDifferenceMs)} ms`)
    this.#isClockOff = isOff
  }

  #tick(): void {
    const socket = this.#socket
    if (socket === undefined) return
    const now = this.#owner.env.now()
    // Bytes that leave a backlog are taken by the peer; without one the kernel would take them for a dead peer, too.
    const takenBytes = socket.bytesWritten - socket.writableLength
    const takes = socket.writableLength > 0 && takenBytes !== this.#takenBytes
    // Who comes late has stood still himself, and the answer may lie in his socket.
    const isLate = now - this.#lastTickAt > 2 * PING_MS
    this.#lastTickAt = now
    if (isLate || takes || Number.isNaN(this.#pingAt)) this.#takenAt = now
    this.#takenBytes = takenBytes
    if (now - this.#takenAt > SILENCE_MS_MAX) {
      this.#owner.log(`${this.#name()} has not answered for ${SILENCE_MS_MAX} ms`)
      socket.destroy()
      return
    }
    if (Number.isNaN(this.#pingAt)) {
      this.#ping(now, false)
      this.flush()
    }
    this.#cancelTimer?.()
    this.#cancelTimer = this.#owner.env.setTimer(PING_MS, this.#onTick)
  }

  /** What is lost on a connection that stands is told of once, until all that waits was taken. */
  #lose(why: string): void {
    this.#drop()
    if (this.#isFull) return
    this.#isFull = true
    this.#owner.log(`messages to ${this.#name()} are dropped: ${why}`)
    this.#owner.unreachableSoon(this.id)
  }

  #drop(): void {
    this.#failures += 1
    this.#hasDropped = true
  }

  #name(): string {
    return `member ${this.id} at ${this.url}`
  }
}
