import { lastNonzero } from './bytes.ts'
import {
  BODY_BYTES_MAX,
  type Chain,
  frameBytes,
  HEADER_BYTES,
  readHeader,
  SECTOR_BYTES,
  zeroSectorsIn,
} from './frame.ts'

/**
 * The end of the log after a crash: torn, to be cut off, or corrupt, to be refused.
 *
 * What a crash can do. Room for frames is zeros that were synced. One frame is written at a time, and the next only
 * after it was synced. So at most the last frame is not durable, and of it every sector is either there or still zeros
 * (in the part that belongs to the frame). It was never acknowledged, as acknowledging follows the sync. Some disks cut
 * within a sector; then what they wrote of the frame is a beginning, and zeros follow to the end of the file.
 *
 * What therefore is **torn**, with nothing but zeros behind the frame:
 * 1. a beginning of the frame and then zeros only (also within the header);
 * 2. a whole header, and more pieces of sectors that are zeros than the header counts;
 * 3. no header and nothing else in its sector, with pieces of the rest anywhere in the length that a frame can have, and
 *    no header of a later frame among them.
 *
 * All else is **corrupt**: something acknowledged may be lost, and a member that forgets what it acknowledged can make
 * the cluster lose it, so it must not start. Above all a last frame with all its sectors and a wrong checksum: nothing
 * proves that it was acknowledged, nothing that it was not, and only refusing is always safe.
 *
 * What this cannot tell: a disk that turns a whole sector of the **last** frame into zeros after it was synced. Every
 * frame behind would prove it; there is none.
 *
 * Source: the argument of Alagappan and others, protocol-aware recovery for consensus-based storage (FAST 2018), §3.3,
 * that torn and corrupt can be told apart by what is written later; here frames serve as their identifiers.
 */

/** Most bytes of a frame that begins with lost sectors. */
const LENGTH_MAX = frameBytes(BODY_BYTES_MAX)

/**
 * Judges bytes that are no frame of the chain.
 *
 * @param tail from where the next frame would begin up to the last byte of the segment that is not zero; not empty
 * @param offset of the tail in the segment
 * @returns undefined when it is torn, else what is wrong
 */
export function judgeTail(tail: Uint8Array, offset: number, chain: Chain): string | undefined {
  // A frame ends with marks that are not zero, so less than a header is a beginning.
  if (tail.length < HEADER_BYTES) return undefined
  const header = readHeader(tail, 0)
  if (header === undefined) {
    if (lastNonzero(tail, 0, HEADER_BYTES) >= 0) return 'a frame has a damaged header'
    return judgeHeadless(tail, offset, chain)
  }
  if (header.offset !== offset) return `a frame stands here that belongs at byte ${header.offset}`
  if (header.number !== chain.number + 1 || header.previous !== chain.check)
    return `frame ${header.number} does not continue frame ${chain.number}`
  const length = frameBytes(header.bodyBytes)
  if (tail.length > length) return `frame ${header.number} is damaged, and more was written behind it`
  if (tail.length < length) return undefined
  if (zeroSectorsIn(tail, 0, length, offset) > header.zeroSectors) return undefined
  return `frame ${header.number} is damaged, and none of its sectors is missing`
}

/** Judges a tail that begins with zeros in place of a header. */
function judgeHeadless(tail: Uint8Array, offset: number, chain: Chain): string | undefined {
  const sectorEnd = Math.min(tail.length, SECTOR_BYTES - (offset % SECTOR_BYTES))
  if (lastNonzero(tail, 0, sectorEnd) >= 0)
    return 'the header of a frame is zeros and the rest of its sector is not'
  if (tail.length > LENGTH_MAX)
    return 'zeros stand where a frame was, and more is behind than one frame can have'
  for (let at = sectorEnd; at < tail.length; at += HEADER_BYTES) {
    const header = readHeader(tail, at)
    if (header !== undefined && header.offset === offset + at && header.number > chain.number)
      return `frame ${chain.number + 1} is missing, and frame ${header.number} stands behind it`
  }
  return undefined
}
