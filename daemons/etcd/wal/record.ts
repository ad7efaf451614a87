import { decodeEntry, entrySize, writeEntry } from '../raft/codec.ts'
import type { Entry, HardState, MemberId } from '../raft/types.ts'
import { get32, get64, getId, put32, put64, putId } from './bytes.ts'
import { HEADER_BYTES } from './frame.ts'

/*
 * The body of a frame: records, one behind the other, each a type of one byte, the length of the rest in 32 bits, and
 * the rest:
 *
 *   1 head         version 32 bit │ member │ cluster │ segment │ last index │ hard state    first in every segment, only there
 *   2 hard state   term │ vote │ commit
 *   3 entry        as raft/codec.ts writes it
 *   4 mark         term │ index    a snapshot that is durable and stands for everything up to index
 *
 * Numbers without a size have 64 bits. A type that is not known is refused: a later version raises VERSION.
 */

const VERSION = 1
const HEAD = 1
const HARD_STATE = 2
const ENTRY = 3
const MARK = 4

const RECORD_BYTES = 5
const NUMBER_BYTES = 8
const HARD_STATE_BYTES = 3 * NUMBER_BYTES
const HEAD_BYTES = 4 + 4 * NUMBER_BYTES + HARD_STATE_BYTES
const MARK_BYTES = 2 * NUMBER_BYTES

/** Bytes of a body that holds the head only. */
export const HEAD_BODY_BYTES = RECORD_BYTES + HEAD_BYTES
/** Bytes that a hard state adds to a body. */
export const HARD_STATE_BODY_BYTES = RECORD_BYTES + HARD_STATE_BYTES
/** Bytes that a mark adds to a body. */
export const MARK_BODY_BYTES = RECORD_BYTES + MARK_BYTES

/** The log was written by a later version of this program. */
export class VersionError extends Error {}

/** Whose log it is. */
export interface Identity {
  member: MemberId
  cluster: MemberId
}

/** A place in the log: that of a snapshot. Index 0: before the first entry. */
export interface Mark {
  term: number
  index: number
}

/** What stands at the start of each segment, so that the ones before can go. */
export interface Head {
  identity: Identity
  segment: number
  /** Of the last entry or mark before this segment. */
  lastIndex: number
  /** The last one before this segment. */
  hardState: HardState
}

/** Who is told of the records of a body, in their order. */
export interface RecordVisitor {
  head(head: Head): void
  hardState(state: HardState): void
  entry(entry: Entry): void
  mark(mark: Mark): void
}

/** A frame under construction: room for its header, then the records so far. */
export class Body {
  /** Larger than what is used; it moves when it grows. */
  bytes: Uint8Array
  /** Of the records. */
  length = 0

  constructor(bytes: number) {
    this.bytes = new Uint8Array(bytes)
  }

  addHead(head: Head): void {
    let at = this.#begin(HEAD, HEAD_BYTES)
    put32(this.bytes, at, VERSION)
    at += 4
    putId(this.bytes, at, head.identity.member)
    putId(this.bytes, at + 8, head.identity.cluster)
    put64(this.bytes, at + 16, head.segment)
    put64(this.bytes, at + 24, head.lastIndex)
    putHardState(this.bytes, at + 32, head.hardState)
  }

  addHardState(state: HardState): void {
    const at = this.#begin(HARD_STATE, HARD_STATE_BYTES)
    putHardState(this.bytes, at, state)
  }

  addEntry(entry: Entry): void {
    const at = this.#begin(ENTRY, entrySize(entry))
    writeEntry(this.bytes, at, entry)
  }

  addMark(mark: Mark): void {
    const at = this.#begin(MARK, MARK_BYTES)
    put64(this.bytes, at, mark.term)
    put64(this.bytes, at + 8, mark.index)
  }

  /** Begins a record and makes room for it and for the frame's padding; where its content goes. */
  #begin(type: number, length: number): number {
    const at = HEADER_BYTES + this.length
    const needed = at + RECORD_BYTES + length + HEADER_BYTES
    if (needed > this.bytes.length) this.#grow(needed)
    this.bytes[at] = type
    put32(this.bytes, at + 1, length)
    this.length += RECORD_BYTES + length
    return at + RECORD_BYTES
  }

  #grow(needed: number): void {
    const bytes = new Uint8Array(Math.max(needed, 2 * this.bytes.length))
    bytes.set(this.bytes.subarray(0, HEADER_BYTES + this.length))
    this.bytes = bytes
  }
}

/** Bytes that an entry adds to a body. */
export function entryBodyBytes(entry: Entry): number {
  return RECORD_BYTES + entrySize(entry)
}

/**
 * Tells a visitor of all records between `start` and `end`. The data of entries shares the memory of `bytes`.
 *
 * @throws VersionError; RangeError or FormatError when they are no records; what was read before has been told
 */
export function readBody(bytes: Uint8Array, start: number, end: number, visitor: RecordVisitor): void {
  let at = start
  while (at < end) {
    if (at + RECORD_BYTES > end) throw new RangeError('a record is cut off')
    const length = get32(bytes, at + 1)
    const next = at + RECORD_BYTES + length
    if (next > end) throw new RangeError('a record is longer than its frame')
    readRecord(bytes[at]!, bytes.subarray(at + RECORD_BYTES, next), visitor)
    at = next
  }
}

function readRecord(type: number, rest: Uint8Array, visitor: RecordVisitor): void {
  if (type === ENTRY) {
    visitor.entry(decodeEntry(rest))
  } else if (type === HARD_STATE) {
    demandLength(rest, HARD_STATE_BYTES, 'a hard state')
    visitor.hardState(getHardState(rest, 0))
  } else if (type === MARK) {
    demandLength(rest, MARK_BYTES, 'a snapshot mark')
    visitor.mark({ term: get64(rest, 0), index: get64(rest, 8) })
  } else if (type === HEAD) {
    if (rest.length >= 4 && get32(rest, 0) !== VERSION)
      throw new VersionError(`the log has version ${get32(rest, 0)}, this program reads ${VERSION}`)
    demandLength(rest, HEAD_BYTES, 'the head of a segment')
    visitor.head({
      identity: { member: getId(rest, 4), cluster: getId(rest, 12) },
      segment: get64(rest, 20),
      lastIndex: get64(rest, 28),
      hardState: getHardState(rest, 36),
    })
  } else {
    throw new RangeError(`a record has the unknown type ${type}`)
  }
}

function demandLength(rest: Uint8Array, length: number, what: string): void {
  if (rest.length !== length) throw new RangeError(`${what} of ${rest.length} bytes instead of ${length}`)
}

function putHardState(bytes: Uint8Array, at: number, state: HardState): void {
  put64(bytes, at, state.term)
  putId(bytes, at + 8, state.vote)
  put64(bytes, at + 16, state.commit)
}

function getHardState(bytes: Uint8Array, at: number): HardState {
  return { term: get64(bytes, at), vote: getId(bytes, at + 8), commit: get64(bytes, at + 16) }
}
