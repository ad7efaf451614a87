import type { Entry, HardState, SnapshotMeta } from '../raft/types.ts'
import type { SnapshotStore } from '../snap/store.ts'
import { APPEND_BYTES_MAX, type Log } from '../wal/log.ts'
import type { DiskError } from './env.ts'

/** What is to be saved of one `Ready`. */
interface Save {
  hardState: HardState | undefined
  snapshot: SnapshotMeta | undefined
  /** The data of `snapshot`. */
  chunks: readonly Uint8Array[]
  entries: readonly Entry[]
  done: () => void
}

/** This member's own snapshot that waits to be written. */
interface Own {
  meta: SnapshotMeta
  chunks: Iterator<Uint8Array>
  done: (saved: boolean) => void
}

const NO_CHUNKS: readonly Uint8Array[] = []
/** What goes into the log at once, well below what it takes. One entry always goes. */
const APPEND_BYTES = APPEND_BYTES_MAX / 2
const ENTRY_OVERHEAD_BYTES = 64
/** Between two tries of what found no room. */
const RETRY_MS = 2000

/**
 * Saves what the core gives out, in its order, in log and snapshots (duties 2, 3 and 8 of `raft.ts`).
 *
 *   saves ──► queue ──► log.append ──► done             a leader's snapshot stops the queue until it is on disk and
 *                │                                      marked; one snapshot is written at a time
 *                └───► snapshots.save ──► log.mark ──► the rest of the queue
 *
 * What finds no room waits, in order, and is tried again. The queue is as long as the core has writes in flight.
 */
export class Journal {
  readonly log: Log
  readonly #snapshots: SnapshotStore
  readonly #setTimer: (delayMs: number, callback: () => void) => void
  readonly #failed: (error: DiskError) => void
  #queue: Save[] = []
  /** Taken by the log and given back, in order. */
  #returned: Save[] = []
  #own: Own | undefined
  /** A snapshot is being written. */
  #isWriting = false
  #isInstalling = false
  #isRetrying = false
  #isOver = false
  #snapshotIndex: number
  /** Taken by the log. */
  bytesWritten = 0

  constructor(parts: {
    log: Log
    snapshots: SnapshotStore
    /** Of the newest snapshot that is marked. */
    snapshotIndex: number
    setTimer: (delayMs: number, callback: () => void) => void
    failed: (error: DiskError) => void
  }) {
    this.log = parts.log
    this.#snapshots = parts.snapshots
    this.#snapshotIndex = parts.snapshotIndex
    this.#setTimer = parts.setTimer
    this.#failed = parts.failed
  }

  /** Saves entries and hard state; `done` when they are durable. */
  append(hardState: HardState | undefined, entries: readonly Entry[], done: () => void): void {
    let from = 0
    let bytes = 0
    for (let at = 0; at < entries.length; at++) {
      const length = entries[at]!.data.length + ENTRY_OVERHEAD_BYTES
      bytes += length
      if (bytes <= APPEND_BYTES || at === from) continue
      // In pieces, each of which must be a log of its own: nothing is committed that it does not have.
      const piece = entries.slice(from, at)
      this.#push(upTo(hardState, piece.at(-1)!.index), piece, doNothing)
      from = at
      bytes = length
    }
    this.#push(hardState, from === 0 ? entries : entries.slice(from), done)
    this.#work()
  }

  #push(hardState: HardState | undefined, entries: readonly Entry[], done: () => void): void {
    this.#queue.push({ hardState, snapshot: undefined, chunks: NO_CHUNKS, entries, done })
  }

  /** Saves a leader's snapshot in place of all that was there, and what came with it. */
  install(
    snapshot: SnapshotMeta,
    chunks: readonly Uint8Array[],
    hardState: HardState | undefined,
    entries: readonly Entry[],
    done: () => void,
  ): void {
    this.#queue.push({ hardState, snapshot, chunks, entries, done })
    this.#work()
  }

  /** A hard state that need not be durable. */
  remember(hardState: HardState): void {
    if (this.#queue.length === 0 && this.#returned.length === 0) this.log.remember(hardState)
  }

  /** Writes a snapshot of this member's own; false when there was no room or a leader's has overtaken it. */
  take(meta: SnapshotMeta, chunks: Iterator<Uint8Array>, done: (saved: boolean) => void): void {
    this.#own = { meta, chunks, done }
    this.#work()
  }

  /** Nothing is answered any more. */
  end(): void {
    this.#isOver = true
  }

  #work(): void {
    if (this.#isOver) return
    if (this.#returned.length > 0) {
      // Only after a wait: the log says each time that there is no room.
      this.#retryLater()
      return
    }
    while (!this.#isInstalling && this.#queue.length > 0) {
      const save = this.#queue[0]!
      if (save.snapshot !== undefined) {
        if (!this.#isWriting) this.#install(save, save.snapshot)
        return
      }
      const refusal = this.log.append(save.hardState, save.entries, error => this.#appended(save, error))
      if (refusal !== undefined) {
        if (isTransient(refusal)) this.#retryLater()
        else this.#fail(refusal)
        return
      }
      for (let at = 0; at < save.entries.length; at++) this.bytesWritten += save.entries[at]!.data.length
      this.#queue.shift()
    }
    if (this.#own !== undefined && !this.#isWriting && !this.#isInstalling) this.#takeOwn(this.#own)
  }

  #appended(save: Save, error: DiskError | undefined): void {
    if (this.#isOver) return
    if (error === undefined) {
      save.done()
      if (this.#queue.length > 0) this.#work()
    } else if (isTransient(error)) {
      this.#returned.push(save)
      this.#retryLater()
    } else {
      this.#fail(error)
    }
  }

  #retryLater(): void {
    if (this.#isRetrying) return
    this.#isRetrying = true
    this.#setTimer(RETRY_MS, () => {
      this.#isRetrying = false
      this.retry()
    })
  }

  /** There may be room again. */
  retry(): void {
    if (this.#returned.length > 0) {
      this.#queue = this.#returned.concat(this.#queue)
      this.#returned = []
    }
    this.#work()
  }

  #install(save: Save, meta: SnapshotMeta): void {
    this.#isInstalling = true
    this.#write(meta, save.chunks.values(), saved => {
      this.#isInstalling = false
      if (saved) {
        save.snapshot = undefined
        save.chunks = NO_CHUNKS
        this.#work()
      } else {
        this.#retryLater()
      }
    })
  }

  #takeOwn({ meta, chunks, done }: Own): void {
    this.#own = undefined
    if (meta.index <= this.#snapshotIndex) {
      done(false)
      return
    }
    this.#write(meta, chunks, saved => {
      done(saved)
      this.#work()
    })
  }

  /** The snapshot first, then its mark in the log, then what nobody needs any more goes. */
  #write(meta: SnapshotMeta, chunks: Iterator<Uint8Array>, done: (saved: boolean) => void): void {
    this.#isWriting = true
    this.#snapshots.save(meta, chunks, (error, oldest) => {
      if (this.#isOver) return
      if (error === undefined) {
        this.#mark(meta, oldest.index, done)
        return
      }
      this.#isWriting = false
      if (isTransient(error)) done(false)
      else this.#fail(error)
    })
  }

  #mark(meta: SnapshotMeta, oldest: number, done: (saved: boolean) => void): void {
    const retry = (): void => this.#setTimer(RETRY_MS, () => this.#mark(meta, oldest, done))
    if (this.#isOver) return
    const refusal = this.log.mark({ term: meta.term, index: meta.index }, error => {
      if (this.#isOver) return
      if (error !== undefined && isTransient(error)) {
        retry()
      } else if (error !== undefined) {
        this.#fail(error)
      } else {
        this.#isWriting = false
        this.#snapshotIndex = meta.index
        this.#release(oldest)
        done(true)
      }
    })
    if (refusal === undefined) return
    if (isTransient(refusal)) retry()
    else this.#fail(refusal)
  }

  /** One at a time; what is missed now goes with the next. */
  #release(index: number): void {
    this.log.release(index, error => {
      if (error !== undefined && !this.#isOver) this.#fail(error)
      else this.log.retrySpace()
    })
  }

  #fail(error: DiskError): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#failed(error)
  }
}

/** Worth another try: nothing was written. */
function isTransient({ code }: DiskError): boolean {
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EAGAIN'
}

function upTo(hardState: HardState | undefined, index: number): HardState | undefined {
  return hardState === undefined ? undefined : { ...hardState, commit: Math.min(hardState.commit, index) }
}

function doNothing(): void {}
