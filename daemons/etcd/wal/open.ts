import type { Answer, Disk, DiskError, File } from '../member/env.ts'
import { frameBytes, sealFrame } from './frame.ts'
import type { Contents } from './history.ts'
import { Log } from './log.ts'
import {
  folderAbove,
  isTemporaryFile,
  parseSegmentFile,
  type SegmentName,
  segmentFile,
  temporaryFile,
} from './names.ts'
import { Preparation } from './preparation.ts'
import { problem } from './problem.ts'
import { Body, HEAD_BODY_BYTES, type Identity, type Mark } from './record.ts'
import { type Scan, scanLog } from './scan.ts'
import { type LogOptions, SEGMENT_BYTES_FIRST } from './settings.ts'

/** Zeros over a torn tail are written in such slices. */
const SLICE_BYTES = 256 * 1024
/** A member without a snapshot. */
export const NO_MARK: Mark = { term: 0, index: 0 }

/** A log that was opened. */
export interface Opened extends Contents {
  log: Log
  /** What was cut off because a crash had torn it, for the operator's log; undefined when nothing. */
  repaired: Repair | undefined
}

/** A torn tail: it was never acknowledged. */
export interface Repair {
  path: string
  offset: number
  bytes: number
}

/**
 * Opens the log of a member and cuts off what a crash has torn.
 *
 * @param after the snapshot that the member starts from, NO_MARK when it has none. Load the newest one that is whole,
 *   and on EMARK the one before it.
 * @param done answers ENOENT when there is no log yet, EMARK, ECORRUPT (the message names file and offset), or what the
 *   disk says
 */
export function openLog(
  disk: Disk,
  folder: string,
  after: Mark,
  options: LogOptions,
  done: Answer<Opened>,
): void {
  scanLog(
    disk,
    folder,
    after,
    (error, scan) => {
      if (error !== undefined) return done(error, undefined as never)
      const fail = (error: DiskError): void => scan.file.close(() => done(error, undefined as never))
      // A process that was killed while the machine went on may have left frames and names in the page cache only; they
      // are relied on from here on, so they must be on the disk.
      const syncNames = (error: DiskError | undefined, next: Answer): void =>
        error === undefined ? disk.syncFolder(folder, next) : next(error)
      sweep(disk, folder, scan.temporaryFiles, error => {
        if (error !== undefined) return fail(error)
        const isTorn = scan.tornBytes > 0 && options.planted?.has('skipRepair') !== true
        const finish: Answer = error => {
          if (error !== undefined) fail(error)
          else done(undefined, opened(disk, folder, scan, options))
        }
        if (isTorn) repair(scan.file, scan.offset, scan.tornBytes, error => syncNames(error, finish))
        else scan.file.sync(error => syncNames(error, finish))
      })
    },
    options.planted,
  )
}

/** Reads the log for a backup or an examination: nothing is changed, a torn tail is left out. */
export function readLog(
  disk: Disk,
  folder: string,
  after: Mark,
  done: Answer<Contents & { torn: Repair | undefined }>,
): void {
  scanLog(disk, folder, after, (error, scan) => {
    if (error !== undefined) return done(error, undefined as never)
    scan.file.close(() => done(undefined, { ...scan.contents, torn: tornOf(folder, scan) }))
  })
}

/** Makes the log of a new member. Answers EEXIST when there is one. */
export function createLog(
  disk: Disk,
  folder: string,
  identity: Identity,
  options: LogOptions,
  done: Answer<Log>,
): void {
  const fail = (error: DiskError): void => done(error, undefined as never)
  const bytes = options.segmentBytesFirst ?? SEGMENT_BYTES_FIRST
  const name: SegmentName = { sequence: 0, index: 1 }
  const temporary = `${folder}/${temporaryFile(0)}`
  const hardState = { term: 0, vote: '', commit: 0 } as const
  const head = new Body(2 * frameBytes(HEAD_BODY_BYTES))
  head.addHead({ identity, segment: 0, lastIndex: 0, hardState })
  const check = sealFrame(head.bytes, head.length, { number: 0, check: 0 }, 0)
  const offset = frameBytes(head.length)
  makeEmptyFolder(disk, folder, error => {
    if (error !== undefined) return fail(error)
    const preparation = new Preparation(disk, temporary, bytes, error => {
      if (error !== undefined) return fail(error)
      const file = preparation.take()
      const steps: ((next: Answer) => void)[] = [
        next => file.write(0, [head.bytes.subarray(0, offset)], next),
        next => file.sync(next),
        next => disk.rename(temporary, `${folder}/${segmentFile(name)}`, next),
        next => disk.syncFolder(folder, next),
        next => disk.syncFolder(folderAbove(folder), next),
        next => disk.syncFolder(folderAbove(folderAbove(folder)), next),
      ]
      inTurn(steps, error => {
        if (error !== undefined) return file.close(() => fail(error))
        const chain = { number: 1, check }
        const position = {
          identity,
          segments: [name],
          file,
          size: bytes,
          offset,
          chain,
          lastIndex: 0,
          hardState,
        }
        done(undefined, new Log(disk, folder, position, options))
      })
    })
    preparation.advance(1)
  })
}

/** Whether a folder holds a log: ENOENT and an empty folder are no. */
export function hasLog(disk: Disk, folder: string, done: Answer<boolean>): void {
  disk.list(folder, (error, files) => {
    if (error !== undefined && error.code !== 'ENOENT') return done(error, false)
    done(undefined, error === undefined && files.some(file => parseSegmentFile(file) !== undefined))
  })
}

function makeEmptyFolder(disk: Disk, folder: string, done: Answer): void {
  disk.makeFolder(folder, error => {
    if (error !== undefined) return done(error)
    disk.list(folder, (error, files) => {
      if (error !== undefined) return done(error)
      if (files.some(file => parseSegmentFile(file) !== undefined))
        return done(problem('EEXIST', `${folder} holds a log already`))
      sweep(disk, folder, files.filter(isTemporaryFile), done)
    })
  })
}

function sweep(disk: Disk, folder: string, files: readonly string[], done: Answer): void {
  inTurn(
    files.map(file => (next: Answer) => disk.remove(`${folder}/${file}`, next)),
    done,
  )
}

/**
 * Writes zeros where the torn frame was. The room stays as it is for the frames to come, and no piece of the torn one
 * is left to be met behind them. A crash in the middle leaves fewer pieces of a torn frame, which is one still.
 */
function repair(file: File, offset: number, bytes: number, done: Answer): void {
  const zeros = new Uint8Array(Math.min(bytes, SLICE_BYTES))
  const steps: ((next: Answer) => void)[] = []
  // From the back: as long as the header is there, it tells how long the frame was.
  for (let end = bytes; end > 0; end -= SLICE_BYTES) {
    const start = Math.max(0, end - SLICE_BYTES)
    steps.push(next => file.write(offset + start, [zeros.subarray(0, end - start)], next))
  }
  steps.push(next => file.sync(next))
  inTurn(steps, done)
}

function opened(disk: Disk, folder: string, scan: Scan, options: LogOptions): Opened {
  const { contents, segments, file, size, offset, chain, lastIndex } = scan
  const { identity, hardState } = contents
  const position = { identity, segments, file, size, offset, chain, lastIndex, hardState }
  return { ...contents, log: new Log(disk, folder, position, options), repaired: tornOf(folder, scan) }
}

function tornOf(folder: string, scan: Scan): Repair | undefined {
  if (scan.tornBytes === 0) return undefined
  return {
    path: `${folder}/${segmentFile(scan.segments.at(-1)!)}`,
    offset: scan.offset,
    bytes: scan.tornBytes,
  }
}

function inTurn(steps: readonly ((next: Answer) => void)[], done: Answer): void {
  let at = 0
  const step = (error: DiskError | undefined): void => {
    if (error !== undefined || at === steps.length) {
      done(error)
      return
    }
    at += 1
    steps[at - 1]!(step)
  }
  step(undefined)
}
