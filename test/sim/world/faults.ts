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
export class FaultCounts<Name extends string = Fault> {
  readonly #names: readonly Name[]
  readonly #enabled = new Set<Name>()
  readonly #fired = new Map<Name, number>()

  /** @param names of all faults, in the order in which they are told */
  constructor(names: readonly Name[] = FAULTS as readonly string[] as readonly Name[]) {
    this.#names = names
  }

  /** Says that this fault may happen in this run. */
  enable(fault: Name): void {
    this.#enabled.add(fault)
  }

  isEnabled(fault: Name): boolean {
    return this.#enabled.has(fault)
  }

  fired(fault: Name): void {
    this.#fired.set(fault, (this.#fired.get(fault) ?? 0) + 1)
  }

  count(fault: Name): number {
    return this.#fired.get(fault) ?? 0
  }

  /** Adds the counts of another run. */
  add(other: FaultCounts<Name>): void {
    for (const fault of other.#enabled) this.#enabled.add(fault)
    for (const [fault, count] of other.#fired) this.#fired.set(fault, this.count(fault) + count)
  }

  /** Faults that were to happen and never did. */
  silent(): Name[] {
    return this.#names.filter(fault => this.#enabled.has(fault) && this.count(fault) === 0)
  }

  /** All faults that happened, in the order of their names. */
  table(): Record<string, number> {
    return Object.fromEntries(this.#names.filter(fault => this.count(fault) > 0).map(f => [f, this.count(f)]))
  }
}
