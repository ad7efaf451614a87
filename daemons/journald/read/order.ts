import type { Location } from '../codec/cursor.ts'

/** An entry, for its place among those of other files. */
export type Place = Required<{ [K in keyof Location]: NonNullable<Location[K]> }>

/** The last entry of a file, which tells of its boot. */
export interface Tail {
  bootId: string
  machineId: string
  monotonic: bigint
  realtime: bigint
}

/** What is known of boots: their last entries, from the ends of the files. */
export class Boots {
  readonly #newest = new Map<string, Tail>()

  constructor(tails: Iterable<Tail>) {
    for (const tail of tails) {
      const known = this.#newest.get(tail.bootId)
      if (known === undefined || known.monotonic < tail.monotonic) this.#newest.set(tail.bootId, tail)
    }
  }

  /** Which of two boots was first; 0 when that is not known. */
  compare(a: string, b: string): number {
    const x = this.#newest.get(a)
    const y = this.#newest.get(b)
    // The clocks of two machines tell nothing of one another.
    if (x === undefined || y === undefined || x.machineId !== y.machineId) return 0
    return compare(x.realtime, y.realtime)
  }
}

/**
 * Which of two entries is first: by the number the writer gave them, else by the clock of their boot, else by the
 * order of boots, else by the time of day, else by their contents. 0 means that they are the same.
 */
export function compareEntries(a: Place, b: Place, boots: Boots): number {
  if (isSame(a, b)) return 0
  return compareWithLocation(a, b, boots)
}

/** Which is first, an entry or a place that may not be known in full. */
export function compareWithLocation(entry: Place, at: Location, boots: Boots): number {
  if (at.seqnum !== undefined && at.seqnumId === entry.seqnumId && entry.seqnum !== at.seqnum)
    return compare(entry.seqnum, at.seqnum)
  if (at.bootId !== undefined && at.monotonic !== undefined) {
    const order =
      at.bootId === entry.bootId
        ? compare(entry.monotonic, at.monotonic)
        : boots.compare(entry.bootId, at.bootId)
    if (order !== 0) return order
  }
  if (at.realtime !== undefined && entry.realtime !== at.realtime) return compare(entry.realtime, at.realtime)
  if (at.xorHash !== undefined) return compare(entry.xorHash, at.xorHash)
  return 0
}

function isSame(a: Place, b: Place): boolean {
  return (
    a.seqnum === b.seqnum &&
    a.monotonic === b.monotonic &&
    a.realtime === b.realtime &&
    a.xorHash === b.xorHash &&
    a.bootId === b.bootId &&
    a.seqnumId === b.seqnumId
  )
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}
