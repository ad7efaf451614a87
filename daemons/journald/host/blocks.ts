import type { FileHandle } from 'node:fs/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ByteSource } from '../read/source.ts'

/** What is read at once. */
const BLOCK_BYTES = 64 * 1024
/** Blocks of one file that are kept: 4 MiB. */
const BLOCKS_MAX = 64
/** Reads answered from memory, after which others of this process get a turn. */
const READS_PER_TURN = 2048

/** A file by positioned reads, with the blocks that were used last in memory. */
export class BlockSource implements ByteSource {
  readonly #handle: FileHandle
  readonly #blocks = new Map<number, Buffer>()
  #size: number
  #reads = 0
  /** The block that was used last. */
  #newest = -1

  private constructor(handle: FileHandle, size: number) {
    this.#handle = handle
    this.#size = size
  }

  /** Takes over an open file. */
  static async open(handle: FileHandle): Promise<BlockSource> {
    return new BlockSource(handle, (await handle.stat()).size)
  }

  get size(): number {
    return this.#size
  }

  async read(offset: number, length: number): Promise<Buffer> {
    if (++this.#reads >= READS_PER_TURN) {
      this.#reads = 0
      await nextTurn()
    }
    const end = Math.min(offset + length, this.#size)
    if (end <= offset) return Buffer.alloc(0)
    const first = Math.floor(offset / BLOCK_BYTES)
    const last = Math.floor((end - 1) / BLOCK_BYTES)
    if (first === last) {
      const block = await this.#block(first)
      return block.subarray(offset - first * BLOCK_BYTES, end - first * BLOCK_BYTES)
    }
    // What is larger than some blocks is read past them: it would only push others out.
    if (last - first >= 4) return await this.#readAt(offset, end - offset)
    const pieces: Buffer[] = []
    for (let index = first; index <= last; index++) {
      const start = index * BLOCK_BYTES
      const block = await this.#block(index)
      pieces.push(block.subarray(Math.max(0, offset - start), end - start))
    }
    return Buffer.concat(pieces)
  }

  peek(offset: number, length: number): Buffer | undefined {
    const index = Math.floor(offset / BLOCK_BYTES)
    const start = index * BLOCK_BYTES
    const end = offset + length - start
    if (end > BLOCK_BYTES || ++this.#reads >= READS_PER_TURN) return undefined
    const block = this.#recall(index)
    return block === undefined || end > block.length ? undefined : block.subarray(offset - start, end)
  }

  async refresh(): Promise<void> {
    this.#blocks.clear()
    this.#size = (await this.#handle.stat()).size
  }

  async close(): Promise<void> {
    this.#blocks.clear()
    await this.#handle.close()
  }

  async #block(index: number): Promise<Buffer> {
    const known = this.#recall(index)
    if (known !== undefined) return known
    const start = index * BLOCK_BYTES
    const block = await this.#readAt(start, Math.min(BLOCK_BYTES, this.#size - start))
    this.#blocks.set(index, block)
    this.#newest = index
    if (this.#blocks.size > BLOCKS_MAX) {
      const [oldest] = this.#blocks.keys()
      this.#blocks.delete(oldest!)
    }
    return block
  }

  #recall(index: number): Buffer | undefined {
    const known = this.#blocks.get(index)
    if (known === undefined || index === this.#newest) return known
    this.#blocks.delete(index)
    this.#blocks.set(index, known)
    this.#newest = index
    return known
  }

  async #readAt(offset: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafeSlow(length)
    let filled = 0
    while (filled < length) {
      const { bytesRead } = await this.#handle.read(buffer, filled, length - filled, offset + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return buffer.subarray(0, filled)
  }
}
