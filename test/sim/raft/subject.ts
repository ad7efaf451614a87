import { decodeMessage } from '../../../daemons/etcd/raft/codec.ts'
import { PLANTED_BUGS } from '../../../daemons/etcd/raft/planted.ts'
import { PLANTED_LOG_BUGS } from '../../../daemons/etcd/wal/planted.ts'
import type { Subject, SubjectOptions } from '../subject.ts'
import { RaftHost } from './host.ts'
import { simpleJournal } from './simple-journal.ts'
import { walJournal } from './wal-journal.ts'

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

/** The core on the log and the snapshots of the server. */
export function walSubject(options: SubjectOptions): Subject {
  return {
    name: 'wal',
    plantable: [...PLANTED_BUGS, ...PLANTED_LOG_BUGS],
    detectsFlips: true,
    kindOf: bytes => decodeMessage(bytes).type,
    start: (env, identity, around) =>
      new RaftHost(env, identity, around, { options, journal: walJournal(identity.id, options) }),
  }
}
