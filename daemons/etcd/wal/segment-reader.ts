import type { DiskError, File } from '../member/env.ts'
import { type Chain, type FrameHeader, frameBytes, HEADER_BYTES, isBodyWhole, readHeader } from './frame.ts'

/** Bytes read from the disk at a time, unless one frame is larger. */
const WINDOW_BYTES = 1024 * 1024

/** Where the frames of a segment end. */
export interface SegmentEnd {
  /** Of what is no frame of the chain any more. */
  offset: number
  chain: Chain
}

/** What a reader of a segment needs. */
export interface SegmentReading {
  file: File
  size: number
  /** What the first frame continues; undefined takes the first frame's word for it. */
  chain: Chain | undefined
  /** Does not look at the checksum of bodies (planted bugs only). */
  skipCheck: boolean
  /** A body, whole and in its place, from `start` to before `end`. What it throws is corruption of that frame. */
  onBody(bytes: Uint8Array, start: number, end: number): void
  /** Called once: with the disk's error, with what `onBody` threw and where, or with the end. */
  onEnd(error: DiskError | undefined, end: SegmentEnd, thrown?: unknown): void
}

/**
 * Reads the frames of one segment up to the first place where the chain does not go on. What that place is, the end of
 * the log, a torn write or corruption, is for others to judge.
 */
export function readSegment(reading: SegmentReading): void {
  new SegmentReader(reading).run()
}

class SegmentReader {
  readonly #reading: SegmentReading
  #window: Uint8Array = new Uint8Array(0)
  #windowOffset = 0
  #offset = 0
  #chain: Chain | undefined

  constructor(reading: SegmentReading) {
    this.#reading = reading
    this.#chain = reading.chain
  }

  /** Goes through the window; returns when it needs another one or is at the end. */
  run(): void {
    for (;;) {
      if (!this.#has(HEADER_BYTES)) return
      const at = this.#offset - this.#windowOffset
      const header = readHeader(this.#window, at)
      if (header === undefined || !this.#continues(header)) {
        this.#end()
        return
      }
      const length = frameBytes(header.bodyBytes)
      if (this.#offset + length > this.#reading.size) {
        this.#end()
        return
      }
      if (!this.#has(length)) return
      if (!this.#reading.skipCheck && !isBodyWhole(this.#window, at, header)) {
        this.#end()
        return
      }
      const start = at + HEADER_BYTES
      try {
        this.#reading.onBody(this.#window, start, start + header.bodyBytes)
      } catch (thrown) {
        this.#end(thrown)
        return
      }
      this.#chain = { number: header.number, check: header.check }
      this.#offset += length
    }
  }

  #continues(header: FrameHeader): boolean {
    if (header.offset !== this.#offset) return false
    const chain = this.#chain
    if (chain === undefined) return true
    return header.number === chain.number + 1 && header.previous === chain.check
  }

  /** Whether so many bytes from here are in the window. If not, it has ended or will run again with a new window. */
  #has(length: number): boolean {
    if (this.#offset + length <= this.#windowOffset + this.#window.length) return true
    const { file, size } = this.#reading
    if (this.#offset + length > size) {
      this.#end()
      return false
    }
    const wanted = Math.min(Math.max(length, WINDOW_BYTES), size - this.#offset)
    file.read(this.#offset, wanted, (error, bytes) => {
      if (error !== undefined) return this.#fail(error)
      if (bytes.length < wanted) {
        const message = `${bytes.length} bytes came from byte ${this.#offset} on instead of ${wanted}`
        return this.#fail({ code: 'EIO', message })
      }
      this.#window = bytes
      this.#windowOffset = this.#offset
      this.run()
    })
    return false
  }

  #end(thrown?: unknown): void {
    const chain = this.#chain ?? { number: 0, check: 0 }
    this.#reading.onEnd(undefined, { offset: this.#offset, chain }, thrown)
  }

  #fail(error: DiskError): void {
    this.#reading.onEnd(error, { offset: this.#offset, chain: { number: 0, check: 0 } })
  }
}

/**
 * Reads from `offset` to the last byte that is not zero, which may be none. To be judged as the end of a log.
 *
 * @param answer called once
 */
export function readTail(
  file: File,
  offset: number,
  size: number,
  answer: (error: DiskError | undefined, tail: Uint8Array) => void,
): void {
  let end = size
  // From the end, as most of it is room that nobody has written to.
  const step = (): void => {
    const start = Math.max(offset, end - WINDOW_BYTES)
    if (start >= end) {
      answer(undefined, new Uint8Array(0))
      return
    }
    file.read(start, end - start, (error, bytes) => {
      if (error !== undefined) return answer(error, bytes)
      const last = lastNonzeroFast(bytes)
      if (last >= 0) return file.read(offset, start + last + 1 - offset, answer)
      end = start
      step()
    })
  }
  step()
}

const ZEROS = Buffer.alloc(4096)

/** As `lastNonzero`, with the help of native comparison for long runs of zeros. */
function lastNonzeroFast(bytes: Uint8Array): number {
  let end = bytes.length
  while (end >= ZEROS.length && ZEROS.compare(bytes, end - ZEROS.length, end) === 0) end -= ZEROS.length
  for (let at = end - 1; at >= 0; at--) if (bytes[at] !== 0) return at
  return -1
}
