import { decodeMessage } from '../../../daemons/etcd/raft/codec.ts'
import { PLANTED_BUGS } from '../../../daemons/etcd/raft/planted.ts'
import type { Subject, SubjectOptions } from '../subject.ts'
import { RaftHost } from './host.ts'
import { simpleJournal } from './simple-journal.ts'

/** The core of Raft alone, on a journal as simple as can be. */
export function raftSubject(options: SubjectOptions): Subject {
  return {
    name: 'raft',
    plantable: PLANTED_BUGS,
    detectsFlips: false,
    kindOf: bytes => decodeMessage(bytes).type,
    start: (env, identity, around) =>
      new RaftHost(env, identity, around, { options, journal: simpleJournal }),
  }
}
