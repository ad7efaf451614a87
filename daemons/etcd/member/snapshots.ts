import type { Message } from '../raft/message.ts'
import type { Raft } from '../raft/raft.ts'
import type { MemberId, SnapshotMeta } from '../raft/types.ts'
import type { SnapshotStore } from '../snap/store.ts'
import { type Contents, ContentsReader } from './contents.ts'
import type { Env } from './env.ts'
import type { Journal } from './journal.ts'
import type { StateMachine } from './machine.ts'
import type { Network, SnapshotSink } from './network.ts'
import type { FullOptions } from './options.ts'

/** Longest snapshot that is taken from another member; it is held in memory until it is on disk. */
const SNAPSHOT_BYTES_MAX = 2 * 1024 * 1024 * 1024
/** Between two tries of a snapshot that found no room. */
const RETRY_MS = 5000

const NOTHING = new Uint8Array(0)

/** A snapshot that has arrived. */
export interface Incoming {
  meta: SnapshotMeta
  chunks: Uint8Array[]
  contents: Contents
  /** Tells the sender. */
  answer: (accepted: boolean) => void
}

/** What surrounds the snapshots of a member. */
export interface SnapshotParts {
  env: Env
  raft: Raft
  machine: StateMachine
  journal: Journal
  stored: SnapshotStore
  options: FullOptions
  /** Of the snapshot that it started from. */
  index: number
  /** Calls of the core were made: its `Ready` is to be looked at. */
  wake: () => void
  onSaved: (ms: number) => void
}

/** Takes snapshots, sends them to who lags behind, and takes them in (duties 8 to 10 of `raft.ts`). */
export class Snapshots {
  readonly #parts: SnapshotParts
  network: Network | undefined
  /** Of the newest snapshot here. */
  #index: number
  #isTaking = false
  #notBeforeMs = 0
  /** Members that wait for a snapshot made after they were added. */
  readonly #unsent = new Set<MemberId>()
  /** Somebody's snapshot arrives, or has arrived and is not taken up yet. */
  #isReceiving = false
  #incoming: Incoming | undefined

  constructor(parts: SnapshotParts) {
    this.#parts = parts
    this.#index = parts.index
  }

  /** Takes one when enough was applied since the last. */
  consider(): void {
    const { raft, options } = this.#parts
    if (raft.appliedIndex - this.#index >= options.snapshotCount) this.take()
  }

  /** Begins a snapshot of what is applied; whether one is under way. */
  take(): boolean {
    if (this.#isTaking) return true
    const { env, raft, machine, journal } = this.#parts
    const index = raft.appliedIndex
    const startedMs = env.now()
    if (index <= this.#index || startedMs < this.#notBeforeMs) return false
    this.#isTaking = true
    const { voters, learners } = raft.configuration
    const meta: SnapshotMeta = {
      term: raft.termOf(index),
      index,
      configuration: { voters: [...voters], learners: [...learners] },
    }
    const writer = machine.save()
    journal.take(meta, writer, saved => {
      writer.abandon()
      this.#isTaking = false
      if (saved) this.#parts.onSaved(env.now() - startedMs)
      else this.#notBeforeMs = env.now() + RETRY_MS
      this.#taken(meta, saved)
    })
    return true
  }

  #taken(meta: SnapshotMeta, saved: boolean): void {
    const { raft, options, wake } = this.#parts
    // Otherwise a leader's snapshot has overtaken it.
    if (saved && meta.index > this.#index) {
      this.#index = meta.index
      raft.snapshotTaken({ meta, data: NOTHING })
      const upTo = meta.index - options.snapshotCatchUp
      if (upTo >= raft.firstIndex) {
        raft.compact(upTo)
        options.probe?.compacted(upTo)
      }
    }
    for (const id of this.#unsent) raft.snapshotSent(id, false)
    this.#unsent.clear()
    wake()
  }

  /** Sends the snapshot of a message; the core is told what became of it. */
  send(message: Message): void {
    const { raft, stored, wake } = this.#parts
    const { to } = message
    const { meta } = message.snapshot!
    const finish = (delivered: boolean): void => {
      raft.snapshotSent(to, delivered)
      wake()
    }
    if (!isFor(to, meta)) {
      // Who was added after it was made would not find itself in it.
      if (this.take()) this.#unsent.add(to)
      else finish(false)
      return
    }
    stored.newest(meta.index + 1, (error, found) => {
      if (error !== undefined || found?.meta.index !== meta.index || found.meta.term !== meta.term) {
        finish(false)
        return
      }
      const chunks: Uint8Array[] = []
      found.read(
        chunk => void chunks.push(chunk.slice()),
        error => {
          if (error !== undefined || this.network === undefined) finish(false)
          else this.network.sendSnapshot(message, chunks.values(), finish)
        },
      )
    })
  }

  /** Takes the chunks of a snapshot that another member sends. */
  offered(message: Message, meta: SnapshotMeta): SnapshotSink | undefined {
    const { raft, wake } = this.#parts
    if (meta.index <= raft.committedIndex) {
      // Not wanted: the core tells the leader how far it is.
      raft.step({ ...message, snapshot: { meta, data: NOTHING } })
      wake()
      return undefined
    }
    if (this.#isReceiving) return undefined
    this.#isReceiving = true
    const reader = new ContentsReader()
    const chunks: Uint8Array[] = []
    let bytes = 0
    let isBad = false
    return {
      chunk: data => {
        bytes += data.length
        if (bytes > SNAPSHOT_BYTES_MAX) isBad = true
        if (isBad) return
        const chunk = data.slice()
        chunks.push(chunk)
        isBad = !attempt(() => reader.push(chunk))
      },
      done: answer => {
        let contents: Contents | undefined
        if (!isBad) attempt(() => (contents = reader.finish()))
        if (contents === undefined) {
          this.#isReceiving = false
          this.#parts.options.log(`a snapshot of ${meta.index} from ${message.from} cannot be read`)
          answer(false)
          return
        }
        this.#received(message, { meta, chunks, contents, answer })
      },
      failed: () => {
        this.#isReceiving = false
      },
    }
  }

  /** The core says whether it is wanted; if so the next `Ready` has it. */
  #received(message: Message, incoming: Incoming): void {
    const { raft, wake } = this.#parts
    const { meta } = incoming
    const isOld = raft.committedIndex >= meta.index
    const before = raft.firstIndex
    raft.step({ ...message, snapshot: { meta, data: NOTHING } })
    wake()
    const isInstalled = !isOld && raft.firstIndex === meta.index + 1 && before !== raft.firstIndex
    if (isInstalled) {
      this.#incoming = incoming
      return
    }
    this.#isReceiving = false
    incoming.answer(false)
  }

  /** The snapshot that the core gives out to be installed. */
  claim(meta: SnapshotMeta): Incoming {
    const incoming = this.#incoming
    if (incoming === undefined || incoming.meta.index !== meta.index)
      throw new Error(`the core installs a snapshot of ${meta.index} that never arrived`)
    this.#incoming = undefined
    this.#isReceiving = false
    this.#index = meta.index
    return incoming
  }
}

function isFor(id: MemberId, { configuration }: SnapshotMeta): boolean {
  return configuration.voters.includes(id) || configuration.learners.includes(id)
}

function attempt(act: () => void): boolean {
  try {
    act()
    return true
  } catch {
    return false
  }
}
