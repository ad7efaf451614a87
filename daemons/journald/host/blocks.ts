import type { FileHandle } from 'node:fs/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ByteSource } from '../read/source.ts'

/** What is read at once. */
const BLOCK_BYTES = 64 * 1024
/** Blocks of all files of a reading that are kept: 16 MiB. */
const BLOCKS_MAX = 256
/** A file has fewer blocks: it would be of 4 TiB. */
const BLOCKS_PER_FILE_MAX = 2 ** 26
/** Reads answered from memory, after which others of this process get a turn. */
const READS_PER_TURN = 2048

/** The blocks of some files that were used last. */
export class BlockCache {
  readonly #blocks = new Map<number, Buffer>()
  #files = 0
  /** The block that was used last. */
  #newest = -1

  /** A number for the blocks of one more file. */
  add(): number {
    return this.#files++
  }

  get(file: number, index: number): Buffer | undefined {
    const key = file * BLOCKS_PER_FILE_MAX + index
    const known = this.#blocks.get(key)
    if (known === undefined || key === this.#newest) return known
    this.#blocks.delete(key)
    this.#blocks.set(key, known)
    this.#newest = key
    return known
  }

  set(file: number, index: number, block: Buffer): void {
    const key = file * BLOCKS_PER_FILE_MAX + index
    this.#blocks.set(key, block)
    this.#newest = key
    if (this.#blocks.size <= BLOCKS_MAX) return
    const [oldest] = this.#blocks.keys()
    this.#blocks.delete(oldest!)
  }

  /** Forgets the blocks of a file. */
  clear(file: number): void {
    for (const key of this.#blocks.keys())
      if (Math.floor(key / BLOCKS_PER_FILE_MAX) === file) this.#blocks.delete(key)
  }
}

/** What a file is read with. */
export interface BlockSourceOptions {
  cache: BlockCache
  /** Ends a search that takes long: reading rejects with its reason. */
  signal?: AbortSignal | undefined
}

/** A file by positioned reads, with blocks that were used lately in memory. */
export class BlockSource implements ByteSource {
  readonly #handle: FileHandle
  readonly #cache: BlockCache
  readonly #number: number
  readonly #signal: AbortSignal | undefined
  #size: number
  #reads = 0

  private constructor(handle: FileHandle, { cache, signal }: BlockSourceOptions, size: number) {
    this.#handle = handle
    this.#cache = cache
    this.#signal = signal
    this.#number = cache.add()
    this.#size = size
  }

  /** Takes over an open file. */
  static async open(handle: FileHandle, options: BlockSourceOptions): Promise<BlockSource> {
    return new BlockSource(handle, options, (await handle.stat()).size)
  }

  get size(): number {
    return this.#size
  }

  async read(offset: number, length: number): Promise<Buffer> {
    if (++this.#reads >= READS_PER_TURN) {
      this.#reads = 0
      await nextTurn()
      this.#signal?.throwIfAborted()
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
    const block = this.#cache.get(this.#number, index)
    return block === undefined || end > block.length ? undefined : block.subarray(offset - start, end)
  }

  async readFresh(offset: number, length: number): Promise<Buffer> {
    return await this.#readAt(offset, length)
  }

  async refresh(): Promise<void> {
    this.#cache.clear(this.#number)
    this.#size = (await this.#handle.stat()).size
  }

  async close(): Promise<void> {
    this.#cache.clear(this.#number)
    await this.#handle.close()
  }

  async #block(index: number): Promise<Buffer> {
    const known = this.#cache.get(this.#number, index)
    if (known !== undefined) return known
    const start = index * BLOCK_BYTES
    const block = await this.#readAt(start, Math.min(BLOCK_BYTES, this.#size - start))
    this.#cache.set(this.#number, index, block)
    return block
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
