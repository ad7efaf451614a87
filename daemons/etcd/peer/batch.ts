import { messageRoom, writeMessage } from '../raft/codec.ts'
import type { Message } from '../raft/message.ts'
import { FRAME_BYTES_MAX, FRAME_HEAD_BYTES, Kind, sealFrame } from './frame.ts'

/** Frames are written into pieces of memory of this size; a larger frame gets a piece of its own. */
const SLAB_BYTES = 64 * 1024
const EMPTY = Buffer.alloc(0)

/**
 * Frames that leave together. Messages are encoded right into the memory that the socket then writes from, so each byte
 * of an entry is copied once; what was taken is never written again, as the socket may still hold it.
 */
export class Batch {
  #slab: Buffer = EMPTY
  // Taken up to `#start`, written up to `#end`.
  #start = 0
  #end = 0
  #full: Buffer[] = []
  #fullBytes = 0

  /** Bytes that `take` would give. */
  get bytes(): number {
    return this.#fullBytes + this.#end - this.#start
  }

  /** Adds a message; false when it is larger than any frame may be. */
  message(message: Message): boolean {
    const room = FRAME_HEAD_BYTES + messageRoom(message)
    if (room > FRAME_BYTES_MAX) return false
    this.#makeRoom(room)
    const start = this.#end
    this.#end = writeMessage(this.#slab, start + FRAME_HEAD_BYTES, message)
    sealFrame(this.#slab, start, this.#end, Kind.MESSAGE)
    return true
  }

  /** Adds bytes of frames that are complete. */
  frame(frame: Buffer): void {
    this.#makeRoom(frame.length)
    this.#slab.set(frame, this.#end)
    this.#end += frame.length
  }

  /** All pieces in their order; the batch is empty then. */
  take(): Buffer[] {
    const pieces = this.#full
    if (this.#end > this.#start) pieces.push(this.#slab.subarray(this.#start, this.#end))
    this.#start = this.#end
    this.#full = []
    this.#fullBytes = 0
    return pieces
  }

  #makeRoom(room: number): void {
    if (this.#end + room <= this.#slab.length) return
    if (this.#end > this.#start) {
      this.#full.push(this.#slab.subarray(this.#start, this.#end))
      this.#fullBytes += this.#end - this.#start
    }
    this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, room))
    this.#start = 0
    this.#end = 0
  }
}
