import type { Location } from '../codec/cursor.ts'
import type { EntryObject } from '../codec/object.ts'
import { type Direction, EntryChain } from './chain.ts'
import type { JournalFile } from './file.ts'

/**
 * Where in a file a place is: entries at this offset or beyond it are at the place or beyond it. Found by bisection:
 * by number when the file has numbers of the same writer, else by the clock of its boot, else by the time of day.
 */
export async function offsetOf(file: JournalFile, at: Location, direction: Direction): Promise<number> {
  const all = EntryChain.ofFile(file)
  const { seqnum, monotonic, realtime } = at
  if (seqnum !== undefined && at.seqnumId === file.header.seqnumId)
    return await bisect(file, all, direction, entry => entry.seqnum, seqnum)
  if (monotonic !== undefined && at.bootId !== undefined) {
    const boot = await file.findData(Buffer.from(`_BOOT_ID=${at.bootId}`, 'latin1'))
    if (boot !== undefined) {
      const chain = EntryChain.ofData(file, boot)
      const offset = await bisect(file, chain, direction, entry => entry.monotonic, monotonic)
      if (Number.isFinite(offset) && offset > 0) return offset
      // Beyond all of that boot: the time of day tells more, and without it the boots that follow come.
      if (realtime === undefined) return await edgeOf(chain, direction)
    }
  }
  if (realtime !== undefined) return await bisect(file, all, direction, entry => entry.realtime, realtime)
  return direction === 'forward' ? 0 : Number.POSITIVE_INFINITY
}

/** The offset of the last entry of a file; 0 when it has none. */
export async function lastOffset(file: JournalFile): Promise<number> {
  const all = EntryChain.ofFile(file)
  const last = await all.at(all.length - 1)
  if (last !== 0) return last
  // The header promises more than there is: what there is ends somewhere before.
  return await all.at((await all.bisect(async () => false)) - 1)
}

async function bisect(
  file: JournalFile,
  chain: EntryChain,
  direction: Direction,
  keyOf: (entry: EntryObject) => bigint,
  key: bigint,
): Promise<number> {
  const isForward = direction === 'forward'
  const index = await chain.bisect(async offset => {
    const found = keyOf(await file.entry(offset))
    return isForward ? found >= key : found > key
  })
  if (isForward) return (await chain.at(index)) || Number.POSITIVE_INFINITY
  return index === 0 ? 0 : await chain.at(index - 1)
}

async function edgeOf(chain: EntryChain, direction: Direction): Promise<number> {
  if (direction === 'backward') return Math.max(0, (await chain.at(0)) - 1)
  return (await chain.at(chain.length - 1)) + 1
}
