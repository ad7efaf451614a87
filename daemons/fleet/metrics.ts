import { type Counter, labelText, Metrics } from '#lib/metrics/metrics.ts'

type TaskType = 'attemptscheduleunit' | 'unscheduleunit'

/** What the daemon counts of itself, under the original's names (spec fleet g). */
export class FleetMetrics {
  readonly #metrics = new Metrics()
  readonly #tasks: Counter
  readonly #taskFailures: Counter
  readonly #reconciles: Counter
  readonly #failures: Counter
  #leaderSinceMs: number | undefined

  constructor() {
    this.#metrics.gauge(
      'fleet_engine_leader_start_time',
      'When this engine became the leader, in seconds since 1970.',
      () => (this.#leaderSinceMs === undefined ? undefined : this.#leaderSinceMs / 1000),
    )
    this.#tasks = this.#metrics.counter('fleet_engine_task_count_total', 'Decisions carried out.')
    this.#taskFailures = this.#metrics.counter(
      'fleet_engine_task_failure_count_total',
      'Decisions that the store did not take.',
    )
    this.#reconciles = this.#metrics.counter('fleet_engine_reconcile_count_total', 'Rounds of the engine.')
    this.#failures = this.#metrics.counter(
      'fleet_engine_reconcile_failure_count_total',
      'Units that lost their machine or found none.',
    )
  }

  /** @param ms since 1970; undefined when it does not lead any more */
  leaderSince(ms: number | undefined): void {
    this.#leaderSinceMs = ms
  }

  task(type: TaskType): void {
    this.#tasks.add(1, labelText({ type }))
  }

  taskFailed(type: TaskType): void {
    this.#taskFailures.add(1, labelText({ type }))
  }

  reconciled(): void {
    this.#reconciles.add()
  }

  /** `machine_away`: its machine has gone. `run`: its machine cannot have it any more. `schedule`: no machine can. */
  failed(type: 'machine_away' | 'run' | 'schedule'): void {
    this.#failures.add(1, labelText({ type }))
  }

  /** The text of Prometheus. */
  text(): string {
    return this.#metrics.text()
  }
}
