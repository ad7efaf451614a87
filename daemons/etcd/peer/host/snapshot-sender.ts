import type { Socket } from 'node:net'
import { encodeMessage } from '../../raft/codec.ts'
import type { Message } from '../../raft/message.ts'
import { crc32c } from '../../wal/crc32c.ts'
import { decodeVerdict, encodeEnd, encodeFrame, FrameError, frameHead, Kind } from '../frame.ts'
import { SNAPSHOT_PATH, SNAPSHOT_PROTOCOL } from '../handshake.ts'
import { FrameReader } from '../reader.ts'
import { type Dialled, dial } from './dial.ts'
import type { ConnectionOwner } from './owner.ts'

/** Longer chunks are sent in parts, so that no turn takes long. */
const CHUNK_BYTES_MAX = 1024 * 1024
/** For the next bytes to be taken, and for the verdict when all are. */
const IDLE_MS_MAX = 60_000
const VERDICT_BYTES_MAX = 64
const NO_BYTES = new Uint8Array(0)

/**
 * Hands one snapshot over, on a connection of its own, so that the messages do not wait behind it: one chunk a turn, and
 * none while the socket is full.
 */
export class SnapshotSender {
  readonly #owner: ConnectionOwner
  readonly #message: Message
  readonly #chunks: Iterator<Uint8Array>
  readonly #done: (delivered: boolean) => void
  #cancelDial: (() => void) | undefined
  #socket: Socket | undefined = undefined
  #isOver = false
  #isComplete = false
  #length = 0
  #checksum = 0
  // What is left of the chunk that was taken last.
  #left: Uint8Array = NO_BYTES

  constructor(
    owner: ConnectionOwner,
    url: string,
    message: Message,
    chunks: Iterator<Uint8Array>,
    done: (delivered: boolean) => void,
  ) {
    this.#owner = owner
    this.#message = message
    this.#chunks = chunks
    this.#done = done
    const greeting = owner.greeting(message.to, SNAPSHOT_PROTOCOL)
    const what = { url, path: SNAPSHOT_PATH, greeting, tls: owner.tls }
    this.#cancelDial = dial(what, dialled => this.#dialled(dialled))
  }

  /** Gives up; tells so in a turn of its own. */
  cancel(): void {
    this.#cancelDial?.()
    this.#cancelDial = undefined
    setImmediate(() => this.#finish(false, 'called off'))
  }

  #dialled(dialled: Dialled): void {
    this.#cancelDial = undefined
    if (!('socket' in dialled)) {
      this.#finish(false, dialled.why)
      return
    }
    const { socket, rest } = dialled
    this.#socket = socket
    const reader = new FrameReader(VERDICT_BYTES_MAX)
    socket.setTimeout(IDLE_MS_MAX, () => this.#finish(false, `nothing happened for ${IDLE_MS_MAX} ms`))
    socket.on('data', bytes => this.#read(reader, bytes))
    socket.on('drain', () => this.#pump())
    socket.on('end', () => this.#finish(false, 'the connection was ended'))
    socket.on('close', () => this.#finish(false, 'the connection was lost'))
    if (rest.length > 0) this.#read(reader, rest)
    const { snapshot } = this.#message
    const head = { ...this.#message, snapshot: snapshot && { meta: snapshot.meta, data: NO_BYTES } }
    socket.write(encodeFrame(Kind.MESSAGE, encodeMessage(head)))
    this.#pumpSoon()
  }

  #pumpSoon(): void {
    setImmediate(() => this.#pump())
  }

  /** Sends the next chunk. Called again by itself, or when the socket has room. */
  #pump(): void {
    const socket = this.#socket
    if (this.#isOver || this.#isComplete || socket === undefined || socket.writableNeedDrain) return
    if (this.#left.length === 0) {
      const { done, value } = this.#chunks.next()
      if (done) {
        this.#isComplete = true
        socket.write(encodeEnd(this.#length, this.#checksum))
        return
      }
      this.#left = value
    }
    const piece = this.#left.subarray(0, CHUNK_BYTES_MAX)
    this.#left = this.#left.subarray(piece.length)
    this.#length += piece.length
    this.#checksum = crc32c(this.#checksum, piece)
    socket.cork()
    socket.write(frameHead(Kind.CHUNK, piece))
    socket.write(piece)
    socket.uncork()
    if (!socket.writableNeedDrain) this.#pumpSoon()
  }

  #read(reader: FrameReader, bytes: Buffer): void {
    try {
      reader.push(bytes)
      if (!reader.next()) return
      if (reader.kind !== Kind.VERDICT) throw new FrameError(`a frame of kind ${reader.kind}`)
      const accepted = decodeVerdict(reader.body)
      this.#finish(accepted, accepted ? '' : 'it was not accepted')
    } catch (error) {
      if (!(error instanceof FrameError)) throw error
      this.#finish(false, error.message)
    }
  }

  #finish(delivered: boolean, why: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#socket?.destroy()
    this.#chunks.return?.()
    const { to } = this.#message
    if (delivered) this.#owner.log(`handed a snapshot of ${this.#length} bytes to member ${to}`)
    else this.#owner.log(`could not hand a snapshot to member ${to}: ${why}`)
    this.#done(delivered)
  }
}
