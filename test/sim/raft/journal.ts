import type { Entry, HardState, Snapshot } from '../../../daemons/etcd/raft/types.ts'

/** What a member finds on its disk. */
export interface Recovered {
  hardState: HardState | undefined
  snapshot: Snapshot | undefined
  entries: readonly Entry[]
}

/** One step of a member that is to be durable: first the snapshot, then the entries, then the hard state. */
export interface Save {
  hardState: HardState | undefined
  /** In place of all that is there. */
  snapshot: Snapshot | undefined
  /** In place of all from the first one's index on. */
  entries: readonly Entry[]
  mustSync: boolean
}

/** Why a journal cannot go on. */
export interface JournalFailure {
  reason: 'disk' | 'corrupt'
  message: string
}

/** Where a member keeps what must survive. */
export interface Journal {
  /** Queued; answers in the order of the calls, when all up to this one is durable. */
  save(step: Save, done: () => void): void
  /**
   * Makes a snapshot of this member's own durable; the entries up to it may be forgotten. False: there was no room, or
   * a newer one is there, and all is as before.
   */
  takeSnapshot(snapshot: Snapshot, done: (saved: boolean) => void): void
}

/** Opens the journal of a folder, empty or not. `failed` is called once at most, then nothing else. */
export type OpenJournal = (
  folder: string,
  done: (journal: Journal, recovered: Recovered) => void,
  failed: (failure: JournalFailure) => void,
) => void
