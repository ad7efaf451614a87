import type { Disk, Env } from '../../../daemons/etcd/member/env.ts'
import { PLANTED_MEMBER_BUGS } from '../../../daemons/etcd/member/planted.ts'
import { decodeMessage } from '../../../daemons/etcd/raft/codec.ts'
import type { Identity, Subject, SubjectOptions, Surroundings } from '../subject.ts'
import { MemberHost } from './host.ts'

/** The member as the server runs it: core, log, snapshots, store, sessions, retries. */
export function memberSubject(options: SubjectOptions): Subject {
  return {
    name: 'member',
    plantable: PLANTED_MEMBER_BUGS,
    detectsFlips: true,
    kindOf: bytes => decodeMessage(bytes).type,
    start: (env: Env & { readonly disk: Disk }, identity: Identity, around: Surroundings) =>
      new MemberHost(env, identity, around, options),
  }
}
