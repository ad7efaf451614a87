import type { MemberId } from '../raft/types.ts'
import type { RunningMember } from './running.ts'
import { Failure } from './service.ts'

/** Somebody waits for another leader. */
interface Waiting {
  to: MemberId
  done: (failure: Failure | undefined) => void
  untilMs: number
}

/** Hands leadership over (thesis, 3.10). */
export class Transfers {
  readonly #member: RunningMember
  readonly #electionMs: number
  #waiting: Waiting[] = []

  constructor(member: RunningMember, electionMs: number) {
    this.#member = member
    this.#electionMs = electionMs
  }

  start(to: MemberId, done: (failure: Failure | undefined) => void): void {
    const { raft, env } = this.#member
    const started = raft.transfer(to)
    if (started === 'started') this.#waiting.push({ to, done, untilMs: env.now() + this.#electionMs })
    else
      this.#member.later(0, () =>
        done(started === 'alreadyLeader' ? undefined : new Failure('cancelled', true)),
      )
  }

  /**
   * Hands leadership to the voter that has most of the log; answers when that has worked or not.
   *
   * @returns whether there is one that was heard of late
   */
  stepAside(done: () => void): boolean {
    const successor = this.#successor()
    if (successor === undefined) this.#member.later(0, done)
    else this.#member.transferLeadership(successor, done)
    return successor !== undefined
  }

  #successor(): MemberId | undefined {
    // Who answered is forgotten once an election timeout; who is connected is known in between.
    const connected = new Set(
      this.#member
        .peers()
        .filter(({ activeSinceMs }) => activeSinceMs > 0)
        .map(({ id }) => id),
    )
    const others = this.#member
      .progress()
      .filter(({ id, voter, active }) => voter && (active || connected.has(id)) && id !== this.#member.id)
      .toSorted((a, b) => Number(b.active) - Number(a.active) || b.match - a.match)
    return others[0]?.id
  }

  /** Another member leads now, or nobody. */
  look(): void {
    const { leader } = this.#member
    if (leader === '' || this.#waiting.length === 0) return
    const waiting = this.#waiting
    this.#waiting = waiting.filter(({ to }) => to !== leader)
    for (const { to, done } of waiting) if (to === leader) done(undefined)
  }

  /** Gives up what takes too long. */
  expire(): void {
    if (this.#waiting.length === 0) return
    const nowMs = this.#member.env.now()
    const late = this.#waiting.filter(({ untilMs }) => untilMs <= nowMs)
    this.#waiting = this.#waiting.filter(({ untilMs }) => untilMs > nowMs)
    for (const { done } of late) done(new Failure('timeout', false))
  }

  /** Answers all that wait. */
  end(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { done } of waiting) done(new Failure('stopped', false))
  }
}
