import type { RaftOptions } from '../core.ts'
import { decodeChange } from '../membership.ts'
import type { Message } from '../message.ts'
import { Raft } from '../raft.ts'
import type { ReadState } from '../reads.ts'
import type { Ready } from '../ready.ts'
import type { Configuration, Entry, HardState, MemberId, SnapshotMeta } from '../types.ts'

/** What a member does that others see or that rules are about. */
export interface PeerEvents {
  sends(message: Message): void
  takes(peer: Peer, ready: Ready): void
  applies(peer: Peer, entry: Entry, refused: string | undefined): void
  installs(peer: Peer, meta: SnapshotMeta): void
  reads(peer: Peer, state: ReadState): void
  changesRole(peer: Peer, raft: Raft): void
}

/** What survives a crash. */
export interface PeerDisk {
  hardState: HardState
  /** Where the log starts, or undefined for its very start. */
  snapshot: SnapshotMeta | undefined
  /** The configuration that it started with, for as long as there is no snapshot. */
  configuration: Configuration
  entries: Entry[]
}

type PeerOptions = Pick<RaftOptions, 'random' | 'settings' | 'planted'>

/** A member with its host: a disk that may be slow, and a state machine of which only the index is kept. */
export class Peer {
  readonly id: MemberId
  readonly disk: PeerDisk
  readonly #options: PeerOptions
  readonly #events: PeerEvents
  raft: Raft | undefined
  /** Whether writes wait for `write`. */
  slow = false
  #unsaved: Ready[] = []
  #seen = ''

  constructor(id: MemberId, disk: PeerDisk, options: PeerOptions, events: PeerEvents) {
    this.id = id
    this.disk = disk
    this.#options = options
    this.#events = events
  }

  /** How many writes wait. */
  get unsaved(): number {
    return this.#unsaved.length
  }

  /** Starts with what the disk holds. */
  start(): void {
    const { hardState, snapshot, configuration, entries } = this.disk
    this.raft = new Raft({
      id: this.id,
      configuration: snapshot?.configuration ?? configuration,
      hardState,
      snapshot,
      entries,
      ...this.#options,
    })
    this.#seen = this.#role(this.raft)
  }

  /**
   * Loses what is not durable, but for the first `kept` of the writes that wait and, of the next one, some entries:
   * a disk may have got further than it had reported.
   */
  crash(kept = 0, keptEntries = 0): void {
    for (const [at, ready] of this.#unsaved.entries()) {
      if (at < kept) this.#save(ready)
      else if (at === kept && ready.snapshot === undefined)
        this.#save({ ...ready, hardState: undefined, entries: ready.entries.slice(0, keptEntries) })
    }
    this.#unsaved = []
    this.raft = undefined
  }

  /** Deals with all that is to be done. */
  pump(): void {
    for (let raft = this.raft; raft?.hasReady(); raft = this.raft) {
      const ready = raft.ready()
      this.#events.takes(this, ready)
      this.#noteRole(raft)
      for (const message of ready.messages) this.#events.sends(message)
      if (ready.hardState !== undefined || ready.write > 0) this.#unsaved.push(ready)
      if (ready.snapshot !== undefined) this.#events.installs(this, ready.snapshot.meta)
      for (const entry of ready.committed) this.#apply(raft, entry)
      for (const state of ready.readStates) this.#events.reads(this, state)
      if (!this.slow) this.write(Number.POSITIVE_INFINITY)
    }
  }

  #apply(raft: Raft, entry: Entry): void {
    const refused = entry.type === 'config' ? raft.applyConfiguration(decodeChange(entry.data)) : undefined
    raft.applied(entry.index)
    this.#events.applies(this, entry, refused)
    this.#noteRole(raft)
  }

  /** Makes the next `count` writes durable, with one report for all. */
  write(count: number): void {
    const done = this.#unsaved.splice(0, count)
    let latest = 0
    for (const ready of done) {
      this.#save(ready)
      latest = Math.max(latest, ready.write)
    }
    if (latest > 0) this.raft?.persisted(latest)
  }

  #save({ hardState, snapshot, entries }: Ready): void {
    const { disk } = this
    if (snapshot !== undefined) {
      disk.snapshot = snapshot.meta
      disk.entries = []
    }
    const first = entries[0]
    if (first !== undefined) {
      disk.entries.length = first.index - 1 - (disk.snapshot?.index ?? 0)
      disk.entries.push(...entries)
    }
    if (hardState !== undefined) disk.hardState = hardState
  }

  /** Makes a snapshot of what is applied, durable at once. */
  snapshot(): SnapshotMeta {
    const raft = this.raft!
    const index = raft.appliedIndex
    const meta = { index, term: raft.termOf(index), configuration: raft.configuration }
    raft.snapshotTaken({ meta, data: new Uint8Array(0) })
    return meta
  }

  /** Forgets entries up to `index`, on disk as well: at a restart the log starts at the snapshot. */
  compact(meta: SnapshotMeta, index: number): void {
    this.raft!.compact(index)
    // The disk keeps what is behind the snapshot; what is before may go at once.
    const { disk } = this
    disk.entries = disk.entries.filter(entry => entry.index > meta.index)
    disk.snapshot = meta
  }

  #role(raft: Raft): string {
    return `${raft.role} ${raft.term} ${raft.leader}`
  }

  #noteRole(raft: Raft): void {
    const role = this.#role(raft)
    if (role === this.#seen) return
    this.#seen = role
    this.#events.changesRole(this, raft)
  }
}
