/** Everything the simulated world can do to a cluster. */
export const FAULTS = [
  'message-lost',
  'message-duplicated',
  'message-reordered',
  'kind-filtered',
  'path-full',
  'path-clogged',
  'partition-symmetric',
  'partition-asymmetric',
  'isolated-one',
  'process-killed',
  'machine-crashed',
  'process-paused',
  'leader-struck',
  'sector-lost',
  'record-torn',
  'name-lost',
  'bit-flipped',
  'sync-failed',
  'disk-full',
  'disk-stalled',
  'clock-skewed',
  'wall-clock-jumped',
  'member-replaced',
] as const

/** The name of a fault. */
export type Fault = (typeof FAULTS)[number]

/** Counts how often each fault was felt, so that a net with a hole in it is noticed. */
export class FaultCounts {
  readonly #enabled = new Set<Fault>()
  readonly #fired = new Map<Fault, number>()

  /** Says that this fault may happen in this run. */
  enable(fault: Fault): void {
    this.#enabled.add(fault)
  }

  isEnabled(fault: Fault): boolean {
    return this.#enabled.has(fault)
  }

  fired(fault: Fault): void {
    this.#fired.set(fault, (this.#fired.get(fault) ?? 0) + 1)
  }

  count(fault: Fault): number {
    return this.#fired.get(fault) ?? 0
  }

  /** Adds the counts of another run. */
  add(other: FaultCounts): void {
    for (const fault of other.#enabled) this.#enabled.add(fault)
    for (const [fault, count] of other.#fired) this.#fired.set(fault, this.count(fault) + count)
  }

  /** Faults that were to happen and never did. */
  silent(): Fault[] {
    return FAULTS.filter(fault => this.#enabled.has(fault) && this.count(fault) === 0)
  }

  /** All faults that happened, in the order of `FAULTS`. */
  table(): Record<string, number> {
    return Object.fromEntries(FAULTS.filter(fault => this.count(fault) > 0).map(f => [f, this.count(f)]))
  }
}
