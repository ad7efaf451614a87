import type { Inspection } from '../subject.ts'
import { type Seen, Shadow } from './shadow.ts'
import { Violation } from './violation.ts'

/** Each log is compared entry by entry once in so many looks at it; else from its end. */
const WHOLE_EVERY = 500

interface Known {
  shadow: Shadow
  term: number
  durableTerm: number
  leading: boolean
  commit: number
  looks: number
  /** The configuration at the last look. */
  voters: readonly string[]
  /** It was seen since its last start. */
  up: boolean
}

interface Committed extends Seen {
  /** The term of who was the first to know. */
  knownInTerm: number
}

/** What a run has come to, for the report. */
export interface Progress {
  committed: number
  termMax: number
  elections: number
}

/**
 * Looks at a member after each of its events, and compares it with all that was ever seen of every member. The cost is
 * that of what has changed.
 *
 * Source: the properties of the Raft paper, figure 3, and what they rest on.
 */
export class Safety {
  readonly #members = new Map<string, Known>()
  readonly #leaders = new Map<number, string>()
  /** Every entry ever seen at an index by its term, with the term of the entry before it. */
  readonly #entries: Map<number, { hash: number; before: number }>[] = []
  /** Index i stands at i − 1. */
  readonly #committed: Committed[] = []
  readonly #states = new Map<number, { hash: number; by: string }>()
  readonly #configurations = new Map<number, { text: string; by: string }>()
  #elections = 0
  #termMax = 0

  progress(): Progress {
    return { committed: this.#committed.length, termMax: this.#termMax, elections: this.#elections }
  }

  /** The highest index that is known to be committed. */
  get committed(): number {
    return this.#committed.length
  }

  /** The process has ended; it is to come back with what was durable. */
  ended(id: string): void {
    const known = this.#members.get(id)
    if (known !== undefined) known.up = false
  }

  /** The disk of the member is gone, and with it the member. */
  lost(id: string): void {
    this.#members.delete(id)
  }

  /** Looks at a member after an event of its own. */
  look(id: string, now: Inspection): void {
    const known = this.#known(id)
    if (!known.up) this.#checkRestart(id, known, now)
    known.up = true
    this.#checkTerm(id, known, now)
    const newlyLeading = now.leading && (!known.leading || now.term !== known.term)
    const stillLeading = now.leading && known.leading && now.term === known.term
    known.looks += 1
    const lastBefore = known.shadow.last
    const { from, replaced } = known.shadow.update(now, known.looks % WHOLE_EVERY === 0)
    if (stillLeading && replaced && from <= lastBefore)
      throw new Violation('leader-append-only', `${id}, leader of term ${now.term}, replaced entry ${from}`)
    this.#checkMatching(id, known.shadow, from)
    if (now.commit < known.commit)
      throw new Violation(
        'commit-monotonic',
        `${id} took its commit back from ${known.commit} to ${now.commit}`,
      )
    if (replaced && from <= Math.min(known.commit, lastBefore))
      throw new Violation('committed-kept', `${id} replaced entry ${from}, and ${known.commit} is committed`)
    this.#checkCommitted(id, known, now)
    this.#checkConfiguration(id, now)
    if (newlyLeading) this.#checkLeader(id, known.shadow, now)
    known.term = now.term
    known.durableTerm = now.durableTerm
    known.leading = now.leading
    known.commit = now.commit
    known.voters = now.voters
  }

  /** An entry was applied: all members are in the same state after it. */
  applied(id: string, index: number, stateHash: number): void {
    const other = this.#states.get(index)
    if (other === undefined) this.#states.set(index, { hash: stateHash, by: id })
    else if (other.hash !== stateHash)
      throw new Violation('equal-states', `${id} and ${other.by} differ in what entry ${index} has led to`)
  }

  #known(id: string): Known {
    let known = this.#members.get(id)
    if (known === undefined) {
      const shadow = new Shadow()
      known = { shadow, term: 0, durableTerm: 0, leading: false, commit: 0, looks: 0, voters: [], up: true }
      this.#members.set(id, known)
    }
    return known
  }

  /** What it had promised to others must be there again. */
  #checkRestart(id: string, known: Known, now: Inspection): void {
    const { shadow } = known
    const durable = Math.min(shadow.durable, shadow.last)
    if (now.lastIndex < durable)
      throw new Violation(
        'durable-log',
        `${id} had made entry ${durable} durable and came back with ${now.lastIndex}`,
      )
    for (let index = Math.max(shadow.start, now.snapshotIndex) + 1; index <= durable; index++) {
      const { term, hash } = shadow.at(index)!
      if (now.termAt(index) === term && now.hashAt(index) === hash) continue
      throw new Violation(
        'durable-log',
        `${id} came back with another entry ${index} than it had made durable`,
      )
    }
    if (now.term < known.durableTerm)
      throw new Violation(
        'term-monotonic',
        `${id} had made term ${known.durableTerm} durable and came back with ${now.term}`,
      )
    known.leading = false
    // A term that was only heard of may be forgotten.
    known.term = Math.min(known.term, now.term)
    // Commit is not durable: a member may come back knowing less.
    known.commit = Math.min(known.commit, now.commit)
  }

  #checkTerm(id: string, known: Known, now: Inspection): void {
    if (now.term < known.term)
      throw new Violation('term-monotonic', `${id} went back from term ${known.term} to ${now.term}`)
    this.#termMax = Math.max(this.#termMax, now.term)
    if (!now.leading) return
    const leader = this.#leaders.get(now.term)
    if (leader !== undefined && leader !== id)
      throw new Violation('one-leader', `${leader} and ${id} both lead term ${now.term}`)
    if (leader === undefined) this.#elections += 1
    this.#leaders.set(now.term, id)
  }

  /** Two logs that have an entry of the same index and term are the same up to it. */
  #checkMatching(id: string, shadow: Shadow, from: number): void {
    for (let index = Math.max(from, shadow.start + 1); index <= shadow.last; index++) {
      const { term, hash } = shadow.at(index)!
      const before = shadow.termAt(index - 1)!
      let terms = this.#entries[index]
      if (terms === undefined) {
        terms = new Map()
        this.#entries[index] = terms
      }
      const other = terms.get(term)
      if (other === undefined) terms.set(term, { hash, before })
      else if (other.hash !== hash)
        throw new Violation('log-matching', `${id} has another entry ${index} of term ${term} than there was`)
      else if (other.before !== before)
        throw new Violation(
          'log-matching',
          `${id} has entry ${index} of term ${term} behind one of term ${before}, elsewhere it is ${other.before}`,
        )
      if (before > term)
        throw new Violation(
          'log-matching',
          `${id} has entry ${index} of term ${term} behind one of term ${before}`,
        )
    }
  }

  #checkCommitted(id: string, known: Known, now: Inspection): void {
    const { shadow } = known
    // Founders begin with entries that are committed by their making.
    const isFounder =
      known.looks === 1 && now.term === 1 && !now.leading && known.commit === this.#committed.length
    if (now.commit > shadow.last)
      throw new Violation(
        'commit-in-log',
        `${id} commits entry ${now.commit}, its log ends with ${shadow.last}`,
      )
    if (now.applied > now.commit)
      throw new Violation(
        'apply-committed',
        `${id} applied entry ${now.applied}, and ${now.commit} is committed`,
      )
    const start = this.#committed[shadow.start - 1]
    if (shadow.start > known.commit && start?.term !== shadow.startTerm)
      throw new Violation(
        'snapshot-committed',
        `${id} has a snapshot of ${shadow.start} that was never committed`,
      )
    for (let index = Math.max(known.commit, shadow.start) + 1; index <= now.commit; index++) {
      const { term, hash } = shadow.at(index)!
      const committed = this.#committed[index - 1]
      if (committed === undefined) {
        if (!isFounder) this.#checkQuorum(id, known, now, index, term)
        this.#committed.push({ term, hash, knownInTerm: now.term })
      } else if (committed.term !== term || committed.hash !== hash) {
        const terms = `of term ${term}, and one of term ${committed.term} was`
        throw new Violation('state-machine-safety', `${id} commits an entry ${index} ${terms}`)
      }
    }
  }

  /** Who has applied the same entries has the same members. */
  #checkConfiguration(id: string, now: Inspection): void {
    // One that waits to be added has none.
    if (now.applied === 0) return
    const text = `voters ${[...now.voters].toSorted().join()} learners ${[...now.learners].toSorted().join()}`
    const other = this.#configurations.get(now.applied)
    if (other === undefined) this.#configurations.set(now.applied, { text, by: id })
    else if (other.text !== text)
      throw new Violation(
        'equal-configurations',
        `${id} has ${text} after entry ${now.applied}, ${other.by} had ${other.text}`,
      )
  }

  /** What is committed for the first time is durable on a majority. */
  #checkQuorum(id: string, known: Known, now: Inspection, index: number, term: number): void {
    if (index !== this.#committed.length + 1)
      throw new Violation(
        'commit-order',
        `${id} is the first to commit entry ${index} of ${this.#committed.length}`,
      )
    const holders = (voters: readonly string[]) =>
      voters.filter(voter => this.#holdsDurably(voter, index, term)).length
    const enough = (voters: readonly string[]) => holders(voters) > voters.length / 2
    // A change of members may have taken effect in the same event, after the count. And it is the leader that counts,
    // by what it has applied: while its disk stands still, that is less than what its followers have.
    const leaders = [...this.#members.values()].filter(({ leading, term }) => leading && term === now.term)
    const counted = [now.voters, known.voters, ...leaders.map(({ voters }) => voters)]
    if (counted.some(voters => voters.length > 0 && enough(voters))) return
    throw new Violation(
      'durable-on-quorum',
      `${id} commits entry ${index} of term ${term}, durable on ${holders(now.voters)} of ${now.voters.length} voters`,
    )
  }

  #holdsDurably(id: string, index: number, term: number): boolean {
    const shadow = this.#members.get(id)?.shadow
    if (shadow === undefined || index > shadow.durable) return false
    return index < shadow.start || shadow.termAt(index) === term
  }

  /** A new leader has all that was committed in the terms before. */
  #checkLeader(id: string, shadow: Shadow, now: Inspection): void {
    for (let index = this.#committed.length; index > shadow.start; index--) {
      const { term, knownInTerm } = this.#committed[index - 1]!
      if (knownInTerm >= now.term) continue
      const own = shadow.at(index)
      if (own?.term !== term)
        throw new Violation(
          'leader-completeness',
          `${id} leads term ${now.term} without entry ${index} of term ${term}, committed in term ${knownInTerm}`,
        )
      // By log matching all before it is the same as well.
      return
    }
  }
}
