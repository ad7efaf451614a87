import { UserError } from '#lib/errors.ts'
import { PLANTED_MEMBER_BUGS } from '../../daemons/etcd/member/planted.ts'
import { PLANTED_BUGS } from '../../daemons/etcd/raft/planted.ts'
import { PLANTED_LOG_BUGS } from '../../daemons/etcd/wal/planted.ts'

/** A bug that can be planted. */
export interface Planted {
  name: string
  /** The only subject that has it, or undefined: any. */
  subject: 'member' | undefined
}

/**
 * All bugs that can be planted, or the one of that name.
 *
 * @throws UserError when there is none
 */
export function plantedBugs(name: string | undefined): Planted[] {
  const all: Planted[] = [
    ...[...PLANTED_BUGS, ...PLANTED_LOG_BUGS].map(name => ({ name, subject: undefined })),
    ...PLANTED_MEMBER_BUGS.map(name => ({ name, subject: 'member' as const })),
  ]
  if (name === undefined) return all
  const found = all.filter(bug => bug.name === name)
  if (found.length === 0)
    throw new UserError(`no bug '${name}' can be planted, only ${all.map(bug => bug.name).join(', ')}`)
  return found
}
