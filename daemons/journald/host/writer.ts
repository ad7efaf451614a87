import { connect, type Socket } from 'node:net'
import { encodeMessage, encodeStreamHeader, type Priority, type StreamHeader } from '../write/stream.ts'

/** Settings of a writer. */
export interface WriterOptions extends StreamHeader {
  /** Another socket than journald's. */
  path?: string | undefined
}

const SOCKET = '/run/systemd/journal/stdout'
/** Bytes that wait for journald; what does not fit is dropped and counted. */
const QUEUE_BYTES_MAX = 1024 * 1024
/** Waits between attempts to reach a journald that is away, from the first to the longest. */
const RETRY_MS_MIN = 100
const RETRY_MS_MAX = 30_000
/** How long the last messages may take at the end. */
const CLOSE_MS = 2_000

/**
 * Writes messages to journald over its stream protocol. It never throws and never blocks: while journald is away or
 * slow, messages wait in a bounded queue, and those for which there is no room are counted, which the journal is told
 * of later. It does not keep the process alive.
 */
export class JournalWriter {
  readonly #path: string
  readonly #header: string
  #socket: Socket | undefined
  #isConnected = false
  #queue: Buffer[] = []
  #queued = 0
  #dropped = 0
  #untold = 0
  #retryMs = RETRY_MS_MIN
  #retry: NodeJS.Timeout | undefined
  #isClosed = false
  #onIdle: (() => void) | undefined

  /** @throws RangeError for an identifier or unit that is no line */
  constructor({ path, ...header }: WriterOptions) {
    this.#path = path ?? SOCKET
    this.#header = encodeStreamHeader(header)
  }

  /** Messages that were lost, because journald was away or slow. */
  get dropped(): number {
    return this.#dropped
  }

  /** Writes a message, each line of it an entry. */
  write(message: string, priority: Priority = 'info'): void {
    if (this.#isClosed) return
    const bytes = encodeMessage(message, priority)
    if (bytes.length === 0) return
    if (this.#queued + bytes.length > QUEUE_BYTES_MAX) {
      this.#dropped++
      this.#untold++
      return
    }
    this.#push(bytes)
    if (this.#isConnected) this.#flush()
    else this.#connect()
  }

  /** Ends it, when what waits has been written or journald has been given up. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#queued > 0 || (this.#socket?.writableLength ?? 0) > 0) {
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, CLOSE_MS)
        this.#onIdle = () => {
          clearTimeout(timer)
          resolve()
        }
        this.#whenIdle()
      })
    }
    clearTimeout(this.#retry)
    this.#socket?.end()
    this.#socket?.unref()
  }

  #push(bytes: Buffer): void {
    this.#queue.push(bytes)
    this.#queued += bytes.length
  }

  #connect(): void {
    if (this.#socket !== undefined || this.#retry !== undefined) return
    const socket = connect(this.#path)
    this.#socket = socket
    socket.unref()
    socket.on('error', () => {}) // Its end is told next.
    socket.on('connect', () => {
      this.#isConnected = true
      this.#retryMs = RETRY_MS_MIN
      socket.write(this.#header)
      this.#flush()
    })
    socket.on('drain', () => this.#flush())
    socket.on('close', () => this.#lost(socket))
    // journald says nothing; reading is how its end is noticed.
    socket.resume()
  }

  #lost(socket: Socket): void {
    if (this.#socket !== socket) return
    this.#socket = undefined
    this.#isConnected = false
    if (this.#isClosed && this.#queued === 0) {
      this.#onIdle?.()
      return
    }
    this.#retry = setTimeout(() => {
      this.#retry = undefined
      if (this.#queued > 0) this.#connect()
    }, this.#retryMs)
    this.#retry.unref()
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS_MAX)
  }

  /** Hands on what waits, as long as the socket takes it. */
  #flush(): void {
    const socket = this.#socket
    if (socket === undefined || !this.#isConnected) return
    while (this.#queue.length > 0 && !socket.writableNeedDrain) {
      const bytes = this.#queue.shift()!
      this.#queued -= bytes.length
      socket.write(bytes, () => this.#whenIdle())
    }
    if (this.#untold > 0 && this.#queued === 0) {
      socket.write(
        encodeMessage(`${this.#untold} messages were lost: the journal was away or slow`, 'warning'),
      )
      this.#untold = 0
    }
  }

  #whenIdle(): void {
    if (this.#queued === 0 && (this.#socket?.writableLength ?? 0) === 0) this.#onIdle?.()
  }
}
