import type { Socket } from 'node:net'
import { FormatError } from '../../raft/bytes.ts'
import { decodeMessage, encodeMessage } from '../../raft/codec.ts'
import type { Message } from '../../raft/message.ts'
import type { MemberId } from '../../raft/types.ts'
import { decodePing, encodeFrame, encodePong, FrameError, Kind } from '../frame.ts'
import { FrameReader } from '../reader.ts'
import type { ConnectionOwner } from './owner.ts'

/** A peer asks for a sign of life every second; one that has not for so long is gone. */
const SILENCE_MS_MAX = 15_000
/** Answers that the peer does not read. */
const UNSENT_BYTES_MAX = 64 * 1024

/** The stream of messages of one peer to us; answers go back on it where there is no stream to the peer. */
export class Inbound {
  readonly from: MemberId
  readonly #socket: Socket
  readonly #owner: ConnectionOwner
  readonly #reader = new FrameReader()
  #pong: Buffer | undefined = undefined

  /** @param onClose called once, when the connection is gone */
  constructor(from: MemberId, socket: Socket, rest: Buffer, owner: ConnectionOwner, onClose: () => void) {
    this.from = from
    this.#socket = socket
    this.#owner = owner
    socket.setNoDelay(true)
    socket.setTimeout(SILENCE_MS_MAX, () => this.close())
    socket.on('data', bytes => this.#read(bytes))
    socket.on('end', () => this.close())
    socket.on('close', onClose)
    if (rest.length > 0) this.#read(rest)
  }

  /** Sends an answer back. False when that is not possible. */
  answer(message: Message): boolean {
    if (this.#socket.destroyed || this.#socket.writableLength > UNSENT_BYTES_MAX / 2) return false
    this.#socket.write(encodeFrame(Kind.MESSAGE, encodeMessage(message)))
    return true
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(bytes: Buffer): void {
    this.#owner.receivedBytes(this.from, bytes.length)
    this.#reader.push(bytes)
    for (;;) {
      const message = this.#next()
      if (message === undefined) break
      this.#owner.received(message)
    }
    if (this.#pong === undefined) return
    // One answer for all that came together: the last question is the one that counts.
    if (this.#socket.writableLength > UNSENT_BYTES_MAX) this.close()
    else this.#socket.write(this.#pong)
    this.#pong = undefined
  }

  /** The next message; undefined when more bytes must come, or none will. */
  #next(): Message | undefined {
    const reader = this.#reader
    try {
      while (!this.#socket.destroyed && reader.next()) {
        if (reader.kind === Kind.MESSAGE) return this.#check(decodeMessage(reader.body))
        if (reader.kind !== Kind.PING) throw new FrameError(`a frame of kind ${reader.kind}`)
        this.#pong = encodePong(decodePing(reader.body), this.#owner.env.wallClock())
      }
    } catch (error) {
      if (!(error instanceof FrameError || error instanceof FormatError)) throw error
      this.#owner.log(`the stream of member ${this.from} cannot be read on: ${error.message}`)
      this.close()
    }
    return undefined
  }

  #check(message: Message): Message {
    if (message.to !== this.#owner.id || message.from !== this.from)
      throw new FrameError(`a message from ${message.from} to ${message.to}`)
    return message
  }
}
