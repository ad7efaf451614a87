import type { Disk, DiskError, File } from '../member/env.ts'
import { problem } from './problem.ts'

/** Zeros are written in such slices, so that syncs of the log need not wait long behind them. */
const SLICE_BYTES = 256 * 1024
/** After so many bytes of zeros they are synced. */
const SYNC_BYTES = 1 * 1024 * 1024
const ZEROS = new Uint8Array(SLICE_BYTES)

/**
 * The next segment of the log, made while the one before fills up: a file of zeros under a temporary name.
 *
 * Zeros are written, not only room reserved: a first write into a hole or a reserved block changes the file system's
 * metadata, so that each sync of the log would write its journal too, and it may find the disk full. A write over
 * zeros changes nothing but the data.
 */
export class Preparation {
  readonly path: string
  readonly #disk: Disk
  readonly #answer: (error: DiskError | undefined) => void
  #file: File | undefined
  #bytes: number
  #goal = 0
  #written = 0
  #synced = 0
  #working = false
  #failed = false
  #abandoned: (() => void) | undefined

  /** @param answer called whenever it has become ready, or has failed, after which it is of no use */
  constructor(disk: Disk, path: string, bytes: number, answer: (error: DiskError | undefined) => void) {
    this.#disk = disk
    this.path = path
    this.#bytes = bytes
    this.#answer = answer
  }

  /** Its length when it is ready. */
  get bytes(): number {
    return this.#bytes
  }

  get isReady(): boolean {
    return this.#file !== undefined && this.#synced === this.#bytes && !this.#failed
  }

  get hasFailed(): boolean {
    return this.#failed
  }

  /** The file of a preparation that is ready; it belongs to the caller now. */
  take(): File {
    const file = this.#file
    if (file === undefined || !this.isReady || this.#working) throw new Error('the segment is not ready')
    return file
  }

  /** Makes it at least so long, now. */
  demand(bytes: number): void {
    this.#bytes = Math.max(this.#bytes, bytes)
    this.advance(1)
  }

  /** Goes on until that part of it is there: from 0 to 1. */
  advance(part: number): void {
    this.#goal = Math.max(this.#goal, Math.ceil(this.#bytes * Math.min(1, part)))
    if (!this.#working && !this.#failed) this.#step()
  }

  /** Ends the work and leaves the file for the next start to sweep; calls back when nothing touches it any more. */
  abandon(done: () => void): void {
    this.#abandoned = done
    if (!this.#working) this.#leave()
  }

  #step(): void {
    if (this.#abandoned !== undefined) {
      this.#leave()
      return
    }
    if (this.isReady) return
    if (this.#written >= this.#goal && this.#written < this.#bytes) return
    this.#working = true
    if (this.#file === undefined) {
      // One may be left of a failure whose remains could not be removed.
      this.#disk.remove(this.path, () =>
        this.#disk.open(this.path, { create: true }, (error, file) => {
          if (error === undefined) this.#file = file
          this.#next(error)
        }),
      )
    } else if (this.#written === this.#bytes || this.#written - this.#synced >= SYNC_BYTES) {
      const written = this.#written
      this.#file.sync(error => {
        if (error === undefined) this.#synced = written
        this.#next(error)
      })
    } else {
      const length = Math.min(SLICE_BYTES, this.#bytes - this.#written)
      const slice = length === SLICE_BYTES ? ZEROS : ZEROS.subarray(0, length)
      this.#file.write(this.#written, [slice], error => {
        if (error === undefined) this.#written += length
        this.#next(error)
      })
    }
  }

  #next(error: DiskError | undefined): void {
    this.#working = false
    if (this.#abandoned !== undefined) {
      this.#leave()
      return
    }
    if (error !== undefined) {
      this.#fail(error)
      return
    }
    if (this.isReady) {
      this.#answer(undefined)
      return
    }
    this.#step()
  }

  /** Gives back the room it took: a snapshot, which would let old segments go, may need it. */
  #fail(error: DiskError): void {
    this.#failed = true
    const tell = (): void =>
      this.#answer(problem(error.code, `cannot make room for the log: ${error.message}`))
    const file = this.#file
    this.#file = undefined
    if (file === undefined) {
      tell()
      return
    }
    this.#working = true
    file.close(() =>
      this.#disk.remove(this.path, () => {
        this.#working = false
        if (this.#abandoned !== undefined) this.#leave()
        else tell()
      }),
    )
  }

  #leave(): void {
    const done = this.#abandoned!
    this.#failed = true
    const file = this.#file
    this.#file = undefined
    if (file === undefined) done()
    else file.close(() => done())
  }
}
