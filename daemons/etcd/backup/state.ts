import { ContentsReader } from '../member/contents.ts'
import type { Answer, Disk, DiskError } from '../member/env.ts'
import { StateMachine } from '../member/machine.ts'
import { forgottenMembers, peersRecord } from '../member/roster.ts'
import { decodeChange, nextConfiguration } from '../raft/membership.ts'
import type { Configuration, Entry, MemberId, SnapshotMeta } from '../raft/types.ts'
import { SnapshotStore, type StoredSnapshot } from '../snap/store.ts'
import type { Contents as LogContents } from '../wal/history.ts'
import { createLog, NO_MARK, readLog } from '../wal/open.ts'
import { problem } from '../wal/problem.ts'
import type { Identity, Mark } from '../wal/record.ts'

/** Where a member keeps its data. */
export interface DataFolders {
  wal: string
  snap: string
}

/** All that a member has, up to the last entry of its log. */
export interface MemberState {
  /** Whose it is. */
  identity: Identity
  machine: StateMachine
  /** The last entry that it holds. */
  last: Mark
}

/** Another member of the original has this address until it is told its own. */
const PEER_URLS = ['http://localhost:2380']
const NOBODY: Configuration = { voters: [], learners: [] }

/**
 * Reads a member's data without changing them: the newest snapshot that the log knows, and all entries behind it. Also
 * those that it does not know to be committed, as `--force-new-cluster` does: what was acknowledged is among them, and
 * what was not may have come about.
 *
 * @param disk must not rename or remove anything (`host/live-disk.ts`)
 * @param note a line for the operator
 * @param done answers ENOENT when there is no log, or as log and snapshots do
 */
export function readState(
  disk: Disk,
  folders: DataFolders,
  note: (line: string) => void,
  done: Answer<MemberState>,
): void {
  const snapshots = new SnapshotStore(disk, folders.snap, { note })
  const fail = (error: DiskError): void => done(error, undefined as never)
  const readAfter = (before: number): void => {
    snapshots.newest(before, (error, stored) => {
      if (error !== undefined && error.code !== 'ENOENT') return fail(error)
      readLog(disk, folders.wal, stored?.meta ?? NO_MARK, (error, log) => {
        if (error?.code === 'EMARK' && stored !== undefined) return readAfter(stored.meta.index)
        if (error !== undefined) return fail(error)
        if (log.torn !== undefined)
          note(`${log.torn.path}: ${log.torn.bytes} bytes at its end are torn: left out`)
        load(stored, log, done)
      })
    })
  }
  readAfter(Number.MAX_SAFE_INTEGER)
}

function load(stored: StoredSnapshot | undefined, log: LogContents, done: Answer<MemberState>): void {
  const machine = new StateMachine(new Set())
  const configuration = stored?.meta.configuration ?? NOBODY
  const finish = (): void => {
    const last = applyAll(machine, configuration, stored?.meta ?? NO_MARK, log.entries)
    done(undefined, { identity: log.identity, machine, last })
  }
  if (stored === undefined) {
    finish()
    return
  }
  const reader = new ContentsReader()
  const refuse = (error: unknown): void =>
    done(problem('ECORRUPT', `${stored.path}: ${(error as Error).message}`), undefined as never)
  let failure: unknown
  stored.read(
    chunk => {
      try {
        if (failure === undefined) reader.push(chunk)
      } catch (error) {
        failure = error
      }
    },
    error => {
      if (error !== undefined) return done(error, undefined as never)
      if (failure !== undefined) return refuse(failure)
      try {
        machine.restore(reader.finish())
      } catch (error) {
        refuse(error)
        return
      }
      finish()
    },
  )
}

function applyAll(machine: StateMachine, start: Configuration, from: Mark, entries: readonly Entry[]): Mark {
  let configuration = start
  let last: Mark = { term: from.term, index: from.index }
  for (const entry of entries) {
    if (entry.type === 'config') {
      machine.applyChange(entry, decodeChange(entry.data), change => {
        const next = nextConfiguration(configuration, change)
        if (typeof next === 'string') return next
        configuration = next
        return undefined
      })
    } else if (entry.data.length > 0) {
      machine.apply(entry)
    }
    last = { term: entry.term, index: entry.index }
  }
  return last
}

/**
 * Writes a state as the data of another member, alone in another cluster: none that knew the old one takes it for that.
 *
 * @param folders must not exist or be empty
 */
export function writeState(
  disk: Disk,
  folders: DataFolders,
  identity: Identity,
  { machine, last }: MemberState,
  done: Answer,
): void {
  alone(machine, identity.member)
  const meta: SnapshotMeta = {
    term: Math.max(last.term, 1),
    index: Math.max(last.index, 1),
    configuration: { voters: [identity.member], learners: [] },
  }
  const snapshots = new SnapshotStore(disk, folders.snap)
  snapshots.open(error => {
    if (error !== undefined) return done(error)
    snapshots.save(meta, machine.save(), error => {
      if (error !== undefined) return done(error)
      createLog(disk, folders.wal, identity, { segmentBytesFirst: SEGMENT_BYTES }, (error, log) => {
        if (error !== undefined) return done(error)
        const hardState = { term: meta.term, vote: '', commit: meta.index } as const
        let failure: DiskError | undefined
        const wrote = (error: DiskError | undefined): void => {
          failure ??= error
        }
        // Refused appends do not call back.
        wrote(log.mark({ term: meta.term, index: meta.index }, wrote))
        wrote(log.append(hardState, [], wrote))
        log.close(error => done(failure ?? error))
      })
    })
  })
}

/** Its log will be short; the member makes longer segments as it needs them. */
const SEGMENT_BYTES = 64 * 1024

function alone(machine: StateMachine, id: MemberId): void {
  machine.store.apply(forgottenMembers())
  machine.store.apply(peersRecord(id, PEER_URLS, true))
}
