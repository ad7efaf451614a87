import { HEADER_BYTES, writeHeader } from './frame.ts'

/** What waits for one port. Beyond it the newest frame is lost, as in real switches. */
export const QUEUE_BYTES_MAX = 2 * 1024 * 1024
/** Frames that wait for one port. */
export const QUEUE_FRAMES_MAX = 4096
/** What is written at once, so that room is given back before all is gone. */
export const WRITE_BYTES_MAX = 256 * 1024

/**
 * Frames on their way to one connection, in a ring. They are copied into it with their headers, so that nothing else
 * is kept in memory, and what was queued one by one is written in one or two stretches.
 *
 *   │ free │ in flight │ waiting │ free │
 *          #head       #head + #flight
 */
export class Outbox {
  readonly #ring: Buffer
  readonly #framesMax: number
  #head = 0
  #flight = 0
  #waiting = 0
  /** Lengths of those that wait, in order, to write whole frames only. */
  #lengths: number[] = []
  #flightFrames = 0

  /** @param bounds others than the usual */
  constructor(bounds: { bytesMax?: number; framesMax?: number } = {}) {
    this.#ring = Buffer.allocUnsafeSlow(bounds.bytesMax ?? QUEUE_BYTES_MAX)
    this.#framesMax = bounds.framesMax ?? QUEUE_FRAMES_MAX
  }

  /** Bytes in it, with headers. */
  get bytes(): number {
    return this.#flight + this.#waiting
  }

  /** Frames in it. */
  get frames(): number {
    return this.#flightFrames + this.#lengths.length
  }

  /** @returns false when there is no room for this frame */
  push(frame: Buffer): boolean {
    const bytes = HEADER_BYTES + frame.length
    if (this.bytes + bytes > this.#ring.length || this.frames >= this.#framesMax) return false
    const size = this.#ring.length
    const at = (this.#head + this.#flight + this.#waiting) % size
    if (at + bytes <= size) {
      writeHeader(this.#ring, at, frame.length)
      frame.copy(this.#ring, at + HEADER_BYTES)
    } else {
      this.#wrap(frame, at)
    }
    this.#waiting += bytes
    this.#lengths.push(bytes)
    return true
  }

  /**
   * What is to be written next: whole frames, in order. Nothing while something is in flight.
   *
   * @returns at most two stretches, good until `release`
   */
  take(): Buffer[] {
    if (this.#flight > 0 || this.#waiting === 0) return []
    let bytes = 0
    let frames = 0
    for (const length of this.#lengths) {
      if (frames > 0 && bytes + length > WRITE_BYTES_MAX) break
      bytes += length
      frames++
    }
    this.#lengths = frames === this.#lengths.length ? [] : this.#lengths.slice(frames)
    this.#flight = bytes
    this.#flightFrames = frames
    this.#waiting -= bytes
    const end = this.#head + bytes
    if (end <= this.#ring.length) return [this.#ring.subarray(this.#head, end)]
    return [this.#ring.subarray(this.#head), this.#ring.subarray(0, end - this.#ring.length)]
  }

  /** What was taken has been written. */
  release(): void {
    this.#head = (this.#head + this.#flight) % this.#ring.length
    this.#flight = 0
    this.#flightFrames = 0
    // From the start again: a ring that is mostly empty stays in few pages, and in one stretch.
    if (this.#waiting === 0) this.#head = 0
  }

  #wrap(frame: Buffer, at: number): void {
    const header = Buffer.allocUnsafe(HEADER_BYTES)
    writeHeader(header, 0, frame.length)
    const size = this.#ring.length
    for (const [part, start] of [
      [header, at],
      [frame, (at + HEADER_BYTES) % size],
    ] as const) {
      const first = Math.min(part.length, size - start)
      part.copy(this.#ring, start, 0, first)
      part.copy(this.#ring, 0, first)
    }
  }
}
