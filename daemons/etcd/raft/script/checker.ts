import type { Raft } from '../raft.ts'
import type { Entry, MemberId } from '../types.ts'
import type { Peer } from './peer.ts'

/** What the paper's figure 3 promises does not hold. */
export class SafetyError extends Error {}

interface Known {
  text: string
  termBefore: number
}

/** Watches a whole cluster and throws as soon as one of the promises of figure 3 is broken. */
export class Checker {
  readonly #leaders = new Map<number, MemberId>()
  readonly #entries = new Map<string, Known>()
  /** By index: the term and what is in the entry, as it was applied first. */
  readonly #applied: string[] = []
  readonly #appliedTerms: number[] = []

  /** The highest index that anybody has applied. */
  get appliedIndex(): number {
    return this.#applied.length - 1
  }

  /** Election safety, and leader completeness: a new leader has all that was ever applied. */
  leads(raft: Raft): void {
    const { id, term } = raft
    const other = this.#leaders.get(term)
    if (other !== undefined && other !== id) throw new SafetyError(`${other} and ${id} lead term ${term}`)
    if (other === id) return
    this.#leaders.set(term, id)
    for (let index = raft.firstIndex; index < this.#applied.length; index++) {
      if (raft.termOf(index) !== this.#appliedTerms[index])
        throw new SafetyError(`${id} leads term ${term} without entry ${index}, which is applied`)
    }
  }

  /** Log matching: the same index and term mean the same entry and the same before it. */
  holds(raft: Raft, entries: readonly Entry[]): void {
    for (const entry of entries) {
      const termBefore = raft.termOf(entry.index - 1)
      const text = textOf(entry)
      const key = `${entry.index} ${entry.term}`
      const known = this.#entries.get(key)
      if (known === undefined) this.#entries.set(key, { text, termBefore })
      else if (known.text !== text || (termBefore >= 0 && known.termBefore !== termBefore))
        throw new SafetyError(`entry ${entry.index} of term ${entry.term} is not the same everywhere`)
    }
  }

  /** State machine safety: nobody applies another entry at this index. */
  applies(peer: Peer, entry: Entry): void {
    const text = `${entry.term} ${textOf(entry)}`
    const known = this.#applied[entry.index]
    if (known === undefined) {
      this.#applied[entry.index] = text
      this.#appliedTerms[entry.index] = entry.term
    } else if (known !== text) {
      throw new SafetyError(`${peer.id} applies ${text} at ${entry.index}, another one applied ${known}`)
    }
  }

  /** Durability: what is applied is on the disks of a majority of these. */
  survives(entry: Entry, voters: readonly Peer[]): void {
    const holders = voters.filter(({ disk }) => {
      const before = disk.snapshot?.index ?? 0
      return entry.index <= before || disk.entries[entry.index - before - 1]?.term === entry.term
    })
    if (holders.length * 2 <= voters.length)
      throw new SafetyError(`entry ${entry.index} is applied and on ${holders.length} disks only`)
  }
}

function textOf({ type, data }: Entry): string {
  return `${type} ${Buffer.from(data).toString('latin1')}`
}
