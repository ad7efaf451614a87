/**
 * The bytes between QEMU and the switch (`-netdev stream`): frames of Ethernet, one after the other.
 *
 *   length 4, big-endian │ frame, from the address of its receiver on, without the checksum
 */
export const HEADER_BYTES = 4
/** Two addresses and a type. */
export const ETHERNET_BYTES = 14
/** The largest packet of IP, in a frame with a VLAN's tag. It bounds what a reader gathers. */
export const FRAME_BYTES_MAX = 64 * 1024 + 18

/** Bytes that QEMU would not send: where the next frame begins is lost, and the connection of no more use. */
export class FramingError extends Error {
  override readonly name: string = 'FramingError'
}

/** Writes the header of a frame of `length` bytes. */
export function writeHeader(bytes: Buffer, at: number, length: number): void {
  bytes[at] = length >>> 24
  bytes[at + 1] = length >>> 16
  bytes[at + 2] = length >>> 8
  bytes[at + 3] = length
}

/** A frame with its header, in one piece. */
export function encodeFrame(frame: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + frame.length)
  writeHeader(bytes, 0, frame.length)
  bytes.set(frame, HEADER_BYTES)
  return bytes
}

/** Finds the frames in chunks of a stream that may be cut anywhere. */
export class FrameReader {
  /** The beginning of a frame whose rest has not come. Made when it is first needed. */
  #partial: Buffer | undefined
  #filled = 0

  /** How many bytes of an unfinished frame it holds. */
  get held(): number {
    return this.#filled
  }

  /**
   * Takes the next bytes.
   *
   * @param take gets each frame that is complete; it is a view, good until `take` returns
   * @throws FramingError when a frame is too long, after those before it were given
   */
  push(chunk: Buffer, take: (frame: Buffer) => void): void {
    let at = this.#filled === 0 ? 0 : this.#complete(chunk, take)
    while (chunk.length - at >= HEADER_BYTES) {
      const end = at + HEADER_BYTES + readLength(chunk, at)
      if (end > chunk.length) break
      take(chunk.subarray(at + HEADER_BYTES, end))
      at = end
    }
    if (at < chunk.length) this.#hold(chunk, at, chunk.length)
  }

  /** Adds to the unfinished frame. The result is how many bytes that took. */
  #complete(chunk: Buffer, take: (frame: Buffer) => void): number {
    let at = 0
    if (this.#filled < HEADER_BYTES) {
      at = Math.min(HEADER_BYTES - this.#filled, chunk.length)
      this.#hold(chunk, 0, at)
      if (this.#filled < HEADER_BYTES) return at
    }
    const partial = this.#partial!
    const end = HEADER_BYTES + readLength(partial, 0)
    const more = Math.min(end - this.#filled, chunk.length - at)
    this.#hold(chunk, at, at + more)
    if (this.#filled === end) {
      this.#filled = 0
      take(partial.subarray(HEADER_BYTES, end))
    }
    return at + more
  }

  #hold(chunk: Buffer, from: number, to: number): void {
    this.#partial ??= Buffer.allocUnsafeSlow(HEADER_BYTES + FRAME_BYTES_MAX)
    chunk.copy(this.#partial, this.#filled, from, to)
    this.#filled += to - from
  }
}

function readLength(bytes: Buffer, at: number): number {
  const length = bytes.readUInt32BE(at)
  if (length <= FRAME_BYTES_MAX) return length
  throw new FramingError(`a frame of ${length} bytes, more than ${FRAME_BYTES_MAX}`)
}
