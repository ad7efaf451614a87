/** What may be on its way between two ports. 4 MiB are a third of a second at 100 Mbit/s. */
export const LINE_BYTES_MAX = 4 * 1024 * 1024
/** Frames between two ports. */
export const LINE_FRAMES_MAX = 4096
/** What may be on its way between all. */
export const TOTAL_BYTES_MAX = 64 * 1024 * 1024

/** A frame whose time has come. */
export interface Arrival {
  from: string
  to: string
  frame: Buffer
}

interface Line {
  from: string
  to: string
  /** In order: only the first of them can arrive, though another may be due before. Those before `next` have arrived. */
  frames: { dueMs: number; frame: Buffer }[]
  next: number
  bytes: number
}

/** How many arrived frames a line keeps before it is made shorter. */
const COMPACT_FRAMES = 256

/**
 * Frames on slow links. Between two ports they stay in order, whatever their delays: a cable does not let one overtake
 * another. Times are milliseconds of any clock that does not go back.
 */
export class DelayLines {
  readonly #lines = new Map<string, Line>()
  #bytes = 0

  /** When the next frame arrives; undefined when none is on its way. */
  get nextMs(): number | undefined {
    let next: number | undefined
    for (const line of this.#lines.values()) {
      const { dueMs } = line.frames[line.next]!
      if (next === undefined || dueMs < next) next = dueMs
    }
    return next
  }

  /** Whether a frame is on its way there, which others have to follow. */
  isBusy(from: string, to: string): boolean {
    return this.#lines.size > 0 && this.#lines.has(keyOf(from, to))
  }

  /**
   * Sends a frame on its way. It is copied.
   *
   * @returns false when there is no room
   */
  push(from: string, to: string, frame: Buffer, dueMs: number): boolean {
    const key = keyOf(from, to)
    const line = this.#lines.get(key) ?? { from, to, frames: [], next: 0, bytes: 0 }
    if (line.frames.length - line.next >= LINE_FRAMES_MAX) return false
    if (line.bytes + frame.length > LINE_BYTES_MAX || this.#bytes + frame.length > TOTAL_BYTES_MAX)
      return false
    line.frames.push({ dueMs, frame: Buffer.from(frame) })
    line.bytes += frame.length
    this.#bytes += frame.length
    this.#lines.set(key, line)
    return true
  }

  /** The frame that was due first, if its time has come. */
  take(nowMs: number): Arrival | undefined {
    let first: Line | undefined
    for (const line of this.#lines.values()) {
      if (first === undefined || line.frames[line.next]!.dueMs < first.frames[first.next]!.dueMs) first = line
    }
    const due = first?.frames[first.next]
    if (first === undefined || due === undefined || due.dueMs > nowMs) return undefined
    first.next++
    first.bytes -= due.frame.length
    this.#bytes -= due.frame.length
    if (first.next === first.frames.length) this.#lines.delete(keyOf(first.from, first.to))
    else if (first.next >= COMPACT_FRAMES) {
      first.frames.splice(0, first.next)
      first.next = 0
    }
    return { from: first.from, to: first.to, frame: due.frame }
  }

  /** Loses what is on its way from or to a port. */
  forget(port: string): void {
    for (const [key, line] of this.#lines) {
      if (line.from !== port && line.to !== port) continue
      this.#bytes -= line.bytes
      this.#lines.delete(key)
    }
  }
}

/** No name of a port has a blank. */
function keyOf(from: string, to: string): string {
  return `${from} ${to}`
}
