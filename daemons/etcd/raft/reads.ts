import type { MemberId } from './types.ts'

/** The index of a read that got none because the leader was lost or changed: ask again. */
export const READ_LOST = -1

/** The answer to a read: once the host has applied `index`, what it reads is as new as the request. */
export interface ReadState {
  /** The host's own number of the read. */
  context: number
  /** Or `READ_LOST`. */
  index: number
}

/** A read that the leader answers. */
interface Request {
  /** '' for the leader's own. */
  from: MemberId | ''
  context: number
  index: number
  round: number
}

/** A question under way to the leader, for all reads that came together. */
interface Question {
  context: number
  reads: number[]
  ticks: number
}

/** Questions are numbered upwards from anywhere below. */
const QUESTION_START_MAX = 2 ** 52

/**
 * Reads that wait for their index (thesis, 6.4), in the order of their coming.
 *
 *   leader    early ──► fresh ──► rounds ──► done        early: no entry of its own term is committed yet
 *                                                        fresh: waits for `ready` to start a round of heartbeats
 *   follower  asking ──► questions ──► done              asking: waits for `ready` to ask the leader
 */
export class Reads {
  readonly #pendingMax: number
  #early: Request[] = []
  #fresh: Request[] = []
  #rounds: Request[] = []
  #asking: number[] = []
  #questions: Question[] = []
  #asked = 0
  #question: number
  #done: ReadState[] = []
  /** Leader: the round that was started last. */
  round = 0

  constructor(random: () => number, pendingMax: number) {
    this.#pendingMax = pendingMax
    // An answer to a question from before a crash must not be taken for one to a question after it.
    this.#question = Math.floor(random() * QUESTION_START_MAX)
  }

  /** Whether no further read is taken. */
  get full(): boolean {
    const { length } = this.#early
    return (
      length + this.#fresh.length + this.#rounds.length + this.#asking.length + this.#asked >=
      this.#pendingMax
    )
  }

  get hasFresh(): boolean {
    return this.#fresh.length > 0
  }

  get hasAsking(): boolean {
    return this.#asking.length > 0
  }

  get hasDone(): boolean {
    return this.#done.length > 0
  }

  /** The round that somebody waits for, or 0: heartbeats carry it, so that a lost one does not stop a read. */
  get roundWaited(): number {
    return this.#rounds.length > 0 ? this.round : 0
  }

  /** Leader: a read that cannot be answered before an entry of this term is committed. */
  addEarly(from: MemberId | '', context: number): void {
    this.#early.push({ from, context, index: 0, round: 0 })
  }

  /** Leader: a read at `index`, the commit at this moment. */
  addFresh(from: MemberId | '', context: number, index: number): void {
    this.#fresh.push({ from, context, index, round: 0 })
  }

  /** A read that waits for nothing. */
  addDone(context: number, index: number): void {
    this.#done.push({ context, index })
  }

  /** Leader: an entry of its term is committed, so the early ones are fresh. */
  ripen(index: number): void {
    if (this.#early.length === 0) return
    for (const read of this.#early) {
      read.index = index
      this.#fresh.push(read)
    }
    this.#early = []
  }

  /** Leader: starts a round for what is fresh; its number. */
  startRound(): number {
    this.round += 1
    for (const read of this.#fresh) {
      read.round = this.round
      this.#rounds.push(read)
    }
    this.#fresh = []
    return this.round
  }

  /** Leader: a majority has confirmed the round; the reads of others, for the leader to answer. */
  confirm(round: number): readonly Request[] {
    let count = 0
    while (count < this.#rounds.length && this.#rounds[count]!.round <= round) count += 1
    if (count === 0) return []
    const others: Request[] = []
    for (const read of this.#rounds.splice(0, count)) {
      if (read.from === '') this.#done.push({ context: read.context, index: read.index })
      else others.push(read)
    }
    return others
  }

  /** Follower: a read to ask the leader about. */
  addAsking(context: number): void {
    this.#asking.push(context)
  }

  /** Follower: one question for all that wait; its number. */
  ask(): number {
    this.#question += 1
    this.#questions.push({ context: this.#question, reads: this.#asking, ticks: 0 })
    this.#asked += this.#asking.length
    this.#asking = []
    return this.#question
  }

  /** Follower: the leader's answer. One that nobody waits for any more is dropped. */
  answer(context: number, index: number): void {
    const at = this.#questions.findIndex(question => question.context === context)
    if (at >= 0) this.#finish(this.#questions.splice(at, 1), index)
  }

  /** Follower: gives up questions that are older than so many ticks. */
  tick(ticksMax: number): void {
    for (const question of this.#questions) question.ticks += 1
    let count = 0
    while (count < this.#questions.length && this.#questions[count]!.ticks > ticksMax) count += 1
    if (count > 0) this.#finish(this.#questions.splice(0, count), READ_LOST)
  }

  /** The leader is lost or this member leads no more: every read is to be asked again. */
  lose(): void {
    for (const reads of [this.#early, this.#fresh, this.#rounds]) {
      for (const { from, context } of reads) if (from === '') this.#done.push({ context, index: READ_LOST })
    }
    for (const context of this.#asking) this.#done.push({ context, index: READ_LOST })
    this.#finish(this.#questions, READ_LOST)
    this.#early = []
    this.#fresh = []
    this.#rounds = []
    this.#asking = []
    this.#questions = []
    this.round = 0
  }

  #finish(questions: readonly Question[], index: number): void {
    for (const { reads } of questions) {
      this.#asked -= reads.length
      for (const context of reads) this.#done.push({ context, index })
    }
  }

  /** What the host gets next. */
  takeDone(): readonly ReadState[] {
    if (this.#done.length === 0) return NOTHING
    const done = this.#done
    this.#done = []
    return done
  }
}

const NOTHING: readonly ReadState[] = []
