import { type FileHandle, open } from 'node:fs/promises'
import { UserError } from '#lib/errors.ts'
import { readExactly, writeFully } from '../../build/fs/sparse.ts'
import { decodeEntry, decodeHead, ENTRY_BYTES, type LogEntry } from './blklog.ts'
import type { Cut, Piece } from './cuts.ts'

/** An entry, and where its data is in the log's file. */
export interface LoggedEntry extends LogEntry {
  dataOffset: number
}

/** A log opened for reading. */
export interface WriteLog {
  file: FileHandle
  sectorSize: number
  entries: LoggedEntry[]
}

/** More than any test writes; a log with more is broken. */
const ENTRIES_MAX = 5_000_000
/** Granularity of what is known of a disk: blocks that are all zeros are never copied. */
const BLOCK_BYTES = 1 << 16
const ZEROS = Buffer.alloc(BLOCK_BYTES)
const COPY_BYTES = 1 << 20

/** Reads all entries of a log; their data stays in the file. @throws UserError for a log that is none */
export async function openLog(path: string): Promise<WriteLog> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const head = decodeHead(await readExactly(file, 0, Math.min(size, 512)))
    if (head.entries > ENTRIES_MAX) throw new UserError(`${path}: ${head.entries} entries`)
    const { sectorSize } = head
    const entries: LoggedEntry[] = []
    for (let at = sectorSize; entries.length < head.entries; ) {
      if (at + sectorSize > size)
        throw new UserError(`${path}: ends within entry ${entries.length} of ${head.entries}`)
      const entry = decodeEntry(await readExactly(file, at, ENTRY_BYTES), sectorSize)
      const dataOffset = at + sectorSize
      entries.push({ ...entry, dataOffset })
      at = dataOffset + Math.ceil(entry.dataBytes / sectorSize) * sectorSize
    }
    return { file, sectorSize, entries }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Entries in a log that QEMU is still writing. */
export async function countEntries(path: string): Promise<number> {
  const file = await open(path, 'r')
  try {
    return decodeHead(await readExactly(file, 0, 512)).entries
  } finally {
    await file.close()
  }
}

/**
 * A disk as it was at some point of a log. It only moves forward: the durable part is applied once to a working
 * copy, and each cut is a sparse copy of that with some more sectors written, so hundreds of cuts are cheap.
 */
export class Replay {
  readonly size: number
  readonly #log: WriteLog
  readonly #file: FileHandle
  /** Blocks of the working copy that may hold something else than zeros. */
  readonly #blocks: Set<number>
  #applied = 0

  private constructor(parts: { log: WriteLog; file: FileHandle; blocks: Set<number>; size: number }) {
    this.#log = parts.log
    this.#file = parts.file
    this.#blocks = parts.blocks
    this.size = parts.size
  }

  /**
   * Begins with the disk as it was before the log.
   *
   * @param base its image; beyond the end of that the disk was zeros
   * @param size of the disk, bytes
   * @param work path for the working copy
   */
  static async begin(base: string, size: number, log: WriteLog, work: string): Promise<Replay> {
    const source = await open(base, 'r')
    try {
      const file = await open(work, 'w+')
      await file.truncate(size)
      const blocks = await copyNonZero(source, file)
      return new Replay({ log, file, blocks, size })
    } finally {
      await source.close()
    }
  }

  /** Entries that the working copy has. */
  get applied(): number {
    return this.#applied
  }

  /** Applies entries up to before `index`. */
  async advance(index: number): Promise<void> {
    if (index < this.#applied) throw new Error(`a replay does not go back from ${this.#applied} to ${index}`)
    for (; this.#applied < index; this.#applied++) {
      const entry = this.#log.entries[this.#applied]!
      if (entry.mark || entry.sectors === 0) continue
      const piece = { entry: this.#applied, first: 0, sectors: entry.sectors }
      await this.#write({ file: this.#file, part: this.whole }, piece)
      this.#remember(entry)
    }
  }

  /**
   * Makes the disk as the cut leaves it, as a sparse file at `path`.
   *
   * @param part the part of the disk that the file is to hold; bytes before `offset` are left out
   * @param stretches what of it is filled in, in bytes of the disk; the rest reads as zeros
   */
  async make(cut: Cut, path: string, part: Stretch = this.whole, stretches: readonly Stretch[] = [part]) {
    await this.advance(cut.durable)
    const file = await open(path, 'w+')
    try {
      await file.truncate(part.size)
      const blocks = [...this.#blocks].filter(block => touches(block, stretches)).toSorted((a, b) => a - b)
      for (const run of runsOf(blocks)) {
        const start = Math.max(run.first * BLOCK_BYTES, part.offset)
        const end = Math.min((run.first + run.count) * BLOCK_BYTES, part.offset + part.size)
        await copyRange(this.#file, file, { start, end }, part.offset)
      }
      for (const piece of cut.landed) await this.#write({ file, part }, piece)
    } finally {
      await file.close()
    }
  }

  /** All of the disk. */
  get whole(): Stretch {
    return { offset: 0, size: this.size }
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  /** Writes sectors of an entry where they belong, as far as they lie in the part that the file holds. */
  async #write(target: { file: FileHandle; part: Stretch }, piece: Piece): Promise<void> {
    const { sectorSize } = this.#log
    const entry = this.#log.entries[piece.entry]!
    const offset = (entry.sector + piece.first) * sectorSize
    const length = piece.sectors * sectorSize
    if (offset + length > this.size) throw new Error(`entry ${piece.entry} lies beyond the end of the disk`)
    const { file, part } = target
    const start = Math.max(offset, part.offset)
    const end = Math.min(offset + length, part.offset + part.size)
    const data = entry.dataOffset + piece.first * sectorSize - offset
    for (let at = start; at < end; at += COPY_BYTES) {
      const count = Math.min(COPY_BYTES, end - at)
      const bytes = entry.discard ? Buffer.alloc(count) : await readExactly(this.#log.file, data + at, count)
      await writeFully(file, bytes, at - part.offset)
    }
  }

  #remember(entry: LoggedEntry): void {
    const { sectorSize } = this.#log
    const first = Math.floor((entry.sector * sectorSize) / BLOCK_BYTES)
    const last = Math.floor(((entry.sector + entry.sectors) * sectorSize - 1) / BLOCK_BYTES)
    for (let block = first; block <= last; block++) this.#blocks.add(block)
  }
}

/** A stretch of a disk in bytes. */
export interface Stretch {
  offset: number
  size: number
}

function touches(block: number, stretches: readonly Stretch[]): boolean {
  const start = block * BLOCK_BYTES
  return stretches.some(({ offset, size }) => start < offset + size && start + BLOCK_BYTES > offset)
}

function runsOf(blocks: readonly number[]): { first: number; count: number }[] {
  const runs: { first: number; count: number }[] = []
  for (const block of blocks) {
    const last = runs.at(-1)
    if (last && last.first + last.count === block) last.count++
    else runs.push({ first: block, count: 1 })
  }
  return runs
}

async function copyRange(
  source: FileHandle,
  target: FileHandle,
  range: { start: number; end: number },
  origin: number,
): Promise<void> {
  for (let at = range.start; at < range.end; at += COPY_BYTES) {
    const bytes = await readExactly(source, at, Math.min(COPY_BYTES, range.end - at))
    await writeFully(target, bytes, at - origin)
  }
}

/** Copies what is not zeros and gives the blocks that were copied. */
async function copyNonZero(source: FileHandle, target: FileHandle): Promise<Set<number>> {
  const blocks = new Set<number>()
  const buffer = Buffer.alloc(COPY_BYTES)
  for (let at = 0; ; ) {
    const { bytesRead } = await source.read(buffer, 0, COPY_BYTES, at)
    if (bytesRead === 0) return blocks
    for (let start = 0; start < bytesRead; start += BLOCK_BYTES) {
      const piece = buffer.subarray(start, Math.min(start + BLOCK_BYTES, bytesRead))
      if (piece.equals(ZEROS.subarray(0, piece.length))) continue
      await writeFully(target, piece, at + start)
      blocks.add((at + start) / BLOCK_BYTES)
    }
    at += bytesRead
  }
}
