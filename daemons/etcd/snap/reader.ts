import type { Answer, DiskError, File } from '../member/env.ts'
import type { SnapshotMeta } from '../raft/types.ts'
import { get32 } from '../wal/bytes.ts'
import {
  CHUNK_BYTES_MAX,
  CHUNK_START_BYTES,
  checkFooter,
  chunkChecksum,
  decodeHeader,
  FOOTER_BYTES,
  HEADER_START_BYTES,
  headerBodyBytes,
  SnapshotFormatError,
} from './format.ts'

/** Who is given the data of a snapshot, chunk by chunk; what it throws ends the reading. */
export type ChunkReceiver = (data: Uint8Array) => void

/** Codes of answers about what is in the file, not about the disk. */
const DAMAGED = 'ECORRUPT'

/**
 * Reads a snapshot from its start to its end and checks everything.
 *
 * @param receive gets each chunk after its checksum was found right; a later one may still be wrong
 * @param done answers ECORRUPT when the file is not a whole snapshot, with the reason alone
 */
export function readSnapshot(file: File, receive: ChunkReceiver, done: Answer<SnapshotMeta>): void {
  new SnapshotReader(file, receive, done).start()
}

class SnapshotReader {
  readonly #file: File
  readonly #receive: ChunkReceiver
  readonly #done: Answer<SnapshotMeta>
  #meta: SnapshotMeta | undefined
  #size = 0
  #offset = 0
  #checksum = 0
  #chunks = 0
  #dataBytes = 0

  constructor(file: File, receive: ChunkReceiver, done: Answer<SnapshotMeta>) {
    this.#file = file
    this.#receive = receive
    this.#done = done
  }

  start(): void {
    this.#file.size((error, size) => {
      if (error !== undefined) {
        this.#fail(error)
        return
      }
      this.#size = size
      this.#read(HEADER_START_BYTES, start => {
        this.#read(HEADER_START_BYTES + headerBodyBytes(start), header => {
          this.#meta = decodeHeader(header)
          this.#checksum = get32(header, 12)
          this.#offset = header.length
          this.#next()
        })
      })
    })
  }

  /** A chunk, or the end. A chunk is read together with the start of what follows only in the file's cache: twice. */
  #next(): void {
    this.#read(CHUNK_START_BYTES, start => {
      const length = get32(start, 0)
      if (length > CHUNK_BYTES_MAX) throw new SnapshotFormatError(`a chunk claims ${length} bytes`)
      if (length === 0) this.#end()
      else this.#read(CHUNK_START_BYTES + length, chunk => this.#take(chunk))
    })
  }

  #take(chunk: Uint8Array): void {
    const data = chunk.subarray(CHUNK_START_BYTES)
    const checksum = chunkChecksum(this.#checksum, chunk, data)
    if (checksum !== get32(chunk, 4))
      throw new SnapshotFormatError(`the chunk at byte ${this.#offset} is damaged`)
    this.#checksum = checksum
    this.#offset += chunk.length
    this.#chunks += 1
    this.#dataBytes += data.length
    this.#receive(data)
    this.#next()
  }

  #end(): void {
    this.#read(FOOTER_BYTES, footer => {
      checkFooter(footer, this.#checksum, this.#chunks, this.#dataBytes)
      if (this.#offset + FOOTER_BYTES !== this.#size)
        throw new SnapshotFormatError('something follows its end')
      this.#done(undefined, this.#meta!)
    })
  }

  /** Reads from where the reader stands; what `then` throws about the format is the answer. */
  #read(length: number, then: (bytes: Uint8Array) => void): void {
    this.#file.read(this.#offset, length, (error, bytes) => {
      if (error !== undefined) {
        this.#fail(error)
        return
      }
      try {
        if (bytes.length < length) throw new SnapshotFormatError('it is cut off')
        then(bytes)
      } catch (thrown) {
        if (!(thrown instanceof SnapshotFormatError || thrown instanceof RangeError)) throw thrown
        this.#fail({ code: DAMAGED, message: thrown.message })
      }
    })
  }

  #fail(error: DiskError): void {
    this.#done(error, undefined as never)
  }
}
