import type { MemberService } from '../../member/service.ts'
import { fetchMembers } from '../../peer/host/fetch.ts'
import type { PeerTls } from '../../peer/tls.ts'

const ASK_TIMEOUT_MS = 2_000

/**
 * Looks once whether those whom the flags name as peers are of this member's cluster: a data directory that was copied
 * or mounted at the wrong place is found out before anybody relies on it. Who does not answer says nothing.
 *
 * @returns why this member must not run, or undefined
 */
export async function findForeignPeer(
  member: MemberService,
  peerUrls: readonly string[],
  dataDir: string,
  tls: PeerTls | undefined,
): Promise<string | undefined> {
  const known = new Set(member.members().flatMap(other => other.peerUrls))
  for (const url of peerUrls) {
    const answer = await fetchMembers([url], ASK_TIMEOUT_MS, tls).catch(() => undefined)
    if (answer === undefined || answer.clusterId === member.clusterId) continue
    // A place that this cluster does not know may have been given to another one since.
    if (!known.has(url) && known.size > 1) continue
    return (
      `the data directory ${dataDir} is that of member ${member.id} of cluster ${member.clusterId}, ` +
      `but the member at ${url} is of cluster ${answer.clusterId}; give the right --data-dir, ` +
      'or an empty one to found or join with'
    )
  }
  return undefined
}
