import * as fs from 'node:fs'
import type { Answer, Disk, DiskError, File } from '../member/env.ts'

/** Folders and files of a member are nobody else's business. */
const FOLDER_MODE = 0o700
const FILE_MODE = 0o600
/** Pieces that the kernel takes in one call (IOV_MAX). */
const PIECES_MAX = 1024
/**
 * Up to so many bytes are written at once, not by a thread of the pool: the kernel only copies them, in less time than it
 * takes to wake a thread and to be woken by it. The log's writes are so short, and each is waited for.
 */
const AT_ONCE_BYTES_MAX = 64 * 1024

/** What a caller may want to know of the disk. */
export interface NodeDiskOptions {
  /** Called after each sync of a file, with how long it took in milliseconds. */
  onSync?: (path: string, durationMs: number) => void
  /** Opens files for reading only: for a backup of what may not be changed. */
  isReadOnly?: boolean
  /** Answers without a sync: what a power cut spares is a matter of luck. */
  skipsSync?: boolean
}

/** The disk of this machine. Answers with the errors of the system by their codes. */
export function nodeDisk(options: NodeDiskOptions = {}): Disk {
  const existing = options.isReadOnly === true ? 'r' : 'r+'
  return {
    makeFolder: (path, done) =>
      fs.mkdir(path, { recursive: true, mode: FOLDER_MODE }, error => done(map(error))),
    list: (path, done) =>
      fs.readdir(path, (error, names) => (error === null ? done(undefined, names) : done(map(error), []))),
    open: (path, { create }, done) =>
      fs.open(path, create ? 'wx+' : existing, FILE_MODE, (error, descriptor) => {
        if (error === null) done(undefined, new NodeFile(path, descriptor, options))
        else done(map(error), undefined as never)
      }),
    rename: (from, to, done) => fs.rename(from, to, error => done(map(error))),
    remove: (path, done) => fs.unlink(path, error => done(map(error))),
    syncFolder: options.skipsSync === true ? (_path, done) => process.nextTick(done, undefined) : syncFolder,
  }
}

/** A folder's names become durable by a sync of the folder itself, which must be open for that. */
function syncFolder(path: string, done: Answer): void {
  fs.open(path, 'r', (error, descriptor) => {
    if (error !== null) {
      done(map(error))
      return
    }
    fs.fsync(descriptor, failed => fs.close(descriptor, () => done(map(failed))))
  })
}

class NodeFile implements File {
  readonly #path: string
  readonly #descriptor: number
  readonly #options: NodeDiskOptions

  constructor(path: string, descriptor: number, options: NodeDiskOptions) {
    this.#path = path
    this.#descriptor = descriptor
    this.#options = options
  }

  size(done: Answer<number>): void {
    fs.fstat(this.#descriptor, (error, stats) =>
      error === null ? done(undefined, stats.size) : done(map(error), 0),
    )
  }

  read(offset: number, length: number, done: Answer<Uint8Array>): void {
    const bytes = Buffer.allocUnsafeSlow(length)
    let had = 0
    const step = (): void => {
      fs.read(this.#descriptor, bytes, had, length - had, offset + had, (error, count) => {
        if (error !== null) {
          done(map(error), bytes.subarray(0, 0))
          return
        }
        had += count
        if (count === 0 || had === length) done(undefined, bytes.subarray(0, had))
        else step()
      })
    }
    step()
  }

  write(offset: number, pieces: readonly Uint8Array[], done: Answer): void {
    const [first] = pieces
    if (pieces.length === 1 && first!.length <= AT_ONCE_BYTES_MAX && !process.env.ORLOP_X)
      this.#writeNow(offset, first!, done)
    else if (pieces.length === 1) this.#writeOne(offset, first!, done)
    else this.#writeMany(offset, pieces.slice(), done)
  }

  #writeNow(offset: number, piece: Uint8Array, done: Answer): void {
    let error: DiskError | undefined
    try {
      let had = 0
      while (had < piece.length && error === undefined) {
        const count = fs.writeSync(this.#descriptor, piece, had, piece.length - had, offset + had)
        if (count === 0) error = stuck(this.#path)
        had += count
      }
    } catch (thrown) {
      error = map(thrown as NodeJS.ErrnoException)
    }
    process.nextTick(done, error)
  }

  #writeOne(offset: number, piece: Uint8Array, done: Answer): void {
    fs.write(this.#descriptor, piece, 0, piece.length, offset, (error, count) => {
      if (error !== null) done(map(error))
      else if (count === piece.length) done(undefined)
      else if (count === 0) done(stuck(this.#path))
      else this.#writeOne(offset + count, piece.subarray(count), done)
    })
  }

  #writeMany(offset: number, pieces: Uint8Array[], done: Answer): void {
    if (pieces.length === 0) {
      // Also nothing is answered later.
      process.nextTick(done, undefined)
      return
    }
    fs.writev(this.#descriptor, pieces.slice(0, PIECES_MAX), offset, (error, count) => {
      if (error !== null) {
        done(map(error))
        return
      }
      let rest = count
      let whole = 0
      while (whole < pieces.length && rest >= pieces[whole]!.length) rest -= pieces[whole++]!.length
      const left = pieces.slice(whole)
      if (left.length === 0) done(undefined)
      else if (count === 0) done(stuck(this.#path))
      else {
        left[0] = left[0]!.subarray(rest)
        this.#writeMany(offset + count, left, done)
      }
    })
  }

  truncate(length: number, done: Answer): void {
    fs.ftruncate(this.#descriptor, length, error => done(map(error)))
  }

  /** Data and length of the file, not its times: the journal of the file system is left alone where it can be. */
  sync(done: Answer): void {
    const { onSync, skipsSync } = this.#options
    if (skipsSync === true) {
      process.nextTick(done, undefined)
      return
    }
    if (onSync === undefined) {
      fs.fdatasync(this.#descriptor, error => done(map(error)))
      return
    }
    const start = performance.now()
    fs.fdatasync(this.#descriptor, error => {
      onSync(this.#path, performance.now() - start)
      done(map(error))
    })
  }

  close(done: Answer): void {
    fs.close(this.#descriptor, error => done(map(error ?? null)))
  }
}

/** A file as long as this process may make one (RLIMIT_FSIZE) has no room, and may have it later: as on a full disk. */
function map(error: NodeJS.ErrnoException | null): DiskError | undefined {
  if (error === null) return undefined
  return { code: error.code === 'EFBIG' ? 'ENOSPC' : (error.code ?? 'EIO'), message: error.message }
}

function stuck(path: string): DiskError {
  return { code: 'EIO', message: `${path}: the system takes no more bytes` }
}
