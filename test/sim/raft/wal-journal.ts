import type { Disk, DiskError } from '../../../daemons/etcd/member/env.ts'
import type { Snapshot } from '../../../daemons/etcd/raft/types.ts'
import { SnapshotStore, type StoredSnapshot } from '../../../daemons/etcd/snap/store.ts'
import type { Log } from '../../../daemons/etcd/wal/log.ts'
import { createLog, hasLog, NO_MARK, openLog } from '../../../daemons/etcd/wal/open.ts'
import { PLANTED_LOG_BUGS, type PlantedLogBug } from '../../../daemons/etcd/wal/planted.ts'
import type { SubjectOptions } from '../subject.ts'
import type { Journal, JournalFailure, OpenJournal, Save } from './journal.ts'

/** Snapshots that are kept: few, so that older ones go often. */
const RETAINED = 2
const CLUSTER = 'c1'

/** The log and the snapshots that the server has. */
export function walJournal(id: string, options: SubjectOptions): (disk: Disk) => OpenJournal {
  return disk => (folder, done, failed) => new WalJournal(disk, folder, id, options, failed).open(done)
}

type Step =
  | { kind: 'save'; save: Save; done: () => void }
  | { kind: 'snapshot'; snapshot: Snapshot; done: (saved: boolean) => void }

class WalJournal implements Journal {
  readonly #disk: Disk
  readonly #folder: string
  readonly #id: string
  readonly #options: SubjectOptions
  readonly #planted: ReadonlySet<PlantedLogBug>
  readonly #failed: (failure: JournalFailure) => void
  readonly #snapshots: SnapshotStore
  #log: Log | undefined
  #snapshotIndex = 0
  #over = false
  /** Saves that wait for a leader's snapshot to be durable, and that snapshot first of all. */
  #queue: Step[] = []
  #installing = false
  /** A snapshot of this member's own waits or is being written. */
  #own: Step | undefined
  #writing = false

  constructor(
    disk: Disk,
    folder: string,
    id: string,
    options: SubjectOptions,
    failed: (failure: JournalFailure) => void,
  ) {
    this.#disk = disk
    this.#folder = folder
    this.#id = id
    this.#options = options
    this.#failed = failed
    this.#planted = new Set(PLANTED_LOG_BUGS.filter(bug => options.planted.has(bug)))
    const settings = { retained: RETAINED, planted: this.#planted }
    this.#snapshots = new SnapshotStore(disk, `${folder}/snap`, settings)
  }

  open(done: Parameters<OpenJournal>[1]): void {
    this.#snapshots.open(
      this.#ok(() =>
        hasLog(
          this.#disk,
          this.#walFolder,
          this.#ok(has => {
            if (has) this.#openAfter(Number.MAX_SAFE_INTEGER, done)
            else this.#create(done)
          }),
        ),
      ),
    )
  }

  save(save: Save, done: () => void): void {
    if (!save.mustSync) {
      if (save.hardState !== undefined && this.#queue.length === 0) this.#log!.remember(save.hardState)
      return
    }
    this.#queue.push({ kind: 'save', save, done })
    this.#work()
  }

  takeSnapshot(snapshot: Snapshot, done: (saved: boolean) => void): void {
    this.#own = { kind: 'snapshot', snapshot, done }
    this.#work()
  }

  get #walFolder(): string {
    return `${this.#folder}/wal`
  }

  #logOptions() {
    const { segmentBytes } = this.#options
    return { segmentBytesFirst: segmentBytes, segmentBytesMax: 2 * segmentBytes, planted: this.#planted }
  }

  #create(done: Parameters<OpenJournal>[1]): void {
    const identity = { member: this.#id, cluster: CLUSTER }
    const made = (log: Log) => {
      this.#log = log
      done(this, { hardState: undefined, snapshot: undefined, entries: [] })
    }
    createLog(this.#disk, this.#walFolder, identity, this.#logOptions(), this.#ok(made))
  }

  /** Opens the log behind the newest snapshot below `before` that goes with it. */
  #openAfter(before: number, done: Parameters<OpenJournal>[1]): void {
    const open = (stored: StoredSnapshot | undefined) => {
      const after = stored?.meta ?? NO_MARK
      openLog(this.#disk, this.#walFolder, after, this.#logOptions(), (error, opened) => {
        if (error?.code === 'EMARK' && stored !== undefined) {
          this.#openAfter(stored.meta.index, done)
          return
        }
        this.#ok(() => {
          this.#log = opened.log
          this.#snapshotIndex = after.index
          const { hardState, entries } = opened
          if (stored === undefined) done(this, { hardState, snapshot: undefined, entries })
          else
            this.#load(stored, data =>
              done(this, { hardState, snapshot: { meta: stored.meta, data }, entries }),
            )
        })(error, undefined)
      })
    }
    this.#snapshots.newest(before, this.#ok(open))
  }

  #load(stored: StoredSnapshot, done: (data: Uint8Array) => void): void {
    const chunks: Uint8Array[] = []
    stored.read(
      chunk => {
        chunks.push(chunk.slice())
      },
      this.#ok(() => done(Buffer.concat(chunks))),
    )
  }

  #work(): void {
    if (this.#over) return
    while (!this.#installing && this.#queue.length > 0) {
      const step = this.#queue[0]!
      if (step.kind !== 'save') throw new Error('only saves wait here')
      const { snapshot, hardState, entries } = step.save
      if (snapshot !== undefined) {
        if (this.#writing) return
        this.#installing = true
        this.#write(snapshot, saved => {
          if (!saved) {
            this.#fail({ code: 'ENOSPC', message: 'no space for a snapshot' })
            return
          }
          this.#installing = false
          step.save = { ...step.save, snapshot: undefined }
          this.#work()
        })
        return
      }
      this.#queue.shift()
      const refusal = this.#log!.append(hardState, entries, this.#ok(step.done))
      if (refusal !== undefined) {
        this.#fail(refusal)
        return
      }
    }
    if (this.#own === undefined || this.#writing || this.#installing) return
    const own = this.#own as Step & { kind: 'snapshot' }
    this.#own = undefined
    if (own.snapshot.meta.index <= this.#snapshotIndex) own.done(false)
    else
      this.#write(own.snapshot, saved => {
        own.done(saved)
        this.#work()
      })
  }

  /** Snapshot first, then its mark in the log, then what nobody needs any more goes. */
  #write({ meta, data }: Snapshot, done: (saved: boolean) => void): void {
    this.#writing = true
    this.#snapshots.save(meta, [data].values(), (error, oldest) => {
      this.#writing = false
      if (this.#over) return
      if (error?.code === 'ENOSPC') {
        done(false)
        return
      }
      this.#ok(() => {
        this.#writing = true
        const marked = () => {
          this.#writing = false
          this.#snapshotIndex = meta.index
          this.#log!.release(
            oldest.index,
            this.#ok(() => {}),
          )
          done(true)
        }
        const refusal = this.#log!.mark({ term: meta.term, index: meta.index }, this.#ok(marked))
        if (refusal !== undefined) this.#fail(refusal)
      })(error, undefined)
    })
  }

  #ok<T>(next: (value: T) => void): (error: DiskError | undefined, value: T) => void {
    return (error, value) => {
      if (this.#over) return
      if (error === undefined) next(value)
      else this.#fail(error)
    }
  }

  #fail({ code, message }: DiskError): void {
    this.#over = true
    const reason = code === 'ECORRUPT' || code === 'EMARK' ? 'corrupt' : 'disk'
    this.#failed({ reason, message: `${code}: ${message}` })
  }
}
