const LF = 0x0a

/** Cuts a stream of bytes into lines of text: events of a watch, a log. */
export class LineSplitter {
  readonly #lineBytesMax: number
  #rest: Buffer[] = []
  #restBytes = 0

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax
  }

  /** The lines that end in `bytes`, without their ends; undefined when a line is longer than it may be. */
  push(bytes: Buffer): string[] | undefined {
    const lines: string[] = []
    let start = 0
    for (;;) {
      const end = bytes.indexOf(LF, start)
      if (this.#restBytes + (end < 0 ? bytes.length : end) - start > this.#lineBytesMax) return undefined
      if (end < 0) break
      lines.push(this.#join(bytes.subarray(start, end)))
      start = end + 1
    }
    if (start < bytes.length) this.#keep(bytes.subarray(start))
    return lines
  }

  /** What came after the last line end; undefined when nothing did. */
  end(): string | undefined {
    return this.#restBytes === 0 ? undefined : this.#join(Buffer.alloc(0))
  }

  #keep(bytes: Buffer): void {
    this.#rest.push(bytes)
    this.#restBytes += bytes.length
  }

  #join(last: Buffer): string {
    if (this.#restBytes === 0) return last.toString('utf8')
    const line = Buffer.concat([...this.#rest, last]).toString('utf8')
    this.#rest = []
    this.#restBytes = 0
    return line
  }
}
