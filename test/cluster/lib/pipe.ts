import type { Socket } from 'node:net'

/** What a pipe holds before it reads no more, so that whoever sends notices. */
const HELD_BYTES_MAX = 1024 * 1024

/** The way from one member to another, as it is at this moment. The owner changes it and calls `wake` of its pipes. */
export interface Way {
  isBlocked: boolean
  /** Milliseconds that each piece travels. */
  delayMs: number
  /** Bytes that have arrived, and pieces that were stopped by a block, since the beginning. */
  bytes: number
  stopped: number
}

/** `end`: the sender has closed its side; `cut`: the connection is gone. */
type Item = { due: number; what: Buffer | 'end' | 'cut' }

/**
 * One direction of a connection. What is sent arrives in order, later by the delay of the way; while the way is
 * blocked, nothing arrives, not even that the connection has ended: as if its packets were lost and sent again.
 */
export class Pipe {
  readonly #source: Socket
  readonly #sink: Socket
  readonly #way: Way
  #items: Item[] = []
  #bytes = 0
  #isFull = false
  #hasEnded = false
  #timer: NodeJS.Timeout | undefined
  #isOver = false

  constructor(source: Socket, sink: Socket, way: Way) {
    this.#source = source
    this.#sink = sink
    this.#way = way
    source.on('data', chunk => this.#push(chunk))
    source.on('end', () => {
      this.#hasEnded = true
      this.#push('end')
    })
    // After an end in order, the other direction may still be on its way.
    source.on('close', hadError => {
      if (hadError || !this.#hasEnded) this.#push('cut')
    })
    source.on('error', () => {})
    sink.on('drain', () => {
      this.#isFull = false
      this.wake()
    })
  }

  /** Carries on after the way has changed. */
  wake(): void {
    clearTimeout(this.#timer)
    if (this.#isFull || this.#isOver) return
    const now = performance.now()
    while (!this.#isFull && this.#items.length > 0) {
      const item = this.#items[0]!
      if (this.#way.isBlocked) {
        this.#way.stopped += 1
        return
      }
      if (item.due > now) {
        this.#timer = setTimeout(() => this.wake(), item.due - now)
        return
      }
      this.#items.shift()
      this.#deliver(item.what)
    }
    if (this.#bytes < HELD_BYTES_MAX && this.#source.isPaused()) this.#source.resume()
  }

  /** Ends it with whatever is in it. */
  stop(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#items = []
  }

  #push(what: Item['what']): void {
    if (this.#isOver) return
    this.#items.push({ due: performance.now() + this.#way.delayMs, what })
    if (typeof what !== 'string') {
      this.#bytes += what.length
      if (this.#bytes >= HELD_BYTES_MAX) this.#source.pause()
    }
    this.wake()
  }

  #deliver(what: Item['what']): void {
    if (this.#sink.destroyed) return
    if (what === 'cut') this.#sink.destroy()
    else if (what === 'end') this.#sink.end()
    else {
      this.#bytes -= what.length
      this.#way.bytes += what.length
      this.#isFull = !this.#sink.write(what)
    }
  }
}
