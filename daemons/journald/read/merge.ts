import type { Location } from '../codec/cursor.ts'
import { JournalError } from '../codec/errors.ts'
import type { EntryObject } from '../codec/object.ts'
import { type Match, term } from '../query/match.ts'
import type { Direction } from './chain.ts'
import { JournalEntry } from './entry.ts'
import type { Field, JournalFile } from './file.ts'
import { Finder } from './finder.ts'
import { Boots, compareEntries, compareWithLocation, type Place, type Tail } from './order.ts'
import { lastOffset, offsetOf } from './seek.ts'

/** Told of what cannot be read; the rest is. */
export type Report = (file: JournalFile, error: JournalError) => void

/** Where reading begins. */
export type Start = 'head' | 'tail' | Location

/** An entry that was found, and not read yet. */
export interface Step {
  file: JournalFile
  place: Place
  /** Where its fields are. */
  items: readonly number[]
}

/** How to read. */
export interface MergeOptions {
  match: Match | undefined
  direction: Direction
  start: Start
  report: Report
  /** Reading goes on behind this entry, whatever the start is. */
  last?: Step | undefined
}

/** Damaged entries in a row, after which the rest of a file is given up. */
const DAMAGED_MAX = 1000
/** Bytes of all fields of an entry; what does not fit is left out. */
const FIELDS_BYTES_MAX = 256 * 1024 * 1024
/** Entries of one boot in one microsecond. */
const SAME_TIME_MAX = 64

/** A file that is read, and the entry that would be the next one of it. */
interface Reader {
  file: JournalFile
  finder: Finder
  /** Of the entry that was looked at last; undefined before the first. */
  offset: number | undefined
  candidate: { place: Place; items: number[] } | undefined
  isAtEnd: boolean
  /** It was read to its end before: what comes now was written since. */
  isLive: boolean
  tail: Tail | undefined
}

/**
 * The entries of several files as one sequence, in the order of journalctl. An entry that is in several files comes
 * once.
 */
export class Merge {
  readonly #match: Match | undefined
  readonly #direction: Direction
  readonly #report: Report
  readonly #readers = new Map<JournalFile, Reader>()
  #start: Start
  #last: { place: Place; file: JournalFile } | undefined
  #boots = new Boots([])
  /** The latest time of day of an entry, since following began. */
  #newest: bigint | undefined

  constructor(options: MergeOptions) {
    this.#match = options.match
    this.#direction = options.direction
    this.#start = options.start
    this.#report = options.report
    this.#last = options.last
  }

  /** Reads a file too, from where reading is now. */
  async add(file: JournalFile): Promise<void> {
    const reader: Reader = {
      file,
      finder: new Finder(file, this.#match),
      offset: undefined,
      candidate: undefined,
      isAtEnd: false,
      isLive: false,
      tail: undefined,
    }
    try {
      reader.tail = await tailOf(file)
      if (this.#start === 'tail' && this.#direction === 'forward' && this.#last === undefined) {
        // Only what comes from now on.
        reader.offset = await lastOffset(file)
        reader.isLive = true
      }
    } catch (error) {
      this.#fail(reader, error)
    }
    this.#readers.set(file, reader)
    this.#learnBoots()
  }

  remove(file: JournalFile): void {
    this.#readers.delete(file)
    this.#learnBoots()
  }

  /** All that is there has been read or passed over: files that come later are read from their beginning. */
  passTail(): void {
    if (this.#start === 'tail' && this.#direction === 'forward') this.#start = 'head'
  }

  /** All that there was has been read: what comes now is new, and files that come may hold copies of what was. */
  beginFollowing(): void {
    if (this.#newest !== undefined) return
    this.#newest = this.#last?.place.realtime ?? 0n
    for (const { tail } of this.#readers.values())
      if (tail !== undefined && tail.realtime > this.#newest) this.#newest = tail.realtime
  }

  /** Whether a file has nothing more, for now. */
  isAtEnd(file: JournalFile): boolean {
    return this.#readers.get(file)?.isAtEnd ?? true
  }

  /** Files have grown. */
  async grown(files: Iterable<JournalFile>): Promise<void> {
    for (const file of files) {
      const reader = this.#readers.get(file)
      if (reader === undefined) continue
      if (reader.isAtEnd) reader.isLive = true
      reader.isAtEnd = false
      try {
        reader.tail = await tailOf(file)
      } catch (error) {
        this.#fail(reader, error)
      }
    }
    this.#learnBoots()
  }

  /** The next entry, or undefined when there is none now. */
  async next(): Promise<JournalEntry | undefined> {
    const step = await this.skip()
    return step === undefined ? undefined : await this.read(step)
  }

  /** Reads an entry that was found. */
  async read({ file, place, items }: Step): Promise<JournalEntry> {
    return new JournalEntry(place, await this.#fields(file, items))
  }

  /** Goes on by one entry without reading what is in it. */
  async skip(): Promise<Step | undefined> {
    let best: Reader | undefined
    for (const reader of this.#readers.values()) {
      try {
        await this.#advance(reader)
      } catch (error) {
        this.#fail(reader, error)
      }
      if (reader.candidate === undefined) continue
      const order =
        best === undefined ? -1 : compareEntries(reader.candidate.place, best.candidate!.place, this.#boots)
      if (best === undefined || (this.#direction === 'forward' ? order < 0 : order > 0)) best = reader
    }
    if (best === undefined) return undefined
    const { place, items } = best.candidate!
    best.candidate = undefined
    this.#last = { place, file: best.file }
    if (this.#newest !== undefined && place.realtime > this.#newest) this.#newest = place.realtime
    return { file: best.file, place, items }
  }

  /** Finds the next entry of a file that is really beyond the last one that was given. */
  async #advance(reader: Reader): Promise<void> {
    if (reader.candidate !== undefined && (await this.#isNew(reader))) return
    for (let damaged = 0; !reader.isAtEnd; ) {
      const offset = await this.#nextOffset(reader)
      reader.candidate = undefined
      if (offset === 0) {
        reader.isAtEnd = true
        // What is there was passed over; what comes later has not been.
        if (this.#direction === 'forward') reader.offset = await lastOffset(reader.file)
        return
      }
      reader.offset = offset
      try {
        const entry = await reader.file.entry(offset)
        reader.candidate = { place: placeOf(reader.file, entry), items: entry.items }
      } catch (error) {
        if (!(error instanceof JournalError) || ++damaged > DAMAGED_MAX) throw error
        this.#report(reader.file, error)
        continue
      }
      if (await this.#isNew(reader)) return
    }
  }

  async #nextOffset(reader: Reader): Promise<number> {
    const direction = this.#direction
    const step = direction === 'forward' ? 1 : -1
    if (reader.offset !== undefined)
      return await reader.finder.next(Math.max(0, reader.offset + step), direction)
    const at = this.#last?.place ?? this.#start
    const from =
      typeof at === 'object'
        ? await offsetOf(reader.file, at, direction)
        : direction === 'forward'
          ? 0
          : Number.POSITIVE_INFINITY
    // Whoever goes back from the head, or on from the tail, finds nothing.
    if (at === (direction === 'forward' ? 'tail' : 'head')) return 0
    return await reader.finder.next(from, direction)
  }

  /** Whether the candidate of a file comes behind what was given, and is not the same in another file. */
  async #isNew(reader: Reader): Promise<boolean> {
    const { place } = reader.candidate!
    const order =
      this.#last === undefined ? undefined : compareWithLocation(place, this.#last.place, this.#boots)
    if (order === 0) return false
    if (this.#direction === 'backward') return order === undefined || order < 0
    if (this.#newest === undefined) return order === undefined || order > 0
    // While following, what was written just now is the newest of all, and new.
    if (place.realtime > this.#newest) return true
    // A file that has come: what was there before is a copy, or of no interest.
    if (!reader.isLive && (order === undefined || order < 0)) return false
    // What is written late, by another writer's clock, is not lost; but journald copies entries from one file to
    // another, under new numbers.
    return !(await this.#isElsewhere(reader, place))
  }

  async #isElsewhere(reader: Reader, place: Place): Promise<boolean> {
    for (const { file } of this.#readers.values()) {
      if (file === reader.file) continue
      try {
        if (await holds(file, place)) return true
      } catch (error) {
        if (!(error instanceof JournalError)) throw error
      }
    }
    return false
  }

  async #fields(file: JournalFile, items: readonly number[]): Promise<Field[]> {
    const fields: Field[] = []
    let bytes = 0
    for (const offset of items) {
      try {
        const field = file.knownField(offset) ?? (await file.field(offset))
        bytes += field.value.length
        if (bytes > FIELDS_BYTES_MAX)
          throw new JournalError('too-large', `an entry of more than ${FIELDS_BYTES_MAX} bytes`, offset)
        fields.push(field)
      } catch (error) {
        if (!(error instanceof JournalError)) throw error
        this.#report(file, error)
        if (bytes > FIELDS_BYTES_MAX) break
      }
    }
    return fields
  }

  #fail(reader: Reader, error: unknown): void {
    if (!(error instanceof JournalError)) throw error
    reader.isAtEnd = true
    reader.candidate = undefined
    this.#report(reader.file, error)
  }

  #learnBoots(): void {
    this.#boots = new Boots(
      [...this.#readers.values()].flatMap(({ tail }) => (tail === undefined ? [] : [tail])),
    )
  }
}

function placeOf(file: JournalFile, entry: EntryObject): Place {
  const { seqnum, realtime, monotonic, bootId, xorHash } = entry
  return { seqnumId: file.header.seqnumId, seqnum, bootId, monotonic, realtime, xorHash }
}

/** Whether a file has an entry with the same times and contents. */
async function holds(file: JournalFile, { bootId, monotonic, xorHash }: Place): Promise<boolean> {
  const boot = new Finder(file, term('_BOOT_ID', bootId))
  let at = await offsetOf(file, { bootId, monotonic }, 'forward')
  for (let visited = 0; visited < SAME_TIME_MAX && Number.isFinite(at); visited++) {
    at = await boot.next(at, 'forward')
    if (at === 0) return false
    const entry = await file.entry(at)
    if (entry.monotonic !== monotonic) return false
    if (entry.xorHash === xorHash) return true
    at++
  }
  return false
}

async function tailOf(file: JournalFile): Promise<Tail | undefined> {
  const offset = await lastOffset(file)
  if (offset === 0) return undefined
  const { bootId, monotonic, realtime } = await file.entry(offset)
  return { bootId, machineId: file.header.machineId, monotonic, realtime }
}
