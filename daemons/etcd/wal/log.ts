import { failpoint } from '#lib/failpoint.ts'
import type { Answer, Disk, DiskError, File } from '../member/env.ts'
import type { Entry, HardState } from '../raft/types.ts'
import { type Chain, frameBytes, sealFrame } from './frame.ts'
import { firstNeeded, type SegmentName, segmentFile, temporaryFile } from './names.ts'
import type { PlantedLogBug } from './planted.ts'
import { Preparation } from './preparation.ts'
import { problem } from './problem.ts'
import {
  Body,
  entryBodyBytes,
  HARD_STATE_BODY_BYTES,
  HEAD_BODY_BYTES,
  type Identity,
  MARK_BODY_BYTES,
  type Mark,
} from './record.ts'
import {
  type LogOptions,
  type LogPosition,
  SEGMENT_BYTES_FIRST,
  SEGMENT_BYTES_MAX,
  SEGMENT_GROWTH,
} from './settings.ts'

/*
 * The log on disk. Duties between the log and its host:
 *
 * 1. What `append` was given is durable when its answer comes without an error, not before. Answers come in the order of
 *    the appends. All that is appended while a sync is under way goes into one frame: one write, one sync.
 * 2. After a failed write or sync the log is dead: everything that waits gets the error, and so does all further use.
 *    Nothing is tried again, as the kernel may have dropped what it could not write. The host ends the process.
 * 3. A full disk is noticed before it hurts. The log writes only into room that was filled with zeros and synced before;
 *    the next segment is made while the one before fills up, and is ready before that is full. When there is no room
 *    to make it, `isLow` is true and `onSpace` is called: the host refuses new work from clients and keeps the rest
 *    of the segment for what the cluster itself must write (elections, commits, members). An append that does not even
 *    fit there is refused with ENOSPC before a byte of it is written; the same append may come again later. Reading
 *    goes on. The host calls `retrySpace` now and then, and after it has removed snapshots or segments.
 * 4. `append` that returns an error has taken nothing and will not call back.
 * 5. A hard state that differs in its commit only need not be durable: `remember` it, the next frame takes it along.
 */

/** Most bytes of one append. */
export const APPEND_BYTES_MAX = 32 * 1024 * 1024
/** What may wait for a sync beside one append. */
export const WAITING_BYTES_MAX = 8 * 1024 * 1024
/** Appends that may wait for a sync. */
export const WAITING_APPENDS_MAX = 16_384
/** A body buffer that has grown beyond is given back after use. */
const BUFFER_BYTES_KEPT = 2 * 1024 * 1024
const BUFFER_BYTES_FIRST = 64 * 1024
/** The next segment is ready when this one is filled to 1/PACE: what is left then is the reserve of duty 3. */
const PACE = 1.25

/** An open log; `open.ts` makes it. */
export class Log {
  readonly identity: Identity
  readonly #disk: Disk
  readonly #folder: string
  readonly #planted: ReadonlySet<PlantedLogBug>
  readonly #options: LogOptions
  readonly #segments: SegmentName[]

  #file: File
  #size: number
  #offset: number
  #chain: Chain
  /** Of what was given here, and of what is in frames: the latter is what the next segment's head says. */
  #lastIndex: number
  #writtenIndex: number
  #hardState: HardState
  #writtenHardState: HardState
  /** `#hardState` is not in a frame yet. */
  #hardStateWaits = false

  /** What is appended now goes here. */
  #waiting = new Body(BUFFER_BYTES_FIRST)
  #waitingDone: Answer[] = []
  /** What is being written; the same two bodies change places for ever. */
  #flying = new Body(BUFFER_BYTES_FIRST)
  #flyingDone: Answer[] = []
  #flyingBytes = 0
  #flyingCheck = 0
  /** A write, a sync or a change of segments is under way. */
  #isBusy = false
  #cutWaits = false

  #next: Preparation
  #isLow = false
  #failure: DiskError | undefined
  #closing: Answer | undefined
  #isReleasing = false

  constructor(disk: Disk, folder: string, position: LogPosition, options: LogOptions) {
    this.#disk = disk
    this.#folder = folder
    this.#options = options
    this.#planted = options.planted ?? new Set()
    this.identity = position.identity
    this.#segments = position.segments
    this.#file = position.file
    this.#size = position.size
    this.#offset = position.offset
    this.#chain = position.chain
    this.#lastIndex = position.lastIndex
    this.#writtenIndex = position.lastIndex
    this.#hardState = position.hardState
    this.#writtenHardState = position.hardState
    this.#next = this.#prepareNext()
  }

  /** There was no room for the next segment: refuse what need not be written. */
  get isLow(): boolean {
    return this.#isLow
  }

  /** Why the log is dead, or undefined. */
  get failure(): DiskError | undefined {
    return this.#failure
  }

  /** Appends that are not answered yet. */
  get unanswered(): number {
    return this.#waitingDone.length + this.#flyingDone.length
  }

  /** Segments on disk, oldest first. */
  get segments(): readonly SegmentName[] {
    return this.#segments
  }

  /**
   * Makes entries and a hard state durable, together or not at all.
   *
   * @returns an error when nothing was taken and `done` will not be called: EAGAIN, EFBIG, ENOSPC, ECLOSED, or the
   *   failure of the log
   */
  append(hardState: HardState | undefined, entries: readonly Entry[], done: Answer): DiskError | undefined {
    let bytes = 0
    for (let at = 0; at < entries.length; at++) bytes += entryBodyBytes(entries[at]!)
    const refusal = this.#refusal(bytes)
    if (refusal !== undefined) return refusal
    for (let at = 0; at < entries.length; at++) this.#waiting.addEntry(entries[at]!)
    if (entries.length > 0) this.#lastIndex = entries[entries.length - 1]!.index
    if (hardState !== undefined) this.remember(hardState)
    this.#waitingDone.push(done)
    if (!this.#isBusy) this.#flush()
    return undefined
  }

  /** Has the next frame say this hard state too; nobody is told when. */
  remember(hardState: HardState): void {
    this.#hardState = hardState
    this.#hardStateWaits = true
  }

  /** Says in the log that a snapshot is durable, which must be so already. As `append`. */
  mark(mark: Mark, done: Answer): DiskError | undefined {
    const refusal = this.#refusal(MARK_BODY_BYTES)
    if (refusal !== undefined) return refusal
    this.#waiting.addMark(mark)
    this.#lastIndex = Math.max(this.#lastIndex, mark.index)
    this.#waitingDone.push(done)
    if (!this.#isBusy) this.#flush()
    return undefined
  }

  /**
   * Removes the segments that nobody needs who has a snapshot at `index`; that snapshot must be marked. Give it the
   * oldest snapshot that is kept, so that each of them can be started from.
   */
  release(index: number, done: Answer): DiskError | undefined {
    if (this.#failure !== undefined) return this.#failure
    if (this.#isReleasing) return problem('EBUSY', 'segments of the log are being removed already')
    this.#isReleasing = true
    let count = firstNeeded(this.#segments, index)
    const finish = (error: DiskError | undefined): void => {
      this.#isReleasing = false
      done(error)
    }
    // Oldest first, so that what remains has no gap.
    const step = (error?: DiskError): void => {
      if (error !== undefined && error.code !== 'ENOENT') {
        finish(error)
        return
      }
      if (count === 0) {
        this.#disk.syncFolder(this.#folder, finish)
        return
      }
      count -= 1
      this.#disk.remove(`${this.#folder}/${segmentFile(this.#segments.shift()!)}`, step)
    }
    if (count === 0) this.#disk.list(this.#folder, error => finish(error))
    else step()
    return undefined
  }

  /** Tries again to make room when there was none. `onSpace` tells when there is. */
  retrySpace(): void {
    if (this.#failure !== undefined || this.#closing !== undefined) return
    if (this.#next.hasFailed) {
      this.#next = this.#prepare(this.#options.segmentBytesFirst ?? SEGMENT_BYTES_FIRST)
      this.#next.advance(1)
    } else if (this.#next.isReady) {
      this.#setLow(false)
    }
  }

  /** Ends the log when all that was appended is answered. */
  close(done: Answer): void {
    this.#closing = done
    if (!this.#isBusy) this.#flush()
  }

  #refusal(bytes: number): DiskError | undefined {
    if (this.#failure !== undefined) return this.#failure
    if (this.#closing !== undefined) return problem('ECLOSED', 'the log is closed')
    if (bytes > APPEND_BYTES_MAX)
      return problem('EFBIG', `${bytes} bytes are more than one append to the log may have`)
    const waiting = this.#waiting.length
    const appends = this.#waitingDone.length
    if (appends > 0 && (waiting + bytes > WAITING_BYTES_MAX || appends >= WAITING_APPENDS_MAX))
      return problem('EAGAIN', 'too much waits for the log')
    if (this.#next.hasFailed) {
      const room = this.#size - this.#offset - this.#flyingBytes
      if (frameBytes(waiting + bytes + HARD_STATE_BODY_BYTES) > room) return this.#full()
    }
    return undefined
  }

  #full(): DiskError {
    return problem('ENOSPC', `no space left for the log in ${this.#folder}`)
  }

  /** Writes what waits, when nothing is under way. */
  #flush(): void {
    if (this.#isBusy) return
    if (this.#failure !== undefined || this.#waitingDone.length === 0) {
      this.#finishClosing()
      return
    }
    const hardState = this.#hardStateWaits ? HARD_STATE_BODY_BYTES : 0
    const needed = frameBytes(this.#waiting.length + hardState)
    if (this.#offset + needed > this.#size) this.#cut(needed)
    else this.#write()
  }

  #write(): void {
    const body = this.#waiting
    if (this.#hardStateWaits) {
      body.addHardState(this.#hardState)
      this.#hardStateWaits = false
    }
    // An append without entries and without a hard state: a frame must not be empty.
    if (body.length === 0) body.addHardState(this.#hardState)
    this.#writtenIndex = this.#lastIndex
    this.#writtenHardState = this.#hardState
    this.#waiting = this.#flying
    if (this.#waiting.bytes.length > BUFFER_BYTES_KEPT) this.#waiting = new Body(BUFFER_BYTES_FIRST)
    this.#waiting.length = 0
    this.#flying = body
    this.#flyingDone = this.#waitingDone
    this.#waitingDone = []
    this.#flyingBytes = frameBytes(body.length)
    this.#flyingCheck = sealFrame(body.bytes, body.length, this.#chain, this.#offset)
    this.#isBusy = true
    failpoint('wal.beforeWrite')
    this.#file.write(this.#offset, [body.bytes.subarray(0, this.#flyingBytes)], this.#onWritten)
  }

  readonly #onWritten = (error: DiskError | undefined): void => {
    if (error !== undefined) {
      this.#fail(error)
      return
    }
    failpoint('wal.beforeSync')
    if (this.#planted.has('answerBeforeSync')) {
      const done = this.#flyingDone
      this.#flyingDone = []
      answerAll(done, undefined)
    }
    if (this.#planted.has('skipSync')) this.#onSynced(undefined)
    else this.#file.sync(this.#onSynced)
  }

  readonly #onSynced = (error: DiskError | undefined): void => {
    if (error !== undefined) {
      this.#fail(error)
      return
    }
    failpoint('wal.afterSync')
    this.#offset += this.#flyingBytes
    this.#flyingBytes = 0
    this.#chain = { number: this.#chain.number + 1, check: this.#flyingCheck }
    const done = this.#flyingDone
    this.#flyingDone = []
    this.#isBusy = false
    this.#advance()
    // The disk works on what waits while the answers are given.
    this.#flush()
    answerAll(done, undefined)
  }

  /** Goes on in a new segment. */
  #cut(needed: number): void {
    const bytes = frameBytes(HEAD_BODY_BYTES) + needed
    if (this.#next.hasFailed) {
      this.#refuseWaiting()
      return
    }
    this.#cutWaits = !this.#next.isReady || this.#next.bytes < bytes
    if (this.#cutWaits) {
      this.#next.demand(bytes)
      return
    }
    const { sequence } = this.#segments.at(-1)!
    const name: SegmentName = { sequence: sequence + 1, index: this.#writtenIndex + 1 }
    const head = new Body(frameBytes(HEAD_BODY_BYTES) + frameBytes(0))
    head.addHead({
      identity: this.identity,
      segment: name.sequence,
      lastIndex: this.#writtenIndex,
      hardState: this.#writtenHardState,
    })
    const check = sealFrame(head.bytes, head.length, this.#chain, 0)
    const offset = frameBytes(head.length)
    const file = this.#next.take()
    this.#isBusy = true
    // The head is durable before the segment gets its name: a segment without a head is corrupt, never torn.
    file.write(0, [head.bytes.subarray(0, offset)], error => {
      if (error !== undefined) return this.#fail(error)
      failpoint('wal.cut.beforeSync')
      file.sync(error => {
        if (error !== undefined) return this.#fail(error)
        failpoint('wal.cut.beforeRename')
        this.#disk.rename(this.#next.path, `${this.#folder}/${segmentFile(name)}`, error => {
          if (error !== undefined) return this.#onNotRenamed(error)
          this.#syncName(() => {
            this.#adopt(name, file, offset, { number: this.#chain.number + 1, check })
          })
        })
      })
    })
  }

  #onNotRenamed(error: DiskError): void {
    if (!isFull(error)) {
      this.#fail(error)
      return
    }
    this.#isBusy = false
    this.#setLow(true)
    this.#refuseWaiting()
  }

  #syncName(then: () => void): void {
    failpoint('wal.cut.beforeFolderSync')
    if (this.#planted.has('skipFolderSync')) {
      then()
      return
    }
    this.#disk.syncFolder(this.#folder, error => {
      if (error !== undefined) this.#fail(error)
      else then()
    })
  }

  #adopt(name: SegmentName, file: File, offset: number, chain: Chain): void {
    failpoint('wal.cut.afterFolderSync')
    // All of the old one is synced; that it cannot be closed would harm nobody.
    this.#file.close(() => undefined)
    this.#segments.push(name)
    this.#file = file
    this.#size = this.#next.bytes
    this.#offset = offset
    this.#chain = chain
    this.#next = this.#prepareNext()
    this.#isBusy = false
    this.#flush()
  }

  #prepareNext(): Preparation {
    const most = this.#options.segmentBytesMax ?? SEGMENT_BYTES_MAX
    const next = this.#prepare(Math.min(most, this.#size * SEGMENT_GROWTH))
    next.advance((PACE * this.#offset) / this.#size)
    return next
  }

  #prepare(bytes: number): Preparation {
    const path = `${this.#folder}/${temporaryFile(this.#segments.at(-1)!.sequence + 1)}`
    return new Preparation(this.#disk, path, bytes, error => this.#onPrepared(error))
  }

  #advance(): void {
    this.#next.advance((PACE * this.#offset) / this.#size)
  }

  #onPrepared(error: DiskError | undefined): void {
    if (this.#failure !== undefined) return
    if (error !== undefined && !isFull(error)) {
      this.#fail(error)
      return
    }
    this.#setLow(error !== undefined)
    if (this.#cutWaits) this.#flush()
  }

  #setLow(isLow: boolean): void {
    if (this.#isLow === isLow) return
    this.#isLow = isLow
    this.#options.onSpace?.(isLow)
  }

  /** What waits does not fit and was not begun: it is given back. */
  #refuseWaiting(): void {
    const done = this.#waitingDone
    this.#waitingDone = []
    this.#waiting.length = 0
    this.#cutWaits = false
    this.#lastIndex = this.#writtenIndex
    this.#hardState = this.#writtenHardState
    this.#hardStateWaits = false
    answerAll(done, this.#full())
    this.#finishClosing()
  }

  #fail(error: DiskError): void {
    if (this.#failure !== undefined) return
    this.#failure = problem(error.code, `the log can no longer be written: ${error.message}`)
    const done = this.#flyingDone.concat(this.#waitingDone)
    this.#flyingDone = []
    this.#waitingDone = []
    this.#isBusy = false
    answerAll(done, this.#failure)
    this.#finishClosing()
  }

  #finishClosing(): void {
    const done = this.#closing
    if (done === undefined || this.#isBusy || this.#waitingDone.length > 0) return
    this.#isBusy = true
    const file = this.#file
    this.#next.abandon(() => file.close(done))
  }
}

function isFull(error: DiskError): boolean {
  return error.code === 'ENOSPC' || error.code === 'EDQUOT'
}

function answerAll(done: readonly Answer[], error: DiskError | undefined): void {
  for (let at = 0; at < done.length; at++) done[at]!(error)
}
