/**
 * The clock by which a leader lets keys live: the one that most members agree on. Each wall clock is seen as what it is
 * ahead of this member's own clock that never goes back, so that one that is set while the others stay is outvoted, also
 * when it is the leader's own: after a suspend, or before its time server is found.
 *
 * The original takes the leader's clock: of a machine that was suspended, keys live as much longer as it slept, and all
 * of them end at once when it is set.
 */
export class MemberClock {
  #aheadMs: number

  /**
   * @param nowMs of the clock that never goes back
   * @param wallMs since 1970
   */
  constructor(nowMs: number, wallMs: number) {
    this.#aheadMs = wallMs - nowMs
  }

  /**
   * Looks at the clocks anew.
   *
   * @param others what the wall clocks of other members are ahead of the clock of `nowMs`, as far as it is known
   */
  look(nowMs: number, wallMs: number, others: readonly number[]): void {
    this.#aheadMs = agreedMs(wallMs - nowMs, others)
  }

  /** Whole milliseconds since 1970. */
  wallMs(nowMs: number): number {
    return Math.floor(nowMs + this.#aheadMs)
  }
}

/** The middle one of all; of two in the middle what is between them and nearest to one's own. Pure. */
export function agreedMs(own: number, others: readonly number[]): number {
  const all = [own, ...others].sort((a, b) => a - b)
  const low = all[Math.floor((all.length - 1) / 2)]!
  const high = all[Math.floor(all.length / 2)]!
  return Math.min(Math.max(own, low), high)
}
