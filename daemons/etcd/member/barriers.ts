import type { Failure } from './service.ts'

/** Barriers that wait; the next is refused. */
export const BARRIERS_MAX = 65_536

/** A reader that waits for what is applied here to be new enough. */
interface Waiting {
  done: (failure: Failure | undefined) => void
  startedMs: number
}

/** Those who share one question to the cluster. */
interface Round {
  number: number
  /** Its answer; until then undefined. */
  index: number | undefined
  waiting: Waiting[]
}

/**
 * Reads that must be linearizable (thesis, 6.4): all that come together share one question.
 *
 *   fresh ──ask──► rounds ──answer──► ripe when the index is applied ──► done
 */
export class Barriers {
  #fresh: Waiting[] = []
  #rounds: Round[] = []
  #number = 0
  #count = 0

  get isFull(): boolean {
    return this.#count >= BARRIERS_MAX
  }

  get hasFresh(): boolean {
    return this.#fresh.length > 0
  }

  add(done: Waiting['done'], startedMs: number): void {
    this.#fresh.push({ done, startedMs })
    this.#count += 1
  }

  /** Asks for all that wait, by a number; when it was not taken they go on waiting. */
  ask(take: (number: number) => boolean): void {
    if (this.#fresh.length === 0) return
    this.#number += 1
    if (!take(this.#number)) return
    this.#rounds.push({ number: this.#number, index: undefined, waiting: this.#fresh })
    this.#fresh = []
  }

  /** The answer to a question: the index to wait for, or undefined: it is to be asked again. */
  answer(number: number, index: number | undefined): void {
    const at = this.#rounds.findIndex(round => round.number === number)
    const round = this.#rounds[at]
    if (round === undefined) return
    if (index !== undefined) {
      round.index = index
      return
    }
    this.#rounds.splice(at, 1)
    // In front: they have waited for longer.
    this.#fresh = round.waiting.concat(this.#fresh)
  }

  /** Answers those whose index is applied. */
  applied(index: number): void {
    if (this.#rounds.length === 0) return
    const ripe = this.#rounds.filter(round => round.index !== undefined && round.index <= index)
    if (ripe.length === 0) return
    this.#rounds = this.#rounds.filter(round => !ripe.includes(round))
    for (const round of ripe) this.#finish(round.waiting, undefined)
  }

  /** Gives up those who began before. */
  expire(startedBeforeMs: number, failure: () => Failure): void {
    for (const round of this.#rounds) round.waiting = this.#keep(round.waiting, startedBeforeMs, failure)
    this.#fresh = this.#keep(this.#fresh, startedBeforeMs, failure)
    this.#rounds = this.#rounds.filter(round => round.waiting.length > 0)
  }

  #keep(waiting: Waiting[], startedBeforeMs: number, failure: () => Failure): Waiting[] {
    if (waiting.length === 0 || waiting[0]!.startedMs >= startedBeforeMs) return waiting
    const late = waiting.filter(({ startedMs }) => startedMs < startedBeforeMs)
    this.#finish(late, failure())
    return waiting.filter(({ startedMs }) => startedMs >= startedBeforeMs)
  }

  #finish(waiting: readonly Waiting[], failure: Failure | undefined): void {
    this.#count -= waiting.length
    for (const { done } of waiting) done(failure)
  }
}
