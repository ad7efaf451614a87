import { ByteReader, ByteWriter } from '../store/bytes.ts'
import { SnapshotReader } from '../store/restore.ts'
import { SnapshotWriter } from '../store/snapshot.ts'
import type { Store, StoreState } from '../store/store.ts'
import { Sessions } from './sessions.ts'

/*
 * What a snapshot holds: one chunk of the member's own (version, sessions), then parts, each chunk a part's tag of one
 * byte and bytes of it. Part 1 is the v2 store; other stores have tags of their own. Who the members are is in the store,
 * who votes in the snapshot's meta.
 *
 *   length 32 bit │ version │ sessions        tag │ length 32 bit │ bytes       tag │ …
 */

const VERSION = 1
const PART_STORE = 1
const LENGTH_BYTES = 4
const PART_BYTES = 1 + LENGTH_BYTES
const PIECE_BYTES_MAX = 64 * 1024 * 1024
const WHAT = 'the snapshot'
const HEADER_BYTES_FIRST = 4096

/** State as a snapshot brings it. */
export interface Contents {
  sessions: Sessions
  store: StoreState
}

/** Writes the state of this moment in chunks, while it goes on changing. Abandon it when it is not read to its end. */
export class ContentsWriter implements Iterator<Uint8Array> {
  readonly #store: SnapshotWriter
  #header: Buffer | undefined

  constructor(sessions: Sessions, store: Store) {
    const writer = new ByteWriter(HEADER_BYTES_FIRST)
    writer.byte(VERSION)
    sessions.write(writer)
    const body = writer.take()
    const header = Buffer.allocUnsafe(LENGTH_BYTES + body.length)
    header.writeUInt32LE(body.length, 0)
    body.copy(header, LENGTH_BYTES)
    this.#header = header
    this.#store = new SnapshotWriter(store.state)
  }

  next(): IteratorResult<Uint8Array, undefined> {
    const header = this.#header
    if (header !== undefined) {
      this.#header = undefined
      return { done: false, value: header }
    }
    const chunk = this.#store.next()
    if (chunk === undefined) return { done: true, value: undefined }
    const piece = Buffer.allocUnsafe(PART_BYTES + chunk.length)
    piece[0] = PART_STORE
    piece.writeUInt32LE(chunk.length, 1)
    chunk.copy(piece, PART_BYTES)
    return { done: false, value: piece }
  }

  abandon(): void {
    this.#store.abandon()
  }
}

/** Reads what the writer wrote, in pieces of any length. Nothing of the running state is touched. */
export class ContentsReader {
  #rest: Buffer = Buffer.alloc(0)
  #sessions: Sessions | undefined
  readonly #store = new SnapshotReader()

  /** @throws UserError for bytes that are no snapshot of a version that is known here */
  push(piece: Uint8Array): void {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
    this.#rest = this.#rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes])
    if (this.#sessions === undefined && !this.#readHeader()) return
    let at = 0
    while (this.#rest.length - at >= PART_BYTES) {
      const tag = this.#rest[at]!
      const length = this.#rest.readUInt32LE(at + 1)
      const reader: ByteReader = new ByteReader(this.#rest, WHAT)
      if (tag !== PART_STORE) reader.fail(`has part ${tag}, which this version does not know`)
      if (length > PIECE_BYTES_MAX) reader.fail(`has a piece of ${length} bytes`)
      const end = at + PART_BYTES + length
      if (this.#rest.length < end) break
      this.#store.push(this.#rest.subarray(at + PART_BYTES, end))
      at = end
    }
    this.#rest = this.#rest.subarray(at)
  }

  /** @throws UserError when something is missing */
  finish(): Contents {
    const reader: ByteReader = new ByteReader(this.#rest, WHAT)
    if (this.#sessions === undefined || this.#rest.length > 0) reader.fail('is cut off')
    return { sessions: this.#sessions, store: this.#store.finish() }
  }

  #readHeader(): boolean {
    if (this.#rest.length < LENGTH_BYTES) return false
    const end = LENGTH_BYTES + this.#rest.readUInt32LE(0)
    if (this.#rest.length < end) return false
    const reader: ByteReader = new ByteReader(this.#rest.subarray(LENGTH_BYTES, end), WHAT)
    const version = reader.byte()
    if (version !== VERSION) reader.fail(`has format ${version}, which this version does not know`)
    const sessions = new Sessions()
    sessions.read(reader)
    reader.end()
    this.#sessions = sessions
    this.#rest = this.#rest.subarray(end)
    return true
  }
}
