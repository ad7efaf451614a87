import type { Socket } from 'node:net'
import { FrameReader, FramingError } from '../frame.ts'
import { Outbox } from '../outbox.ts'

/** What a link tells the switch. */
export interface LinkEvents {
  /** A frame has come; it is good until this returns. */
  onFrame(frame: Buffer): void
  /** All frames of one piece of the stream were given: now is the time to write. */
  onPause(): void
  /** Once: nothing comes any more. */
  onEnd(reason: string): void
}

/**
 * The connection of one machine. What comes is read at once, always: a machine that sends is never held up by one that
 * does not read, whose frames are lost instead.
 */
export class Link {
  readonly #socket: Socket
  readonly #outbox = new Outbox()
  readonly #reader = new FrameReader()
  readonly #events: LinkEvents
  #isOpen = true

  constructor(socket: Socket, events: LinkEvents) {
    this.#socket = socket
    this.#events = events
    socket.on('data', chunk => this.#receive(chunk))
    // QEMU ends both ways at once, and a half of a cable is of no use.
    socket.on('end', () => this.close('the machine ended the connection'))
    socket.on('error', error => this.close(error.message))
    socket.on('close', () => this.close('the connection was closed'))
  }

  /** What waits to be written. */
  get queued(): { frames: number; bytes: number } {
    return { frames: this.#outbox.frames, bytes: this.#outbox.bytes }
  }

  /** Queues a frame; false when there is no room. `flush` writes it. */
  send(frame: Buffer): boolean {
    return this.#outbox.push(frame)
  }

  /** Writes what is queued, unless the machine still has to take what was written before. */
  flush(): void {
    const stretches = this.#outbox.take()
    const last = stretches.pop()
    if (last === undefined || !this.#isOpen) return
    this.#socket.cork()
    for (const stretch of stretches) this.#socket.write(stretch)
    this.#socket.write(last, error => {
      if (error) return // which closes it
      this.#outbox.release()
      this.flush()
    })
    this.#socket.uncork()
  }

  /** Ends the connection. */
  close(reason: string): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#socket.destroy()
    this.#events.onEnd(reason)
  }

  #receive(chunk: Buffer): void {
    if (!this.#isOpen) return
    try {
      this.#reader.push(chunk, frame => this.#events.onFrame(frame))
    } catch (error) {
      if (!(error instanceof FramingError)) throw error
      this.close(error.message)
    }
    this.#events.onPause()
  }
}
