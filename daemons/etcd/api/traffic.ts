import { type Counter, type Histogram, labelText, type Metrics } from '#lib/metrics/metrics.ts'
import type { KeysRequest } from '../store/request.ts'

/** What is asked of the keys, as the original counts it: a read that goes through the log is a `QGET`. */
export type Kind = 'GET' | 'QGET' | 'PUT' | 'POST' | 'DELETE'

const KINDS: readonly Kind[] = ['GET', 'QGET', 'PUT', 'POST', 'DELETE']
/** Seconds: from half a millisecond on, each twice the one before. */
const DURATIONS = Array.from({ length: 13 }, (_, at) => 0.0005 * 2 ** at)
const MS = 1000

/** Counts what comes to the client port and how it ends, by the original's names (specification §4). */
export class Traffic {
  readonly #received: Counter
  readonly #failed: Counter
  readonly #durations = new Map<Kind, Histogram>()
  readonly #labels = new Map<Kind, string>()
  readonly #watches: Counter
  readonly #healthy: Counter
  readonly #unhealthy: Counter

  constructor(metrics: Metrics) {
    this.#received = metrics.counter('etcd_http_received_total', 'Requests for keys that were understood.')
    this.#failed = metrics.counter('etcd_http_failed_total', 'Requests for keys that were refused or failed.')
    const name = 'etcd_http_successful_duration_seconds'
    const family = metrics.histograms(name, 'How long requests for keys took that came about.', DURATIONS)
    for (const kind of KINDS) {
      const labels = labelText({ method: kind })
      this.#labels.set(kind, labels)
      this.#durations.set(kind, family.of({ method: kind }))
    }
    this.#watches = metrics.counter('etcd_debugging_store_watch_requests_total', 'Watches that were begun.')
    this.#healthy = metrics.counter('etcd_server_health_success', 'Answers that this member is healthy.')
    this.#unhealthy = metrics.counter('etcd_server_health_failures', 'Answers that it is not.')
    // What has not happened yet is 0, so that its growth can be seen from the first time on.
    for (const counter of [this.#watches, this.#healthy, this.#unhealthy]) counter.add(0)
  }

  /** A request was understood. */
  received(kind: Kind): void {
    this.#received.add(1, this.#labels.get(kind))
  }

  /** It came about, after so many milliseconds. */
  succeeded(kind: Kind, ms: number): void {
    this.#durations.get(kind)!.observe(ms / MS)
  }

  /** It was answered with a status of 400 or more. */
  failed(kind: Kind, status: number): void {
    this.#failed.add(1, labelText({ code: String(status), method: kind }))
  }

  /** A watch was begun. */
  watched(): void {
    this.#watches.add()
  }

  /** `/health` was answered. */
  health(isHealthy: boolean): void {
    if (isHealthy) this.#healthy.add()
    else this.#unhealthy.add()
  }
}

/** How a request is counted. */
export function kindOf(wanted: KeysRequest, method: string): Kind {
  if (wanted.kind === 'write') return method as Kind
  return wanted.kind === 'read' && wanted.quorum ? 'QGET' : 'GET'
}
