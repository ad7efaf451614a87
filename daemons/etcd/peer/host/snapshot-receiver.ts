import type { Socket } from 'node:net'
import type { SnapshotSink } from '../../member/network.ts'
import { FormatError } from '../../raft/bytes.ts'
import { decodeMessage } from '../../raft/codec.ts'
import type { Message } from '../../raft/message.ts'
import type { MemberId } from '../../raft/types.ts'
import { crc32c } from '../../wal/crc32c.ts'
import { decodeEnd, encodeVerdict, FrameError, Kind } from '../frame.ts'
import { FrameReader } from '../reader.ts'
import type { ConnectionOwner } from './owner.ts'

/** For the next bytes. */
const IDLE_MS_MAX = 30_000

/** A snapshot that arrives. The sink is told `done` or `failed`, once, whatever happens. */
export class SnapshotReceiver {
  readonly from: MemberId
  readonly #socket: Socket
  readonly #owner: ConnectionOwner
  readonly #offer: (message: Message) => SnapshotSink | undefined
  readonly #reader = new FrameReader()
  #sink: SnapshotSink | undefined = undefined
  #state: 'message' | 'chunks' | 'refused' | 'verdict' = 'message'
  #length = 0
  #checksum = 0

  /**
   * @param offer asks whether it is wanted, when the message is there
   * @param onClose called once, when the connection is gone
   */
  constructor(
    from: MemberId,
    socket: Socket,
    rest: Buffer,
    owner: ConnectionOwner,
    offer: (message: Message) => SnapshotSink | undefined,
    onClose: () => void,
  ) {
    this.from = from
    this.#socket = socket
    this.#owner = owner
    this.#offer = offer
    socket.setTimeout(IDLE_MS_MAX, () => {
      // The member takes the time it needs to make it durable; who sent it has a limit of its own.
      if (this.#state !== 'verdict') this.#fail(`nothing came for ${IDLE_MS_MAX} ms`)
    })
    socket.on('data', bytes => this.#read(bytes))
    socket.on('end', () => this.#fail('the connection was ended'))
    socket.on('close', () => {
      this.#fail('the connection was lost')
      onClose()
    })
    if (rest.length > 0) this.#read(rest)
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(bytes: Buffer): void {
    this.#owner.receivedBytes(this.from, bytes.length)
    this.#reader.push(bytes)
    while (!this.#socket.destroyed && this.#next()) {
      const { kind, body } = this.#reader
      if (this.#state === 'message') this.#begin(kind, body)
      else if (this.#state === 'verdict') this.#fail('more follows its end')
      else if (this.#state === 'chunks') this.#go(kind, body)
    }
  }

  #next(): boolean {
    try {
      return this.#reader.next()
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.#fail(error.message)
      return false
    }
  }

  #begin(kind: number, body: Buffer): void {
    const message = kind === Kind.MESSAGE ? this.#decode(body) : undefined
    if (message === undefined) {
      this.#fail('it does not begin with its message')
      return
    }
    this.#sink = this.#offer(message)
    this.#state = this.#sink === undefined ? 'refused' : 'chunks'
    if (this.#sink === undefined) this.#answer(false)
  }

  #go(kind: number, body: Buffer): void {
    if (kind === Kind.CHUNK) this.#take(body)
    else if (kind === Kind.END) this.#end(body)
    else this.#fail(`a frame of kind ${kind}`)
  }

  #decode(body: Buffer): Message | undefined {
    try {
      const message = decodeMessage(body)
      const isFit = message.type === 'snapshot' && message.snapshot !== undefined
      return isFit && message.from === this.from && message.to === this.#owner.id ? message : undefined
    } catch (error) {
      if (error instanceof FormatError) return undefined
      throw error
    }
  }

  #take(body: Buffer): void {
    this.#length += body.length
    this.#checksum = crc32c(this.#checksum, body)
    this.#sink?.chunk(body)
  }

  #end(body: Buffer): void {
    const problem = this.#problemOf(body)
    if (problem !== undefined) {
      this.#fail(problem)
      return
    }
    const sink = this.#sink
    this.#sink = undefined
    this.#state = 'verdict'
    sink?.done(accepted => this.#answer(accepted))
  }

  #problemOf(body: Buffer): string | undefined {
    try {
      const { length, checksum } = decodeEnd(body)
      if (length !== this.#length) return `${this.#length} bytes have come of ${length}`
      return checksum === this.#checksum ? undefined : 'its checksum is wrong'
    } catch (error) {
      if (error instanceof FrameError) return error.message
      throw error
    }
  }

  /** Says what became of it; who sent it closes the connection. */
  #answer(accepted: boolean): void {
    if (!this.#socket.destroyed) this.#socket.end(encodeVerdict(accepted))
  }

  #fail(why: string): void {
    const sink = this.#sink
    this.#sink = undefined
    this.#socket.destroy()
    if (sink === undefined) return
    this.#owner.log(`a snapshot of member ${this.from} has not arrived: ${why}`)
    sink.failed()
  }
}
