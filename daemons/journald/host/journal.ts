import { type Location, parseCursor } from '../codec/cursor.ts'
import { type Match, parseMatches } from '../query/match.ts'
import type { Direction } from '../read/chain.ts'
import type { JournalEntry } from '../read/entry.ts'
import type { JournalFile } from '../read/file.ts'
import { Merge, type Start, type Step } from '../read/merge.ts'
import { Changes } from './changes.ts'
import { type OnProblem, OpenFiles } from './files.ts'
import { foldersOf, type Places } from './places.ts'

/** Where reading begins. */
export type From =
  /** The first entry, or the end. */
  | 'head'
  | 'tail'
  /** So many entries before the end. */
  | { last: number }
  /** The first entry at a time of day, in microseconds since 1970, or after. */
  | { realtime: bigint }
  /** The first entry at so many microseconds after a boot, or after. */
  | { bootId: string; monotonic: bigint }
  /** The entry of a cursor, or the one after it. It need not be of these journals, nor still be there. */
  | { cursor: string; after?: boolean }

/** What to read. */
export interface ReadOptions {
  /** Terms as journalctl takes them (`_PID=1`, `+`), or a query put together by `term`, `and` and `or`. */
  matches?: readonly string[] | Match | undefined
  /** By default `head`, and `tail` for going backward. */
  from?: From | undefined
  direction?: Direction | undefined
  /** After the last entry waits for more, until the signal. */
  follow?: boolean | undefined
  /** Ends reading, as if there were nothing more. */
  signal?: AbortSignal | undefined
}

/** Settings of a journal. */
export interface JournalOptions extends Places {
  /** Told of files, entries and fields that cannot be read. They are passed over. */
  onProblem?: OnProblem | undefined
}

/** The most entries that `{ last }` goes back. */
const LAST_MAX = 1_000_000
/** At the first time it may have been copied since; at the second the copies are found; at the third they were read. */
const GONE_TIMES = 3

/**
 * The journal of a machine, or that in a folder or in some files.
 *
 * It holds nothing open: each `entries()` opens the files for itself, so one journal can be read by many at once.
 */
export class Journal {
  readonly #places: Places
  readonly #onProblem: OnProblem

  /** Without `files` or `directory`: the journal of this machine. */
  constructor({ onProblem, ...places }: JournalOptions = {}) {
    this.#places = places
    this.#onProblem = onProblem ?? (() => {})
  }

  /**
   * Reads entries in order.
   *
   * @throws RangeError for a query, cursor or option that is none; never for what is in the files
   */
  async *entries(options: ReadOptions = {}): AsyncGenerator<JournalEntry, void, undefined> {
    const plan = planOf(options)
    const { signal } = options
    const files = new OpenFiles(this.#places, this.#onProblem, signal)
    const changes = plan.follow ? new Changes() : undefined
    try {
      // Watched before the first look, so that nothing falls between.
      changes?.watch(await this.#watched())
      await files.scan()
      const { merge, first } = await begin(files, plan, signal)
      if (first !== undefined) yield first
      let passOver = plan.after
      const gone = new Map<JournalFile, number>()
      for (;;) {
        if (signal?.aborted === true) return
        const entry = await merge.next()
        if (entry !== undefined) {
          if (passOver === undefined || !isAt(entry, passOver)) yield entry
          passOver = undefined
          continue
        }
        if (changes === undefined) return
        merge.beginFollowing()
        await changes.wait(signal)
        // Before new files are looked for: of one that is gone by then, what was written last is read nevertheless.
        await merge.grown(await files.refresh())
        if (!changes.takeMoves()) continue
        changes.watch(await this.#watched())
        await lookAround(files, merge, gone)
      }
    } catch (error) {
      if (signal?.aborted !== true) throw error
    } finally {
      changes?.close()
      await files.close()
    }
  }

  async #watched(): Promise<string[]> {
    return [...(this.#places.files ?? []), ...(await foldersOf(this.#places))]
  }
}

/** Options that have been checked. */
interface Plan {
  match: Match | undefined
  direction: Direction
  start: Start
  last: number | undefined
  /** The entry here is passed over. */
  after: Location | undefined
  follow: boolean
}

function planOf({ matches, from, direction = 'forward', follow = false }: ReadOptions): Plan {
  if (follow && direction === 'backward') throw new RangeError('Cannot follow: the direction is backward')
  const match = matches === undefined || 'kind' in matches ? matches : parseMatches(matches)
  const start = from ?? (direction === 'forward' ? 'head' : 'tail')
  const plan: Plan = { match, direction, start: 'head', last: undefined, after: undefined, follow }
  if (typeof start === 'string') return { ...plan, start }
  if ('cursor' in start) {
    const at = parseCursor(start.cursor)
    if (at === undefined) throw new RangeError(`Cannot seek: ${JSON.stringify(start.cursor)} is no cursor`)
    return { ...plan, start: at, after: start.after === true ? at : undefined }
  }
  if (!('last' in start)) return { ...plan, start }
  if (!Number.isInteger(start.last) || start.last < 0 || start.last > LAST_MAX)
    throw new RangeError(`Cannot seek: the last ${start.last} entries; it is a number from 0 to ${LAST_MAX}`)
  if (direction === 'backward')
    throw new RangeError('Cannot seek to the last entries: the direction is backward')
  return { ...plan, last: start.last, start: 'tail' }
}

/** Puts the files together, at the place where reading begins. */
async function begin(
  files: OpenFiles,
  { match, direction, start, last }: Plan,
  signal: AbortSignal | undefined,
): Promise<{ merge: Merge; first: JournalEntry | undefined }> {
  const report = files.report.bind(files)
  let back: Step | undefined
  if (last !== undefined && last > 0) {
    const backward = new Merge({ match, direction: 'backward', start: 'tail', report })
    await addAll(backward, files)
    for (let count = 0; count < last && signal?.aborted !== true; count++) {
      const step = await backward.skip()
      if (step === undefined) break
      back = step
    }
  }
  const merge = new Merge({ match, direction, start, report, last: back })
  await addAll(merge, files)
  merge.passTail()
  return { merge, first: back === undefined ? undefined : await merge.read(back) }
}

async function addAll(merge: Merge, files: OpenFiles): Promise<void> {
  for (const file of files.files) await merge.add(file)
}

/**
 * Takes up which files have come or gone. journald copies a file before it removes it: so one that is gone stays open
 * until the copies have been read, which then are known for what they are.
 *
 * @param gone how often each file was found to be gone
 */
async function lookAround(files: OpenFiles, merge: Merge, gone: Map<JournalFile, number>): Promise<void> {
  const found = await files.scan()
  for (const file of found.added) await merge.add(file)
  for (const file of found.gone) {
    const times = (gone.get(file) ?? 0) + 1
    gone.set(file, times)
    if (times < GONE_TIMES || !merge.isAtEnd(file)) continue
    gone.delete(file)
    merge.remove(file)
    await files.drop(file)
  }
}

/** Whether an entry is the one at a place, as far as that is known. */
function isAt(entry: JournalEntry, at: Location): boolean {
  const keys = ['seqnumId', 'seqnum', 'bootId', 'monotonic', 'realtime', 'xorHash'] as const
  return keys.every(key => at[key] === undefined || at[key] === entry[key])
}
