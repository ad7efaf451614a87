import type { LogEntry } from './blklog.ts'
import type { Random } from './random.ts'

/**
 * Which states a disk can be left in by a power cut, given the log of what was done to it. The rules are those of
 * every disk with a volatile cache: what was written before a completed flush is on the medium; of what was written
 * since, any set of 512-byte sectors may be, in any order; a sector itself is never torn.
 *
 * One softening: the log has entries in the order of their completion, so a write that was under way while a flush
 * was, and completed first, counts as flushed.
 */

/** Some sectors of one logged write. */
export interface Piece {
  /** Index of the entry. */
  entry: number
  /** First sector, counted from the start of the write, and how many. */
  first: number
  sectors: number
}

/** One state of the disk after a power cut. */
export interface Cut {
  /** For reports; with the log it says exactly which state this is. */
  name: string
  /** Entries before this index are on the medium as a whole. */
  durable: number
  /** Of later ones, this is too; in the order of the log. */
  landed: Piece[]
}

/** Writes between two flushes. */
export interface Window {
  /** Entries before this are durable. */
  start: number
  /** Index of the flush that ends it, or the number of entries. */
  end: number
}

/** The windows of a log that hold any writes, in order; a window starts at the flush that ended the one before. */
export function windowsOf(entries: readonly LogEntry[]): Window[] {
  const windows: Window[] = []
  let start = 0
  for (let index = 0; index <= entries.length; index++) {
    if (index < entries.length && !entries[index]!.flush) continue
    if (writesIn(entries, start, index).length > 0) windows.push({ start, end: index })
    start = index
  }
  return windows
}

/** Indexes of the entries from `start` to before `end` that change the disk. */
export function writesIn(entries: readonly LogEntry[], start: number, end: number): number[] {
  const found: number[] = []
  for (let index = start; index < end; index++) {
    const entry = entries[index]!
    if (!entry.mark && entry.sectors > 0) found.push(index)
  }
  return found
}

/** The cut exactly at each flush point: what is flushed is there, nothing else is. The last one has everything. */
export function flushCuts(entries: readonly LogEntry[]): Cut[] {
  const windows = windowsOf(entries)
  const cuts = windows.map(window => ({ name: `flush ${window.start}`, durable: window.start, landed: [] }))
  const last = windows.at(-1)
  if (last) cuts.push({ name: `flush ${last.end}`, durable: last.end, landed: [] })
  return cuts
}

/** How the sectors that land are chosen. */
export const STYLES = ['sectors', 'writes', 'latest', 'all but one', 'prefix'] as const
export type Style = (typeof STYLES)[number]

/** A cut at some time within a window, with some of its sectors landed: any legal one can come out. */
export function partialCut(entries: readonly LogEntry[], window: Window, random: Random): Cut {
  const writes = writesIn(entries, window.start, window.end)
  const count = 1 + random.below(writes.length)
  const issued = writes.slice(0, count)
  const style = random.pick(STYLES)
  const chosen = choose(entries, issued, style, random)
  // A write that asked for it is on the medium as soon as it is done; only the last one may be under way.
  const forced = issued
    .slice(0, -1)
    .filter(entry => entries[entry]!.fua)
    .map(entry => whole(entries, entry))
  const landed = [...forced, ...chosen].toSorted((a, b) => a.entry - b.entry || a.first - b.first)
  return { name: `flush ${window.start} + ${style} of ${count} writes`, durable: window.start, landed }
}

function choose(entries: readonly LogEntry[], issued: number[], style: Style, random: Random): Piece[] {
  const all = issued.map(entry => whole(entries, entry))
  if (style === 'writes') return all.filter(() => random.next() < 0.5)
  if (style === 'latest') return all.slice(-1 - random.below(2))
  if (style === 'prefix') return all
  const sectors = all.flatMap(piece =>
    Array.from({ length: piece.sectors }, (_, first) => ({ entry: piece.entry, first, sectors: 1 })),
  )
  if (style === 'sectors') return join(sectors.filter(() => random.next() < 0.5))
  sectors.splice(random.below(sectors.length), 1)
  return join(sectors)
}

function whole(entries: readonly LogEntry[], entry: number): Piece {
  return { entry, first: 0, sectors: entries[entry]!.sectors }
}

/** Neighbouring sectors of a write become one piece. */
function join(pieces: readonly Piece[]): Piece[] {
  const joined: Piece[] = []
  for (const piece of pieces) {
    const last = joined.at(-1)
    if (last && last.entry === piece.entry && last.first + last.sectors === piece.first)
      last.sectors += piece.sectors
    else joined.push({ ...piece })
  }
  return joined
}
