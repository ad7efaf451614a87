import type { UserError } from '#lib/errors.ts'
import {
  decodeChange,
  encodeChange,
  foundingLog,
  type MembershipChange,
  nextConfiguration,
} from '../raft/membership.ts'
import type { Configuration, Entry, HardState, MemberId, SnapshotMeta } from '../raft/types.ts'
import { SnapshotStore, type StoredSnapshot } from '../snap/store.ts'
import type { Log } from '../wal/log.ts'
import { createLog, hasLog, NO_MARK, openLog, type Repair } from '../wal/open.ts'
import { problem } from '../wal/problem.ts'
import type { LogOptions } from '../wal/settings.ts'
import { encodeContext } from './change.ts'
import { type Contents, ContentsReader } from './contents.ts'
import type { Answer, Disk, DiskError } from './env.ts'

/** What a member begins with. */
export interface Recovered {
  id: MemberId
  clusterId: string
  log: Log
  snapshots: SnapshotStore
  hardState: HardState
  meta: SnapshotMeta | undefined
  /** The state of `meta`. */
  contents: Contents | undefined
  entries: readonly Entry[]
  /** Nothing was there before. */
  isNew: boolean
}

/** A founding member. */
export interface Founder {
  id: MemberId
  name: string
  peerUrls: readonly string[]
}

/** What the start needs to know. A log that is there says itself whose it is. */
export interface RecoveryOptions {
  id: MemberId
  clusterId: string
  walFolder: string
  snapFolder: string
  /** Snapshots to keep. */
  snapshotsRetained: number
  /** All founding members in the same order everywhere; empty for one that joins. */
  founders: readonly Founder[]
  /** Makes this member the only one, with all it has. */
  forceNewCluster: boolean
  logOptions: LogOptions
  note: (line: string) => void
}

/** Behind every snapshot. */
const NEWEST = Number.MAX_SAFE_INTEGER

const NO_CONFIGURATION: Configuration = { voters: [], learners: [] }

/**
 * Reads what the disk holds, or founds: the newest snapshot, the log behind it, an older one when the log does not know
 * it. Answers ECORRUPT, EMARK, EVERSION as log and snapshots do, or what the disk says.
 */
export function recover(disk: Disk, options: RecoveryOptions, done: Answer<Recovered>): void {
  new Recovery(disk, options, done).start()
}

class Recovery {
  readonly #disk: Disk
  readonly #options: RecoveryOptions
  readonly #done: Answer<Recovered>
  readonly #snapshots: SnapshotStore

  constructor(disk: Disk, options: RecoveryOptions, done: Answer<Recovered>) {
    this.#disk = disk
    this.#options = options
    this.#done = done
    const { snapFolder, snapshotsRetained, note, logOptions } = options
    this.#snapshots = new SnapshotStore(disk, snapFolder, {
      retained: snapshotsRetained,
      note,
      planted: logOptions.planted ?? new Set(),
    })
  }

  start(): void {
    const { walFolder } = this.#options
    this.#snapshots.open(
      this.#ok(() =>
        hasLog(
          this.#disk,
          walFolder,
          this.#ok(has => (has ? this.#openAfter(NEWEST) : this.#create())),
        ),
      ),
    )
  }

  #create(): void {
    const { walFolder, id, clusterId, logOptions } = this.#options
    const identity = { member: id, cluster: clusterId }
    createLog(
      this.#disk,
      walFolder,
      identity,
      logOptions,
      this.#ok(log => this.#found(log)),
    )
  }

  /** The log of a founder names all founders, durably, before anything else happens (duty 14 of `raft.ts`). */
  #found(log: Log): void {
    const { founders } = this.#options
    const hardState: HardState = { term: 0, vote: '', commit: 0 }
    if (founders.length === 0) {
      this.#finish({ log, hardState, meta: undefined, contents: undefined, entries: [], isNew: true })
      return
    }
    const founded = foundingLog(
      founders.map(({ id, peerUrls }) => ({
        member: id,
        context: encodeContext({ session: 0, sequence: 0, peerUrls }),
      })),
    )
    this.#append(log, founded.hardState, founded.entries, () =>
      this.#finish({ log, ...founded, meta: undefined, contents: undefined, isNew: true }),
    )
  }

  #openAfter(before: number): void {
    const { walFolder, logOptions } = this.#options
    this.#snapshots.newest(
      before,
      this.#ok(stored => {
        openLog(this.#disk, walFolder, stored?.meta ?? NO_MARK, logOptions, (error, opened) => {
          if (error?.code === 'EMARK' && stored !== undefined) {
            this.#openAfter(stored.meta.index)
            return
          }
          if (error !== undefined) {
            this.#done(error, undefined as never)
            return
          }
          this.#noteRepair(opened.repaired)
          const { log, hardState, entries } = opened
          const next = (): void => {
            // The start before this one ended between making the log and founding.
            if (stored === undefined && entries.length === 0 && hardState.term === 0) this.#found(log)
            else this.#load(stored, log, hardState, entries)
          }
          if (before === NEWEST) {
            next()
            return
          }
          const index = stored?.meta.index ?? 0
          this.#options.note(
            `snapshots behind ${index} came before a crash that the log tells nothing of: they go`,
          )
          this.#snapshots.removeBehind(index, this.#ok(next))
        })
      }),
    )
  }

  #load(stored: StoredSnapshot | undefined, log: Log, hardState: HardState, entries: readonly Entry[]): void {
    if (stored === undefined) {
      this.#force({ log, hardState, meta: undefined, contents: undefined, entries, isNew: false })
      return
    }
    const reader = new ContentsReader()
    let refusal: DiskError | undefined
    const attempt = (act: () => void): void => {
      try {
        if (refusal === undefined) act()
      } catch (error) {
        refusal = problem('ECORRUPT', `${stored.path}: ${(error as UserError).message}`)
      }
    }
    stored.read(
      chunk => attempt(() => reader.push(chunk)),
      this.#ok(() => {
        let contents: Contents | undefined
        attempt(() => {
          contents = reader.finish()
        })
        if (refusal !== undefined) this.#done(refusal, undefined as never)
        else this.#force({ log, hardState, meta: stored.meta, contents, entries, isNew: false })
      }),
    )
  }

  /** Removes all other members, by entries that this log commits by itself. */
  #force(found: Omit<Recovered, 'id' | 'clusterId' | 'snapshots'>): void {
    if (!this.#options.forceNewCluster) {
      this.#finish(found)
      return
    }
    const { log, entries, meta } = found
    const id = log.identity.member
    const changes = changesToAlone(id, configurationOf(meta, entries))
    const { term, vote } = found.hardState
    let index = entries.at(-1)?.index ?? meta?.index ?? 0
    const added = changes.map((change): Entry => {
      index += 1
      return { term: Math.max(term, 1), index, type: 'config', data: encodeChange(change) }
    })
    const hardState: HardState = { term: Math.max(term, 1), vote, commit: index }
    this.#append(log, hardState, added, () =>
      this.#finish({ ...found, hardState, entries: [...entries, ...added] }),
    )
  }

  #append(log: Log, hardState: HardState, entries: readonly Entry[], then: () => void): void {
    const refusal = log.append(hardState, entries, this.#ok(then))
    if (refusal !== undefined) this.#done(refusal, undefined as never)
  }

  #finish(found: Omit<Recovered, 'id' | 'clusterId' | 'snapshots'>): void {
    const { member, cluster } = found.log.identity
    this.#done(undefined, { ...found, id: member, clusterId: cluster, snapshots: this.#snapshots })
  }

  #noteRepair(repaired: Repair | undefined): void {
    if (repaired === undefined) return
    const { path, offset, bytes } = repaired
    this.#options.note(`log ${path}: cut off ${bytes} bytes at ${offset} that a crash had torn`)
  }

  #ok<T>(next: (value: T) => void): Answer<T> {
    return (error, value) => {
      if (error === undefined) next(value)
      else this.#done(error, undefined as never)
    }
  }
}

/** Who is a member behind the last entry of the log, committed or not. */
export function configurationOf(meta: SnapshotMeta | undefined, entries: readonly Entry[]): Configuration {
  let configuration = meta?.configuration ?? NO_CONFIGURATION
  for (const entry of entries) {
    if (entry.type !== 'config') continue
    const next = nextConfiguration(configuration, decodeChange(entry.data))
    if (typeof next !== 'string') configuration = next
  }
  return configuration
}

/** The changes that leave only one voter. */
export function changesToAlone(id: MemberId, { voters, learners }: Configuration): MembershipChange[] {
  const context = encodeContext({ session: 0, sequence: 0, peerUrls: [] })
  const changes: MembershipChange[] = []
  if (learners.includes(id)) changes.push({ kind: 'promote', member: id, context })
  else if (!voters.includes(id)) changes.push({ kind: 'addVoter', member: id, context })
  for (const member of [...voters, ...learners])
    if (member !== id) changes.push({ kind: 'remove', member, context })
  return changes
}
