/** A line is longer than anything that is said here: the other side speaks something else. */
export class LineError extends Error {
  override readonly name: string = 'LineError'
}

/** Finds the lines in chunks of a stream that may be cut anywhere, also within a letter. */
export class LineReader {
  readonly #bytesMax: number
  #parts: Buffer[] = []
  #held = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /**
   * The lines that are complete, without their ends.
   *
   * @throws LineError when one is too long
   */
  push(chunk: Buffer): string[] {
    const lines: string[] = []
    let at = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, at)) {
      this.#hold(chunk.subarray(at, end))
      lines.push(Buffer.concat(this.#parts).toString('utf8'))
      this.#parts = []
      this.#held = 0
      at = end + 1
    }
    this.#hold(chunk.subarray(at))
    return lines
  }

  #hold(part: Buffer): void {
    if (part.length === 0) return
    this.#parts.push(part)
    this.#held += part.length
    if (this.#held > this.#bytesMax) throw new LineError(`a line of more than ${this.#bytesMax} bytes`)
  }
}
