import { checkHistories } from './check/histories.ts'
import { Violation } from './check/violation.ts'
import { inClimate } from './climate.ts'
import { Cluster } from './cluster.ts'
import { Nemesis } from './nemesis.ts'
import { chooseOptions, type RunOptions } from './options.ts'
import type { SubjectMaker } from './subject.ts'
import { Workload } from './workload.ts'
import { FaultCounts } from './world/faults.ts'
import { Network } from './world/network.ts'
import { Random } from './world/random.ts'
import { Schedule, US_PER_MS } from './world/schedule.ts'

/** Events of the phase with faults, where nobody says otherwise. */
export const EVENTS_DEFAULT = 40_000
/** Milliseconds of the world within which a healed cluster must elect and commit, and again to be of one mind. */
export const LIVENESS_MS_MAX = 30_000
/** Events of one liveness phase; more means that it runs in circles. */
const LIVENESS_EVENTS_MAX = 2_000_000
/** Lines before a violation that are shown. */
const TRACE_LINES_MAX = 40
/** Milliseconds of the world between two looks at whether a liveness phase is over. */
const LOOK_MS = 100

/** What to run. */
export interface RunRequest {
  seed: number
  subject: SubjectMaker
  events?: number
  planted?: ReadonlySet<string>
  /** Gets each line of the trace as it happens. */
  verbose?: (line: string) => void
  /** In place of what the seed would choose, for tests. */
  change?: (options: RunOptions) => RunOptions
}

/** What came of a run. */
export interface Outcome {
  seed: number
  events: number
  worldMs: number
  /** The same for the same seed and program. */
  traceHash: string
  faults: FaultCounts
  /** Faults that this run had enabled and that never happened. */
  silent: readonly string[]
  operations: number
  answered: number
  unknown: number
  committed: number
  elections: number
  /** Keys whose histories were too hard to decide. */
  undecided: number
  /** The quorum was taken away for ever (by a change of members that raced a loss): no liveness was asked for. */
  stranded: boolean
  violation: Found | undefined
}

/** A violation with what is needed to look at it. */
export interface Found {
  checker: string
  message: string
  event: number
  details: readonly string[]
  trace: readonly string[]
}

/** Runs one seed: faults, then peace, then the histories of the clients. Never throws for what it finds. */
export function runSeed(request: RunRequest): Outcome {
  return new Run(request).run()
}

class Run {
  readonly #request: RunRequest
  readonly #schedule = new Schedule()
  readonly #faults = new FaultCounts()
  readonly #network: Network
  readonly #cluster: Cluster
  readonly #nemesis: Nemesis
  readonly #workload: Workload
  readonly #trace: string[] = []
  #undecided = 0
  #stranded = false
  #violation: Found | undefined

  constructor(request: RunRequest) {
    this.#request = request
    const random = new Random(request.seed)
    const chosen = chooseOptions(random.stream('options'), request.planted ?? new Set())
    let options = chosen
    for (const bug of request.planted ?? []) options = inClimate(bug, options)
    options = request.change?.(options) ?? options
    const schedule = this.#schedule
    const faults = this.#faults
    const log = (line: () => string) => this.#log(line)
    const subject = request.subject(options.subject)
    this.#network = new Network(schedule, random.stream('network'), faults, options.network)
    this.#cluster = new Cluster({
      schedule,
      random: random.stream('cluster'),
      network: this.#network,
      faults,
      subject,
      disk: options.disk,
      clockDrift: options.clockDrift,
      log,
    })
    const founders = this.#cluster.nextIds(options.founders)
    for (const id of founders) this.#cluster.start(this.#cluster.add(founders, id))
    const { clients, keys, thinkMsMean } = options
    const parts = {
      schedule,
      random: random.stream('clients'),
      cluster: this.#cluster,
      clients,
      keys,
      thinkMsMean,
    }
    this.#workload = new Workload(parts)
    this.#nemesis = new Nemesis({
      schedule,
      random: random.stream('nemesis'),
      cluster: this.#cluster,
      faults,
      options,
      flips: subject.detectsFlips,
      network: this.#network,
      kindOf: bytes => subject.kindOf(bytes),
      log,
    })
  }

  run(): Outcome {
    const events = this.#request.events ?? EVENTS_DEFAULT
    try {
      while (this.#schedule.events < events && this.#step()) {}
      this.#settle()
      this.#undecided = checkHistories(this.#workload.histories)
    } catch (error) {
      this.#violation = this.#found(error)
    }
    const { schedule, workload } = { schedule: this.#schedule, workload: this.#workload }
    const { committed, elections } = this.#cluster.safety.progress()
    return {
      seed: this.#request.seed,
      events: schedule.events,
      worldMs: Math.round(schedule.nowUs / US_PER_MS),
      traceHash: schedule.traceHash.toString(16).padStart(8, '0'),
      faults: this.#faults,
      silent: this.#faults.silent(),
      operations: workload.started,
      answered: workload.answered,
      unknown: workload.unknown,
      committed,
      elections,
      undecided: this.#undecided,
      stranded: this.#stranded,
      violation: this.#violation,
    }
  }

  #step(): boolean {
    if (!this.#schedule.step()) return false
    this.#cluster.check()
    return true
  }

  /** The liveness phase: all faults end, and the cluster must elect, commit, and be of one mind. */
  #settle(): void {
    this.#log(() => 'all faults end')
    this.#network.heal()
    this.#nemesis.heal()
    this.#stranded = this.#isStranded()
    if (this.#stranded) return
    const changed = this.#workload.changed
    this.#until(
      'elect a leader and commit',
      () => this.#workload.changed > changed && this.#cluster.leader() !== undefined,
    )
    this.#workload.stop()
    this.#until('be of one mind', () => this.#isOfOneMind())
  }

  #until(what: string, reached: () => boolean): void {
    const endUs = this.#schedule.nowUs + LIVENESS_MS_MAX * US_PER_MS
    const eventsMax = this.#schedule.events + LIVENESS_EVENTS_MAX
    let nextUs = 0
    while (this.#schedule.nowUs < endUs && this.#schedule.events < eventsMax) {
      if (this.#schedule.nowUs >= nextUs) {
        if (reached()) return
        nextUs = this.#schedule.nowUs + LOOK_MS * US_PER_MS
      }
      if (!this.#step()) break
    }
    throw new Violation(
      'liveness',
      `the healed cluster did not ${what} within ${LIVENESS_MS_MAX} ms`,
      this.#states(),
    )
  }

  /**
   * So many voters are lost for good that there is no majority any more: by the newest configuration, or by the one that
   * each of those who are left counts by. The second is a change that was committed, and known to be so by the lost ones
   * only. One that ended itself because it was removed is not lost: it may do so only when the others can do without it.
   */
  #isStranded(): boolean {
    const { voters } = this.#cluster.configuration()
    const alive = voters.filter(id => this.#cluster.nodes.get(id)?.standing === 'running')
    if (alive.length <= voters.length / 2) return true
    return !alive.some(id => {
      const counted = this.#cluster.nodes.get(id)?.seen?.voters ?? []
      const left = counted.filter(other => this.#cluster.nodes.get(other)?.standing !== 'lost')
      return left.length > counted.length / 2
    })
  }

  #isOfOneMind(): boolean {
    const { voters, learners } = this.#cluster.configuration()
    const { committed } = this.#cluster.safety.progress()
    return [...voters, ...learners].every(id => {
      const node = this.#cluster.nodes.get(id)
      // One that is lost is still to be replaced.
      if (node === undefined || node.standing !== 'running') return true
      return node.seen !== undefined && node.seen.applied === committed
    })
  }

  #states(): string[] {
    return [...this.#cluster.nodes.values()].map(({ id, standing, seen }) => {
      if (seen === undefined) return `${id} ${standing}`
      const { term, leading, leader, commit, applied, lastIndex, voters, learners } = seen
      const role = leading ? 'leads' : `follows ${leader === '' ? 'nobody' : leader}`
      const members = `voters ${voters.join()}${learners.length > 0 ? ` learners ${learners.join()}` : ''}`
      return `${id} ${standing}, ${role} in term ${term}, commit ${commit} applied ${applied} last ${lastIndex}, ${members}`
    })
  }

  #log(line: () => string): void {
    const text = `${(this.#schedule.nowUs / US_PER_MS).toFixed(3)} ms  #${this.#schedule.events}  ${line()}`
    this.#request.verbose?.(text)
    this.#trace.push(text)
    if (this.#trace.length > TRACE_LINES_MAX) this.#trace.shift()
  }

  #found(error: unknown): Found {
    const event = this.#schedule.events
    const trace = [...this.#trace]
    if (error instanceof Violation)
      return { checker: error.checker, message: error.message, event, details: error.details, trace }
    const { name, message, stack } = error instanceof Error ? error : new Error(String(error))
    const details = [...(stack ?? '').split('\n').slice(1, 8), ...this.#states()]
    return { checker: name === 'InvariantError' ? 'invariant' : 'exception', message, event, details, trace }
  }
}
