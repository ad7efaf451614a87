import { JournalError } from '../codec/errors.ts'
import type { Match } from '../query/match.ts'
import { type Direction, EntryChain } from './chain.ts'
import type { JournalFile } from './file.ts'

/** A query, with the entries of each term as the file lists them. */
type Node = { kind: 'leaf'; chain: EntryChain | undefined } | { kind: 'and' | 'or'; of: Node[] }

/**
 * The entries of one file that a query asks for. No entry is read to find them: each term has a sorted list in the
 * file, and the lists are stepped through together.
 */
export class Finder {
  readonly #file: JournalFile
  readonly #match: Match | undefined
  #generation = -1
  #root: Node = { kind: 'or', of: [] }

  constructor(file: JournalFile, match: Match | undefined) {
    this.#file = file
    this.#match = match
  }

  /**
   * The next entry at an offset or beyond it.
   *
   * @returns its offset, or 0 when there is none
   */
  async next(from: number, direction: Direction): Promise<number> {
    if (this.#generation !== this.#file.generation) {
      this.#root =
        this.#match === undefined
          ? { kind: 'leaf', chain: EntryChain.ofFile(this.#file) }
          : await this.#compile(this.#match)
      this.#generation = this.#file.generation
    }
    return await nextOf(this.#root, from, direction)
  }

  async #compile(match: Match): Promise<Node> {
    if (match.kind === 'term') {
      const head = await this.#file.findData(match.data)
      return { kind: 'leaf', chain: head === undefined ? undefined : EntryChain.ofData(this.#file, head) }
    }
    const of: Node[] = []
    for (const part of match.of) of.push(await this.#compile(part))
    return { kind: match.kind, of }
  }
}

async function nextOf(node: Node, from: number, direction: Direction): Promise<number> {
  switch (node.kind) {
    case 'leaf':
      return node.chain === undefined ? 0 : await nextInChain(node.chain, from, direction)
    case 'or': {
      let best = 0
      for (const part of node.of) {
        const at = await nextOf(part, from, direction)
        if (at !== 0 && (best === 0 || isBeyond(best, at, direction))) best = at
      }
      return best
    }
    case 'and':
      return await nextOfAll(node.of, from, direction)
  }
}

/** Every part in turn is moved to where the others are, until all are at one entry. */
async function nextOfAll(parts: readonly Node[], from: number, direction: Direction): Promise<number> {
  if (parts.length === 0) return 0
  let at = from
  let agreeing = 0
  for (let index = 0; agreeing < parts.length; index = (index + 1) % parts.length) {
    const next = await nextOf(parts[index]!, at, direction)
    if (next === 0) return 0
    // Each step goes on by one entry at least, so this ends.
    agreeing = next === at ? agreeing + 1 : 1
    at = next
  }
  return at
}

async function nextInChain(chain: EntryChain, from: number, direction: Direction): Promise<number> {
  const index = await chain.find(from, direction)
  if (index === undefined) return 0
  const at = await chain.at(index)
  if (at !== 0 && at !== from && !isBeyond(at, from, direction))
    throw new JournalError('corrupt', 'a list of entries that is not sorted', at)
  return at
}

function isBeyond(a: number, b: number, direction: Direction): boolean {
  return direction === 'forward' ? a > b : a < b
}
