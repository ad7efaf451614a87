import { createHash } from 'node:crypto'
import type { MemberId } from '../raft/types.ts'

const ID_BYTES = 8

/**
 * The id of a member, so that all who found a cluster from the same settings come to the same (specification §7.2).
 *
 * @param token of the founding cluster; '' for a member that is added at run time
 * @param seconds since 1970 when it is added at run time
 */
export function memberId(peerUrls: readonly string[], token: string, seconds?: number): MemberId {
  const text = peerUrls.toSorted().join('') + token + (seconds === undefined ? '' : String(seconds))
  return idOf(createHash('sha1').update(text).digest())
}

/** The id of a cluster, made of those of its founding members. */
export function clusterId(memberIds: readonly MemberId[]): string {
  const bytes = Buffer.alloc(memberIds.length * ID_BYTES)
  for (const [at, id] of memberIds.toSorted(compareIds).entries())
    bytes.writeBigUInt64BE(BigInt(`0x${id}`), at * ID_BYTES)
  return idOf(createHash('sha1').update(bytes).digest())
}

/** Orders ids as the numbers they are. */
export function compareIds(left: MemberId, right: MemberId): number {
  if (left.length !== right.length) return left.length - right.length
  return left < right ? -1 : left > right ? 1 : 0
}

function idOf(digest: Buffer): string {
  return digest.readBigUInt64BE(0).toString(16)
}
