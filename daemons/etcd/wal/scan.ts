import type { Answer, Disk, DiskError, File } from '../member/env.ts'
import type { Chain } from './frame.ts'
import { type Contents, History, MarkError } from './history.ts'
import { firstNeeded, isTemporaryFile, parseSegmentFile, type SegmentName, segmentFile } from './names.ts'
import type { PlantedLogBug } from './planted.ts'
import { corrupt, problem } from './problem.ts'
import { type Mark, readBody, VersionError } from './record.ts'
import { readSegment, readTail, type SegmentEnd } from './segment-reader.ts'
import { judgeTail } from './tail.ts'

/** What reading the log came to, with the last segment still open. */
export interface Scan {
  contents: Contents
  /** All there are, oldest first. */
  segments: SegmentName[]
  /** Of segments that never became part of the log. */
  temporaryFiles: string[]
  file: File
  /** Of the last segment, bytes. */
  size: number
  /** Where the next frame goes, and what it continues. */
  offset: number
  chain: Chain
  lastIndex: number
  /** What stands behind `offset` and was never acknowledged. */
  tornBytes: number
}

const NOTHING: ReadonlySet<PlantedLogBug> = new Set()

/**
 * Reads the log without changing anything.
 *
 * @param after the snapshot that the caller has; index 0 when none
 * @param done answers ENOENT when there is no log, ECORRUPT, EMARK, or what the disk says
 */
export function scanLog(
  disk: Disk,
  folder: string,
  after: Mark,
  done: Answer<Scan>,
  planted: ReadonlySet<PlantedLogBug> = NOTHING,
): void {
  new Scanner(disk, folder, after, done, planted).start()
}

class Scanner {
  readonly #disk: Disk
  readonly #folder: string
  readonly #done: Answer<Scan>
  readonly #planted: ReadonlySet<PlantedLogBug>
  readonly #after: Mark
  readonly #history: History
  #segments: SegmentName[] = []
  #temporaryFiles: string[] = []
  #place = 0
  #file: File | undefined
  #size = 0
  #chain: Chain | undefined

  constructor(
    disk: Disk,
    folder: string,
    after: Mark,
    done: Answer<Scan>,
    planted: ReadonlySet<PlantedLogBug>,
  ) {
    this.#disk = disk
    this.#folder = folder
    this.#after = after
    this.#done = done
    this.#planted = planted
    this.#history = new History(after)
  }

  start(): void {
    this.#disk.list(this.#folder, (error, files) => {
      if (error !== undefined) return this.#fail(error)
      this.#temporaryFiles = files.filter(isTemporaryFile)
      this.#segments = files
        .map(parseSegmentFile)
        .filter(name => name !== undefined)
        .toSorted((a, b) => a.sequence - b.sequence)
      if (this.#segments.length === 0) return this.#fail(problem('ENOENT', `${this.#folder} holds no log`))
      this.#place = firstNeeded(this.#segments, this.#after.index)
      this.#openSegment()
    })
  }

  get #path(): string {
    return `${this.#folder}/${segmentFile(this.#segments[this.#place]!)}`
  }

  get #isLast(): boolean {
    return this.#place === this.#segments.length - 1
  }

  #openSegment(): void {
    this.#disk.open(this.#path, { create: false }, (error, file) => {
      if (error !== undefined) return this.#fail(error)
      this.#file = file
      file.size((error, size) => {
        if (error !== undefined) return this.#fail(error)
        this.#size = size
        this.#readSegment(file)
      })
    })
  }

  #readSegment(file: File): void {
    const history = this.#history
    const headsBefore = history.heads
    let isFirst = true
    readSegment({
      file,
      size: this.#size,
      chain: this.#chain,
      skipCheck: this.#planted.has('skipCheck'),
      onBody: (bytes, start, end) => {
        readBody(bytes, start, end, history)
        if (history.heads !== headsBefore + 1) throw new RangeError('the head of the segment is out of place')
        const name = this.#segments[this.#place]!
        if (isFirst && (history.lastIndex + 1 !== name.index || history.segment !== name.sequence))
          throw new RangeError('the head of the segment says another place than its name')
        isFirst = false
      },
      onEnd: (error, end, thrown) => {
        if (error !== undefined) return this.#fail(error)
        if (thrown !== undefined) return this.#refuse(end.offset, thrown)
        this.#onEnd(file, end)
      },
    })
  }

  /** The chain does not go on in this segment: at its end, by a tear, or by damage. */
  #onEnd(file: File, end: SegmentEnd): void {
    readTail(file, end.offset, this.#size, (error, tail) => {
      if (error !== undefined) return this.#fail(error)
      const why = tail.length === 0 ? undefined : judgeTail(tail, end.offset, this.#chainOr(end))
      const isTolerated = this.#planted.has('cutCorrupt')
      // Each segment is begun with its head, synced, before it gets its name.
      if (end.offset === 0) return this.#refuse(0, why ?? 'its head is missing')
      if (why !== undefined && !isTolerated) return this.#refuse(end.offset, why)
      if (this.#isLast) return this.#finish(file, end, tail)
      if (tail.length > 0) return this.#refuse(end.offset, 'a frame is torn, and another segment follows')
      this.#nextSegment(file, end)
    })
  }

  #chainOr(end: SegmentEnd): Chain {
    return end.offset === 0 ? (this.#chain ?? end.chain) : end.chain
  }

  #nextSegment(file: File, end: SegmentEnd): void {
    const path = this.#path
    this.#chain = end.chain
    file.close(error => {
      this.#file = undefined
      if (error !== undefined) return this.#fail(error)
      const before = this.#segments[this.#place]!.sequence
      this.#place += 1
      if (this.#segments[this.#place]!.sequence !== before + 1)
        return this.#fail(corrupt(path, end.offset, 'the segment that follows is missing'))
      this.#openSegment()
    })
  }

  #finish(file: File, end: SegmentEnd, tail: Uint8Array): void {
    const { offset, chain } = end
    let contents: Contents
    try {
      if (this.#planted.has('acceptTorn') && tail.length > 0) this.#readTorn(tail)
      contents = this.#history.contents()
    } catch (thrown) {
      this.#refuse(offset, thrown)
      return
    }
    this.#file = undefined
    this.#done(undefined, {
      contents,
      segments: this.#segments,
      temporaryFiles: this.#temporaryFiles,
      file,
      size: this.#size,
      offset,
      chain,
      lastIndex: this.#history.lastIndex,
      tornBytes: tail.length,
    })
  }

  /** Planted bug: takes what is left of a torn frame for records. */
  #readTorn(tail: Uint8Array): void {
    try {
      readBody(tail, Math.min(32, tail.length), tail.length, this.#history)
    } catch {
      // What was readable has been taken.
    }
  }

  #refuse(offset: number, why: unknown): void {
    if (why instanceof MarkError) {
      this.#fail(problem('EMARK', `${this.#folder}: ${why.message}`))
      return
    }
    if (why instanceof VersionError) {
      this.#fail(problem('EVERSION', `${this.#path}: ${why.message}`))
      return
    }
    const text = why instanceof Error ? why.message : String(why)
    this.#fail(corrupt(this.#path, offset, text))
  }

  #fail(error: DiskError): void {
    const file = this.#file
    const none = undefined as unknown as Scan
    if (file === undefined) this.#done(error, none)
    else file.close(() => this.#done(error, none))
  }
}
