import type { DiskError } from '../../member/env.ts'
import type { Entry, HardState } from '../../raft/types.ts'
import type { Log } from '../log.ts'
import { createLog, NO_MARK, type Opened, openLog } from '../open.ts'
import type { Mark } from '../record.ts'
import type { LogOptions } from '../settings.ts'
import { MemoryDisk } from './memory-disk.ts'

/** Where tests keep their log. */
export const FOLDER = 'data/member/wal'
/** Whose log it is in tests. */
export const IDENTITY = { member: 'deadbeefcafe0001', cluster: 'f' }
/** Small segments, so that tests see several. */
export const SMALL: LogOptions = { segmentBytesFirst: 4096, segmentBytesMax: 4096 }

/** The answer to a call: undefined while there is none. */
export interface Outcome<T> {
  error: DiskError | undefined
  value: T
}

/** Runs a call on a memory disk to its answer. */
export function finish<T>(
  disk: MemoryDisk,
  call: (done: (error: DiskError | undefined, value: T) => void) => void,
): Outcome<T> {
  let outcome: Outcome<T> | undefined
  call((error, value) => {
    outcome = { error, value }
  })
  disk.run()
  if (outcome === undefined) throw new Error('the call was never answered')
  return outcome
}

/** A new log on a new disk. */
export function newLog(options: LogOptions = SMALL): { disk: MemoryDisk; log: Log } {
  const disk = new MemoryDisk()
  const { error, value } = finish<Log>(disk, done => createLog(disk, FOLDER, IDENTITY, options, done))
  if (error !== undefined) throw new Error(error.message)
  return { disk, log: value }
}

/** Opens the log on a disk. */
export function reopen(
  disk: MemoryDisk,
  after: Mark = NO_MARK,
  options: LogOptions = SMALL,
): Outcome<Opened> {
  return finish<Opened>(disk, done => openLog(disk, FOLDER, after, options, done))
}

/** An entry whose data says which one it is, filled up to a length. */
export function entry(index: number, term = 1, bytes = 20): Entry {
  const data = Buffer.alloc(bytes, `entry ${index} of term ${term} `)
  return { term, index, type: index % 7 === 0 ? 'config' : 'normal', data }
}

/** A hard state. */
export function hardState(term: number, commit: number, vote = 'a1'): HardState {
  return { term, vote, commit }
}

/** Entries as text, to compare. */
export function summary(entries: readonly Entry[]): string[] {
  return entries.map(({ term, index, type, data }) => `${term}/${index} ${type} ${Buffer.from(data)}`)
}

/** Appends and waits for the answer. */
export function append(disk: MemoryDisk, log: Log, state: HardState | undefined, entries: Entry[]): void {
  const { error } = finish<void>(disk, done => {
    const refusal = log.append(state, entries, done)
    if (refusal !== undefined) throw new Error(refusal.message)
  })
  if (error !== undefined) throw new Error(error.message)
}

/** Numbers from a seed, evenly from 0 up to but not including 1 (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let value = Math.imul(state ^ (state >>> 15), state | 1)
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61)
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32
  }
}
