import { UserError } from '#lib/errors.ts'
import type { ClusterMember } from '../member/service.ts'
import type { MemberId } from '../raft/types.ts'
import { type SameUrls, sameUrls } from './plan.ts'

/**
 * The next step of a member that has lost its disk. Its old id may not come back: others may count on votes and entries
 * that are lost. So it is removed, and added under a new id; each step can be repeated after a start that was cut short.
 */
export type RejoinStep =
  | { kind: 'remove'; id: MemberId }
  | { kind: 'add' }
  | { kind: 'join'; self: ClusterMember }

/**
 * Decides what is next.
 *
 * @param members as the cluster has them now
 * @throws UserError when this member is the only one
 */
export function rejoinStep(
  members: readonly ClusterMember[],
  peerUrls: readonly string[],
  equal: SameUrls = sameUrls,
): RejoinStep {
  const self = members.find(member => equal(member.peerUrls, peerUrls))
  if (self === undefined) return { kind: 'add' }
  if (self.name === '') return { kind: 'join', self }
  if (members.length < 2)
    throw new UserError(
      'there is no other member that has the data',
      'restore a backup: start it with --force-new-cluster',
    )
  return { kind: 'remove', id: self.id }
}
