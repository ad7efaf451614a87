import { JournalError } from '../codec/errors.ts'
import { type DataHead, ENTRY_HEAD_BYTES } from '../codec/object.ts'
import type { JournalFile } from './file.ts'

/** Forward in time or back. */
export type Direction = 'forward' | 'backward'

/** An ENTRY_ARRAY of the chain: the index of its first item, and how many it has room for. */
interface Link {
  offset: number
  first: number
  capacity: number
}

/**
 * The entries of a file, or those with one DATA, by index. Arrays double in size from one to the next, so a chain of a
 * million has some twenty links, and every item is reached with one read.
 */
export class EntryChain {
  readonly #file: JournalFile
  /** The entry that a DATA holds itself, before the arrays; 0 for none. */
  readonly #inline: number
  readonly #links: Link[] = []
  #next: number
  #length: number
  /** Where the last search ended: the next one mostly ends beside it. */
  #hint = 0

  private constructor(file: JournalFile, length: number, inline: number, next: number) {
    this.#file = file
    // A count that cannot be right would have searches begin far out.
    this.#length = Math.min(length, Math.ceil(file.size / ENTRY_HEAD_BYTES))
    this.#inline = inline
    this.#next = next
  }

  /** All entries of a file. */
  static ofFile(file: JournalFile): EntryChain {
    const { entries, entryArrayOffset } = file.header
    return new EntryChain(file, entryArrayOffset === 0 ? 0 : entries, 0, entryArrayOffset)
  }

  /** The entries with one DATA. */
  static ofData(file: JournalFile, { entries, entryOffset, entryArrayOffset }: DataHead): EntryChain {
    return new EntryChain(file, entryOffset === 0 ? 0 : entries, entryOffset, entryArrayOffset)
  }

  /** How many there are, as far as is known: a damaged chain turns out to be shorter. */
  get length(): number {
    return this.#length
  }

  /**
   * The offset of an entry.
   *
   * @returns 0 when the chain ends before
   */
  async at(index: number): Promise<number> {
    if (index < 0 || index >= this.#length) return 0
    let position = index
    if (this.#inline !== 0) {
      if (index === 0) return this.#inline
      position--
    }
    const link = this.#knownLink(position) ?? (await this.#link(position))
    const offset = link === undefined ? 0 : await this.#file.arrayItem(link.offset, position - link.first)
    // Not published yet, or never written.
    if (offset === 0) this.#length = Math.min(this.#length, index)
    return offset
  }

  /**
   * The nearest entry at an offset or beyond it.
   *
   * @returns its index, or undefined when there is none
   */
  async find(offset: number, direction: Direction): Promise<number | undefined> {
    const hint = await this.#nearHint(offset, direction)
    if (hint !== undefined) return this.#keep(hint)
    const first = await this.bisect(async at => at >= offset)
    if (direction === 'forward') return first < this.#length ? this.#keep(first) : undefined
    const isAt = first < this.#length && (await this.at(first)) === offset
    const index = isAt ? first : first - 1
    return index >= 0 ? this.#keep(index) : undefined
  }

  /**
   * The first index whose entry is right of a boundary; the length when none is. An entry that cannot be read counts
   * as right of it.
   */
  async bisect(isRight: (offset: number) => Promise<boolean>): Promise<number> {
    let left = 0
    let right = this.#length
    while (left < right) {
      const middle = Math.floor((left + right) / 2)
      let answer: boolean
      try {
        const offset = await this.at(middle)
        answer = offset === 0 || (await isRight(offset))
      } catch (error) {
        if (!(error instanceof JournalError)) throw error
        answer = true
      }
      if (answer) right = middle
      else left = middle + 1
    }
    return Math.min(left, this.#length)
  }

  /** Reading on in order needs no search. */
  async #nearHint(offset: number, direction: Direction): Promise<number | undefined> {
    const step = direction === 'forward' ? 1 : -1
    const isReached = (at: number): boolean => (step > 0 ? at >= offset : at <= offset && at !== 0)
    const isReachedAt = async (index: number): Promise<boolean | undefined> => {
      const at = index < 0 ? 0 : await this.at(index)
      return at === 0 ? undefined : isReached(at)
    }
    let before = this.#hint
    if (await isReachedAt(before)) {
      const isEarlierReached = await isReachedAt(before - step)
      return isEarlierReached === true ? undefined : before
    }
    for (let tries = 0; tries < 2; tries++) {
      const index = before + step
      const isNow = await isReachedAt(index)
      if (isNow === undefined) return undefined
      if (isNow) return index
      before = index
    }
    return undefined
  }

  #keep(index: number): number {
    this.#hint = index
    return index
  }

  #knownLink(position: number): Link | undefined {
    const last = this.#links.at(-1)
    if (last === undefined || position >= last.first + last.capacity) return undefined
    return this.#links.findLast(link => link.first <= position)
  }

  async #link(position: number): Promise<Link | undefined> {
    while (this.#next !== 0) {
      const last = this.#links.at(-1)
      const { capacity, next } = await this.#file.entryArray(this.#next)
      this.#links.push({
        offset: this.#next,
        first: last === undefined ? 0 : last.first + last.capacity,
        capacity,
      })
      this.#next = next
      const known = this.#knownLink(position)
      if (known !== undefined) return known
    }
    return undefined
  }
}
