import type { MemberId, SnapshotMeta } from '../raft/types.ts'
import { get32, get64, getId, put32, put64, putId } from '../wal/bytes.ts'
import { crc32c } from '../wal/crc32c.ts'

/*
 * A snapshot file: a header, chunks, a footer. Each part's checksum goes on from the one before, so parts can neither
 * be missing nor change places.
 *
 *   header   'OrlSnap1' │ length 32 bit │ checksum of length and body │ body: term │ index │ voters 32 bit │ learners 32
 *            bit │ their ids; numbers without a size have 64 bits
 *   chunk    length 32 bit, at least 1 │ checksum over the one before, length and data │ data
 *   footer   0, 32 bit │ checksum over the one before, the zero and the rest │ chunks 64 bit │ bytes 64 bit
 */

/** Bytes before the body of a header. */
export const HEADER_START_BYTES = 16
/** Bytes before the data of a chunk. */
export const CHUNK_START_BYTES = 8
/** Bytes of a footer. */
export const FOOTER_BYTES = 24
/** Most bytes of data in one chunk. */
export const CHUNK_BYTES_MAX = 1024 * 1024
/** Most members that a snapshot can name. */
export const MEMBERS_MAX = 4096

const MAGIC = Buffer.from('OrlSnap1')
const BODY_START_BYTES = 24
const ID_BYTES = 8
/** Most bytes of the body of a header. */
export const HEADER_BODY_BYTES_MAX = BODY_START_BYTES + MEMBERS_MAX * ID_BYTES

/** What a snapshot file says is not what it should: damaged, cut off, or no snapshot. */
export class SnapshotFormatError extends Error {}

/** A header; its checksum, at byte 12, is where the first chunk's begins. */
export function encodeHeader(meta: SnapshotMeta): Uint8Array {
  const { voters, learners } = meta.configuration
  const members = voters.length + learners.length
  if (members > MEMBERS_MAX) throw new RangeError(`${members} members are too many for a snapshot`)
  const length = BODY_START_BYTES + members * ID_BYTES
  const bytes = new Uint8Array(HEADER_START_BYTES + length)
  bytes.set(MAGIC)
  put32(bytes, 8, length)
  let at = HEADER_START_BYTES
  put64(bytes, at, meta.term)
  put64(bytes, at + 8, meta.index)
  put32(bytes, at + 16, voters.length)
  put32(bytes, at + 20, learners.length)
  at += BODY_START_BYTES
  for (const id of [...voters, ...learners]) {
    putId(bytes, at, id)
    at += ID_BYTES
  }
  put32(bytes, 12, headerChecksum(bytes))
  return bytes
}

/**
 * Length of a header's body, from its first HEADER_START_BYTES.
 *
 * @throws SnapshotFormatError
 */
export function headerBodyBytes(bytes: Uint8Array): number {
  if (bytes.length < HEADER_START_BYTES || MAGIC.compare(bytes, 0, MAGIC.length) !== 0)
    throw new SnapshotFormatError('it does not begin as a snapshot of this version does')
  const length = get32(bytes, 8)
  if (length < BODY_START_BYTES || length > HEADER_BODY_BYTES_MAX)
    throw new SnapshotFormatError(`its header claims ${length} bytes`)
  return length
}

/**
 * Reads a whole header.
 *
 * @throws SnapshotFormatError
 */
export function decodeHeader(bytes: Uint8Array): SnapshotMeta {
  const length = headerBodyBytes(bytes)
  if (bytes.length !== HEADER_START_BYTES + length) throw new SnapshotFormatError('its header is cut off')
  if (headerChecksum(bytes) !== get32(bytes, 12)) throw new SnapshotFormatError('its header is damaged')
  let at = HEADER_START_BYTES
  const voters = get32(bytes, at + 16)
  const learners = get32(bytes, at + 20)
  if (BODY_START_BYTES + (voters + learners) * ID_BYTES !== length)
    throw new SnapshotFormatError('its header names another number of members than it has')
  const term = get64(bytes, at)
  const index = get64(bytes, at + 8)
  at += BODY_START_BYTES
  const ids: MemberId[] = []
  for (; at < bytes.length; at += ID_BYTES) ids.push(getId(bytes, at))
  return { term, index, configuration: { voters: ids.slice(0, voters), learners: ids.slice(voters) } }
}

function headerChecksum(bytes: Uint8Array): number {
  return crc32c(crc32c(0, bytes, 0, 12), bytes, HEADER_START_BYTES)
}

/** What stands before the data of a chunk. Its checksum is at byte 4. */
export function encodeChunkStart(before: number, data: Uint8Array): Uint8Array {
  if (data.length < 1 || data.length > CHUNK_BYTES_MAX)
    throw new RangeError(`a chunk of ${data.length} bytes`)
  const bytes = new Uint8Array(CHUNK_START_BYTES)
  put32(bytes, 0, data.length)
  put32(bytes, 4, crc32c(crc32c(before, bytes, 0, 4), data))
  return bytes
}

/** The checksum that a chunk with this data should have behind one with `before`. */
export function chunkChecksum(before: number, start: Uint8Array, data: Uint8Array): number {
  return crc32c(crc32c(before, start, 0, 4), data)
}

/** The end of a snapshot. */
export function encodeFooter(before: number, chunks: number, dataBytes: number): Uint8Array {
  const bytes = new Uint8Array(FOOTER_BYTES)
  put64(bytes, 8, chunks)
  put64(bytes, 16, dataBytes)
  put32(bytes, 4, crc32c(crc32c(before, bytes, 0, 4), bytes, 8))
  return bytes
}

/**
 * Checks the end of a snapshot.
 *
 * @throws SnapshotFormatError
 */
export function checkFooter(bytes: Uint8Array, before: number, chunks: number, dataBytes: number): void {
  if (bytes.length < FOOTER_BYTES) throw new SnapshotFormatError('it is cut off')
  const wanted = encodeFooter(before, chunks, dataBytes)
  if (Buffer.compare(wanted, bytes) !== 0) throw new SnapshotFormatError('its end is damaged')
}
