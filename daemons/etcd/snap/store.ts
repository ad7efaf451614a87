import { failpoint } from '#lib/failpoint.ts'
import type { Answer, Disk, DiskError, File } from '../member/env.ts'
import type { SnapshotMeta } from '../raft/types.ts'
import { get32 } from '../wal/bytes.ts'
import { folderAbove, hex } from '../wal/names.ts'
import type { PlantedLogBug } from '../wal/planted.ts'
import { problem } from '../wal/problem.ts'
import type { Mark } from '../wal/record.ts'
import { CHUNK_BYTES_MAX, encodeChunkStart, encodeFooter, encodeHeader } from './format.ts'
import { type ChunkReceiver, readSnapshot } from './reader.ts'

/** How many snapshots are kept when nothing else is said. */
const RETAINED = 5
/** Fewer are never kept: the newest may not be marked in the log yet, and if it never is, the one before it counts. */
const RETAINED_MIN = 2
const FILE = /^([0-9a-f]{16})-([0-9a-f]{16})\.snap$/

/** Settings. */
export interface SnapshotOptions {
  /** Snapshots to keep; 0 keeps all, 1 keeps two. */
  retained?: number
  planted?: ReadonlySet<PlantedLogBug>
  /** A line for the operator's log. */
  note?: (line: string) => void
}

/** A snapshot on disk that was found whole. */
export interface StoredSnapshot {
  meta: SnapshotMeta
  path: string
  /** Its chunks. The answer comes with an error when the file has changed since. */
  read(receive: ChunkReceiver, done: Answer): void
}

/**
 * The snapshots of a member in their folder. A snapshot is written under a temporary name, synced, renamed, and the
 * folder synced: a name that ends with `.snap` is a whole snapshot, or the disk has damaged it.
 *
 * Between two chunks the event loop turns, so that the world goes on while a large state is written.
 */
export class SnapshotStore {
  readonly #disk: Disk
  readonly #folder: string
  readonly #options: SnapshotOptions
  #isSaving = false

  constructor(disk: Disk, folder: string, options: SnapshotOptions = {}) {
    this.#disk = disk
    this.#folder = folder
    this.#options = options
  }

  /** Makes the folder and removes what an interrupted save has left. To be called first. */
  open(done: Answer): void {
    this.#disk.makeFolder(this.#folder, error => {
      if (error !== undefined) {
        done(error)
        return
      }
      this.#disk.list(this.#folder, (error, files) => {
        if (error !== undefined) {
          done(error)
          return
        }
        const temporary = files.filter(file => file.endsWith('.tmp'))
        // The folder itself may be new: its name is in the one above.
        this.#removeAll(temporary, error =>
          error === undefined ? this.#disk.syncFolder(folderAbove(this.#folder), done) : done(error),
        )
      })
    })
  }

  /**
   * Writes a snapshot, durable when it answers; then it may be marked in the log. Older ones beyond those to keep are
   * removed. ENOSPC leaves everything as it was. One at a time: EBUSY.
   *
   * @param chunks of any length, best 64 KiB to 1 MiB, as each is a write; asked for the next one when the last is
   *   written. They must show one state, though the store goes on in between
   * @param done answers the oldest snapshot that is kept: what the log may be released up to
   */
  save(meta: SnapshotMeta, chunks: Iterator<Uint8Array>, done: Answer<Mark>): void {
    if (this.#isSaving) {
      // Answers come later, never before the call returns.
      this.#disk.list(this.#folder, () => done(problem('EBUSY', 'a snapshot is being written'), meta))
      return
    }
    this.#isSaving = true
    const name = snapshotFile(meta)
    const temporary = `${this.#folder}/${name}.tmp`
    const finish = (error: DiskError | undefined, oldest: Mark): void => {
      this.#isSaving = false
      done(error, oldest)
    }
    const giveUp = (error: DiskError): void => this.#disk.remove(temporary, () => finish(error, meta))
    this.#disk.open(temporary, { create: true }, (error, file) => {
      if (error !== undefined) {
        giveUp(error)
        return
      }
      new Writer(file, encodeHeader(meta), chunks, this.#options.planted, error => {
        file.close(() => {
          if (error !== undefined) {
            giveUp(error)
            return
          }
          failpoint('snap.beforeRename')
          this.#disk.rename(temporary, `${this.#folder}/${name}`, error => {
            if (error !== undefined) giveUp(error)
            else this.#syncName(error => (error === undefined ? this.#retain(finish) : finish(error, meta)))
          })
        })
      }).start()
    })
  }

  /**
   * The newest whole snapshot, or undefined. A damaged one is renamed `.broken`, which the log is told of, and the one
   * before it is tried.
   *
   * @param before only one with a lower index
   */
  newest(before: number, done: Answer<StoredSnapshot | undefined>): void {
    this.#listed((error, files) => {
      if (error !== undefined) {
        done(error, undefined)
        return
      }
      const candidates = files.filter(({ index }) => index < before)
      this.#tryNext(candidates, done)
    })
  }

  /**
   * Removes the snapshots behind `index`: the log goes on without them, so it will never know them. Left there, they
   * would count among those that are kept, and push out the ones that it does know.
   */
  removeBehind(index: number, done: Answer): void {
    this.#listed((error, files) => {
      if (error !== undefined) done(error)
      else this.#removeAll(files.filter(file => file.index > index).map(snapshotFile), done)
    })
  }

  #tryNext(candidates: Mark[], done: Answer<StoredSnapshot | undefined>): void {
    const candidate = candidates.pop()
    if (candidate === undefined) {
      done(undefined, undefined)
      return
    }
    const path = `${this.#folder}/${snapshotFile(candidate)}`
    this.#read(
      path,
      () => undefined,
      (error, meta) => {
        const isAnother =
          error === undefined && (meta.term !== candidate.term || meta.index !== candidate.index)
        if (error === undefined && !isAnother) {
          done(undefined, {
            meta,
            path,
            read: (receive, done) => this.#read(path, receive, error => done(error)),
          })
        } else if (error !== undefined && error.code !== 'ECORRUPT') {
          done(error, undefined)
        } else {
          this.#setAside(path, error?.message ?? 'it is not the snapshot that its name says', error => {
            if (error !== undefined) done(error, undefined)
            else this.#tryNext(candidates, done)
          })
        }
      },
    )
  }

  #setAside(path: string, why: string, done: Answer): void {
    this.#options.note?.(
      `snapshot ${path} cannot be used: ${why}; it is renamed .broken, an older one is tried`,
    )
    this.#disk.rename(path, `${path}.broken`, error => {
      if (error !== undefined) done(error)
      else this.#syncName(done)
    })
  }

  #read(path: string, receive: ChunkReceiver, done: Answer<SnapshotMeta>): void {
    this.#disk.open(path, { create: false }, (error, file) => {
      if (error !== undefined) done(error, undefined as never)
      else readSnapshot(file, receive, (error, meta) => file.close(() => done(error, meta)))
    })
  }

  #syncName(done: Answer): void {
    failpoint('snap.beforeFolderSync')
    // A planted bug; an answer must still come later.
    if (this.#options.planted?.has('skipFolderSync') === true)
      this.#disk.list(this.#folder, () => done(undefined))
    else this.#disk.syncFolder(this.#folder, done)
  }

  /** Removes the oldest ones beyond those to keep. */
  #retain(done: Answer<Mark>): void {
    const retained = this.#options.retained ?? RETAINED
    this.#listed((error, files) => {
      if (error !== undefined) {
        done(error, { term: 0, index: 0 })
        return
      }
      const kept = retained === 0 ? files.length : Math.max(retained, RETAINED_MIN)
      const surplus = files.splice(0, Math.max(0, files.length - kept))
      const oldest = files[0] ?? { term: 0, index: 0 }
      if (surplus.length === 0) done(undefined, oldest)
      else this.#removeAll(surplus.map(snapshotFile), error => done(error, oldest))
    })
  }

  #removeAll(files: string[], done: Answer): void {
    const file = files.pop()
    if (file === undefined) {
      this.#disk.syncFolder(this.#folder, done)
      return
    }
    this.#disk.remove(`${this.#folder}/${file}`, error => {
      if (error !== undefined && error.code !== 'ENOENT') done(error)
      else this.#removeAll(files, done)
    })
  }

  /** Oldest first. */
  #listed(done: Answer<Mark[]>): void {
    this.#disk.list(this.#folder, (error, files) => {
      if (error !== undefined) done(error, [])
      else {
        const marks = files.map(parseSnapshotFile).filter(mark => mark !== undefined)
        done(
          undefined,
          marks.toSorted((a, b) => a.index - b.index || a.term - b.term),
        )
      }
    })
  }
}

/** Writes the parts of a snapshot one after the other, and syncs. */
class Writer {
  readonly #file: File
  readonly #header: Uint8Array
  readonly #source: Iterator<Uint8Array>
  readonly #planted: ReadonlySet<PlantedLogBug> | undefined
  readonly #done: (error: DiskError | undefined) => void
  /** What is left of a chunk that is too long for one. */
  #rest: Uint8Array | undefined
  #offset = 0
  #checksum: number
  #chunks = 0
  #dataBytes = 0

  constructor(
    file: File,
    header: Uint8Array,
    source: Iterator<Uint8Array>,
    planted: ReadonlySet<PlantedLogBug> | undefined,
    done: (error: DiskError | undefined) => void,
  ) {
    this.#file = file
    this.#header = header
    this.#source = source
    this.#planted = planted
    this.#done = done
    this.#checksum = get32(header, 12)
  }

  start(): void {
    this.#write([this.#header], () => this.#next())
  }

  #next(): void {
    const data = this.#take()
    if (data === undefined) {
      this.#write([encodeFooter(this.#checksum, this.#chunks, this.#dataBytes)], () => this.#sync())
      return
    }
    const start = encodeChunkStart(this.#checksum, data)
    this.#checksum = get32(start, 4)
    this.#chunks += 1
    this.#dataBytes += data.length
    this.#write([start, data], () => this.#next())
  }

  /** The next data that is not empty and not too long. */
  #take(): Uint8Array | undefined {
    let data = this.#rest
    while (data === undefined || data.length === 0) {
      const next = this.#source.next()
      if (next.done === true) return undefined
      data = next.value
    }
    this.#rest = data.length > CHUNK_BYTES_MAX ? data.subarray(CHUNK_BYTES_MAX) : undefined
    return data.length > CHUNK_BYTES_MAX ? data.subarray(0, CHUNK_BYTES_MAX) : data
  }

  #write(pieces: Uint8Array[], then: () => void): void {
    this.#file.write(this.#offset, pieces, error => {
      if (error !== undefined) {
        this.#done(error)
        return
      }
      for (const piece of pieces) this.#offset += piece.length
      then()
    })
  }

  #sync(): void {
    failpoint('snap.beforeSync')
    if (this.#planted?.has('renameUnsynced') === true) this.#done(undefined)
    else this.#file.sync(this.#done)
  }
}

/** `0000000000000002-00000000000186a0.snap` */
export function snapshotFile({ term, index }: Mark): string {
  return `${hex(term)}-${hex(index)}.snap`
}

/** Where the snapshot of a file stands, or undefined when it is none. */
export function parseSnapshotFile(file: string): Mark | undefined {
  const match = FILE.exec(file)
  if (match === null) return undefined
  const term = Number.parseInt(match[1]!, 16)
  const index = Number.parseInt(match[2]!, 16)
  return Number.isSafeInteger(term) && Number.isSafeInteger(index) ? { term, index } : undefined
}
