/** Where the bytes of a file come from. */
export interface ByteSource {
  /** Bytes that the file had when it was last looked at. */
  readonly size: number
  /**
   * Bytes from an offset; they must not be changed or kept.
   *
   * @returns fewer when the file ends before
   */
  read(offset: number, length: number): Promise<Buffer>
  /** As `read`, when all of the bytes are at hand; else undefined. */
  peek(offset: number, length: number): Buffer | undefined
  /** As `read`, but as the bytes are now, whatever was read before. */
  readFresh(offset: number, length: number): Promise<Buffer>
  /** Forgets what was read, and finds the size that the file has now. */
  refresh(): Promise<void>
  close(): Promise<void>
}

/** A file that is in memory. */
export class MemorySource implements ByteSource {
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get size(): number {
    return this.#bytes.length
  }

  async read(offset: number, length: number): Promise<Buffer> {
    return this.#bytes.subarray(offset, offset + length)
  }

  peek(offset: number, length: number): Buffer | undefined {
    return offset + length > this.#bytes.length ? undefined : this.#bytes.subarray(offset, offset + length)
  }

  async readFresh(offset: number, length: number): Promise<Buffer> {
    return await this.read(offset, length)
  }

  async refresh(): Promise<void> {}

  async close(): Promise<void> {}
}
