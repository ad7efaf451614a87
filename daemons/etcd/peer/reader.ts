import { crc32 } from 'node:zlib'
import { FRAME_BYTES_MAX, FRAME_HEAD_BYTES, FrameError } from './frame.ts'

/** Length and checksum: what stands before the bytes that they are of. */
const PREFIX_BYTES = 8
const EMPTY = Buffer.alloc(0)

/**
 * Frames out of the bytes of a connection, however the network has cut them:
 *
 *     push(bytes)  ─►  next() ─► true: kind, body ─► next() ─► … ─► false  ─►  push(bytes)
 *
 * A frame that comes in one piece is not copied: its body shares the memory of what was read, and keeps it alive. One
 * that comes in several is put together once, when its last byte is there; so any cut costs time linear in its length.
 */
export class FrameReader {
  kind = 0
  body: Buffer = EMPTY
  readonly #bytesMax: number
  #bytes: Buffer = EMPTY
  #at = 0
  // The beginning of a frame, and how many bytes of it there are; of it all, once its length is known.
  #pieces: Buffer[] = []
  #held = 0
  #wanted = PREFIX_BYTES

  /** @param bytesMax of kind and body of one frame */
  constructor(bytesMax: number = FRAME_BYTES_MAX) {
    this.#bytesMax = bytesMax
  }

  /** Some of a frame has come, not all: a connection that ends here was cut. */
  get isWithin(): boolean {
    return this.#held > 0 || this.#at < this.#bytes.length
  }

  /** Takes what was read; only after `next` has answered false, or at first. The bytes may not change any more. */
  push(bytes: Buffer): void {
    this.#bytes = bytes
    this.#at = 0
  }

  /**
   * Whether there is another whole frame; then `kind` and `body` are its.
   *
   * @throws FrameError for a frame above the bound or damaged; nothing can be read after it
   */
  next(): boolean {
    if (this.#held > 0) return this.#nextHeld()
    const bytes = this.#bytes
    const at = this.#at
    const left = bytes.length - at
    if (left < PREFIX_BYTES) return this.#hold(PREFIX_BYTES)
    const length = this.#lengthAt(bytes, at)
    if (left < PREFIX_BYTES + length) return this.#hold(PREFIX_BYTES + length)
    this.#at = at + PREFIX_BYTES + length
    this.#take(bytes, at, this.#at)
    return true
  }

  /** Goes on with a frame whose beginning came before. */
  #nextHeld(): boolean {
    if (!this.#fill()) return false
    if (this.#wanted === PREFIX_BYTES) {
      const prefix = this.#join()
      this.#wanted = PREFIX_BYTES + this.#lengthAt(prefix, 0)
      if (!this.#fill()) return false
    }
    const frame = this.#join()
    this.#pieces = []
    this.#held = 0
    this.#take(frame, 0, frame.length)
    return true
  }

  /** Moves what is still wanted of this frame, and no more, to its beginning; whether that is all. */
  #fill(): boolean {
    const take = Math.min(this.#wanted - this.#held, this.#bytes.length - this.#at)
    if (take > 0) {
      this.#pieces.push(this.#bytes.subarray(this.#at, this.#at + take))
      this.#held += take
      this.#at += take
    }
    if (this.#held === this.#wanted) return true
    this.#letGo()
    return false
  }

  #hold(wanted: number): false {
    this.#wanted = wanted
    this.#fill()
    return false
  }

  /** All of it has been used: it must not be kept alive by an idle connection. */
  #letGo(): void {
    this.#bytes = EMPTY
    this.#at = 0
  }

  #join(): Buffer {
    const whole = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces, this.#held)
    this.#pieces = [whole]
    return whole
  }

  #lengthAt(bytes: Buffer, at: number): number {
    const length = bytes.readUInt32BE(at)
    if (length === 0 || length > this.#bytesMax)
      throw new FrameError(`a frame of ${length} bytes, allowed are 1 to ${this.#bytesMax}`)
    return length
  }

  #take(bytes: Buffer, start: number, end: number): void {
    const body = bytes.subarray(start + PREFIX_BYTES, end)
    if (crc32(body) !== bytes.readUInt32BE(start + 4)) throw new FrameError('a frame was damaged on its way')
    this.kind = body[0]!
    this.body = bytes.subarray(start + FRAME_HEAD_BYTES, end)
  }
}
