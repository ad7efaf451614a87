/** Where bytes go in the end: a socket of Node, or an array in a test. */
export interface Sink {
  cork(): void
  uncork(): void
  write(data: string | Uint8Array, encoding?: 'latin1' | 'utf8'): boolean
}

/**
 * What is to be written, gathered so that many small answers become one write. Text stays text for as long as it can:
 * Node writes a string of ASCII without making a buffer of it.
 */
export class Outbox {
  #text = ''
  // Whether `#text` may be written one byte for each character.
  #isAscii = true
  // What goes before `#text`.
  #pieces: Uint8Array[] | undefined = undefined
  #pieceBytes = 0

  get isEmpty(): boolean {
    return this.#text === '' && this.#pieces === undefined
  }

  /** At least so many bytes wait; text beyond ASCII counts by its characters. */
  get bytes(): number {
    return this.#text.length + this.#pieceBytes
  }

  /** Appends text; `isAscii` is a promise of the caller's. */
  text(text: string, isAscii: boolean): void {
    this.#text += text
    if (!isAscii) this.#isAscii = false
  }

  /** Appends bytes, without copying them: they may not be changed any more. */
  binary(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#seal()
    this.#push(bytes)
  }

  /** Appends all of another box and empties it. */
  take(other: Outbox): void {
    if (other.#pieces !== undefined) {
      this.#seal()
      for (const piece of other.#pieces) this.#push(piece)
    }
    this.text(other.#text, other.#isAscii)
    other.#reset()
  }

  /** Writes all. False when the sink would rather have no more for now. */
  flush(sink: Sink): boolean {
    if (this.#pieces === undefined) {
      const text = this.#text
      if (text === '') return true
      const encoding = this.#isAscii ? 'latin1' : 'utf8'
      this.#text = ''
      this.#isAscii = true
      return sink.write(text, encoding)
    }
    this.#seal()
    const pieces = this.#pieces
    this.#reset()
    let more = true
    sink.cork()
    for (const piece of pieces) more = sink.write(piece)
    sink.uncork()
    return more
  }

  #seal(): void {
    if (this.#text === '') return
    const bytes = Buffer.from(this.#text, this.#isAscii ? 'latin1' : 'utf8')
    this.#text = ''
    this.#isAscii = true
    this.#push(bytes)
  }

  #push(bytes: Uint8Array): void {
    this.#pieces ??= []
    this.#pieces.push(bytes)
    this.#pieceBytes += bytes.length
  }

  #reset(): void {
    this.#text = ''
    this.#isAscii = true
    this.#pieces = undefined
    this.#pieceBytes = 0
  }
}
