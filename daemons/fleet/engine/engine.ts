import { ErrorCode } from '#lib/etcd/errors.ts'
import type { Machine } from '#lib/fleet/model.ts'
import type { ScheduleUnit } from '#lib/fleet/placing/able.ts'
import type { Board } from '#lib/fleet/placing/board.ts'
import { machinesOf } from '#lib/fleet/registry/machines.ts'
import { ignore, type Registry } from '#lib/fleet/registry/registry.ts'
import { Bell } from '../bell.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { FleetMetrics } from '../metrics.ts'
import type { Jobs } from '../registry/jobs.ts'
import { Mirror, reason } from '../registry/mirror.ts'
import { ENGINE_VERSION, LeaderLease } from './lease.ts'
import { type Decision, type Plan, schedule } from './schedule.ts'

/** How the engine is run. */
export interface EngineOptions {
  registry: Registry
  jobs: Jobs
  clock: Clock
  log: Log
  metrics: FleetMetrics
  machineId: string
  /** Whether this machine is a member of the cluster now; of two with one ID, one is. */
  isMember: () => boolean
  /** The lease lives five times as long. */
  intervalMs: number
  /** How long machines that live need to say so, should the store have been away until now. */
  patienceMs: () => number
  /** Units moved at a time only to even out the load; 0 for never. */
  rebalanceMax: number
}

/** Writes that are under way at once. */
const WRITES_MAX = 32
/** Reasons written in one round; the others follow in the next. */
const PROBLEM_WRITES_MAX = 256
/** Wait for the own writes to come back by the watch. */
const ECHO_MS = 2_000
/** A round without an event, in case a change of time itself decides something. */
const ROUND_MS = 30_000
/** A follower asks for the lease so often, should the watch of it have missed its end. */
const FOLLOW_MS = 60_000
const RETRY_MS = 1_000
/** Changes that come together are decided together. */
const GATHER_MS = 50

/**
 * Places units while this machine holds the lease. Only the leader looks at all machines; the others watch the one key
 * of the lease and sleep.
 *
 * A machine is taken for lost when its key goes while the leader looks on. Only in the beginning of a leadership, as after
 * an outage of the store, which lets all keys end, machines are given time to come back: until then nothing is taken from
 * them.
 */
export class Engine {
  readonly #options: EngineOptions
  readonly #lease: LeaderLease
  readonly #leaseMirror: Mirror
  readonly #bell = new Bell()

  constructor(options: EngineOptions) {
    this.#options = options
    const { registry, clock, log, machineId, intervalMs } = options
    const ttlSeconds = Math.max(1, Math.round((5 * intervalMs) / 1000))
    this.#lease = new LeaderLease(registry, clock, machineId, ttlSeconds)
    const directory = registry.keys.lease.slice(0, registry.keys.lease.lastIndexOf('/'))
    this.#leaseMirror = new Mirror({ store: registry.store, directory, clock, log })
    this.#leaseMirror.onChange(() => this.#bell.ring())
  }

  /** Whether this machine leads. */
  get isLeader(): boolean {
    return this.#lease.isHeld
  }

  /** Has it look again: this machine has become a member. */
  ring(): void {
    this.#bell.ring()
  }

  /** Takes what is known of the lease for old. */
  reread(): void {
    this.#leaseMirror.reread()
  }

  /** Runs until the signal ends it, then gives the lease up. */
  async run(signal: AbortSignal): Promise<void> {
    const watching = this.#leaseMirror.run(signal)
    const { clock, log, intervalMs } = this.#options
    while (!signal.aborted) {
      try {
        if (!this.#options.isMember()) await this.#bell.wait(clock, RETRY_MS, signal)
        else if (!(await this.#mayRun())) await this.#bell.wait(clock, FOLLOW_MS, signal)
        else if (await this.#lease.advance()) await this.#lead(signal)
        else await this.#bell.wait(clock, this.#leaseMirror.isFresh ? FOLLOW_MS : intervalMs, signal)
      } catch (error) {
        log.debug(`engine: ${reason(error)}`)
        await clock.sleep(RETRY_MS, signal)
      }
    }
    await watching
    await this.#lease.release().catch((error: unknown) => log.warn(`the lease stays: ${reason(error)}`))
  }

  /** A cluster whose engines are of a newer version is theirs. */
  async #mayRun(): Promise<boolean> {
    const { store, keys } = this.#options.registry
    const answer = await ignore(ErrorCode.keyNotFound, store.get(keys.engineVersion))
    const version = answer === undefined ? 0 : Number(answer.node.value)
    if (version > ENGINE_VERSION) return false
    const value = String(ENGINE_VERSION)
    if (answer === undefined) await ignore(ErrorCode.alreadyExists, store.create(keys.engineVersion, value))
    else if (version < ENGINE_VERSION)
      await ignore(
        ErrorCode.compareFailed,
        store.set(keys.engineVersion, value, { prevIndex: answer.node.modifiedIndex }),
      )
    return true
  }

  /** Leads until the lease is lost. */
  async #lead(signal: AbortSignal): Promise<void> {
    const { log, clock, metrics } = this.#options
    log.info('engine leadership acquired')
    metrics.leaderSince(clock.now())
    const over = new AbortController()
    const session = new LeaderSession(this.#options, this.#lease)
    try {
      await session.run(AbortSignal.any([signal, over.signal]))
    } finally {
      over.abort()
      metrics.leaderSince(undefined)
      if (!signal.aborted) log.warn('engine leadership lost')
    }
  }
}

/** One time of leadership, from the lease's coming to its going. */
class LeaderSession {
  readonly #options: EngineOptions
  readonly #lease: LeaderLease
  readonly #machines: Mirror
  readonly #bell = new Bell()
  /** Until then, machines that are not there are waited for. */
  readonly #patientUntil: number
  #isOver = false

  constructor(options: EngineOptions, lease: LeaderLease) {
    this.#options = options
    this.#lease = lease
    const { registry, clock, log } = options
    this.#patientUntil = clock.now() + options.patienceMs()
    this.#machines = new Mirror({ store: registry.store, directory: registry.keys.machines, clock, log })
    this.#machines.onChange(() => this.#bell.ring())
  }

  async run(signal: AbortSignal): Promise<void> {
    const ending = new AbortController()
    const both = AbortSignal.any([signal, ending.signal])
    const forget = this.#options.jobs.onDecision(() => this.#bell.ring())
    const work = [this.#machines.run(both), this.#renew(both)]
    try {
      while (!both.aborted && !this.#isOver) {
        const pauseMs = await this.#round()
        await this.#bell.wait(this.#options.clock, pauseMs, both)
        await this.#options.clock.sleep(GATHER_MS, both)
      }
    } finally {
      forget()
      ending.abort()
      await Promise.all(work)
    }
  }

  /** Keeps the lease, apart from the rounds, which may take long. */
  async #renew(signal: AbortSignal): Promise<void> {
    const { clock, log, intervalMs } = this.#options
    while (!signal.aborted && !this.#isOver) {
      await clock.sleep((5 * intervalMs) / 3, signal)
      if (signal.aborted) return
      try {
        // One that was gone and could be had again begins another leadership: much may have happened in between.
        if (!(await this.#lease.confirm())) this.#isOver = true
      } catch (error) {
        log.debug(`the lease was not renewed: ${reason(error)}`)
        if (!this.#lease.isHeld) this.#isOver = true
      }
    }
    this.#bell.ring()
  }

  /** One look at the cluster, and what follows from it. Gives the time until the next one. */
  async #round(): Promise<number> {
    const { jobs, log, metrics } = this.#options
    if (!this.#machines.isFresh || !jobs.isFresh) return RETRY_MS
    try {
      await jobs.refresh()
      const { machines, awaited, waitMs } = this.#present()
      const rebalanceMax = waitMs > 0 ? 0 : this.#options.rebalanceMax
      const plan = schedule({ units: [...jobs.all.values()], machines, awaited, rebalanceMax })
      metrics.reconciled()
      if (this.#hasLosses(plan, machines) && !(await this.#confirm())) return 0
      await this.#carryOut(plan)
      await this.#tellProblems(plan)
      await this.#clear()
      return waitMs > 0 ? waitMs : ROUND_MS
    } catch (error) {
      log.warn(`the engine could not do its round: ${reason(error)}`)
      return RETRY_MS
    }
  }

  /**
   * The machines to plan with. In the beginning of a session, those that units are placed on and that are not there are
   * waited for until they had the time to say that they live, also when they were seen before: after an outage of the
   * store, the first thing that it does is to let the old signs end.
   */
  #present(): { machines: Machine[]; awaited: Set<string>; waitMs: number } {
    const { clock, jobs } = this.#options
    const machines = machinesOf(this.#machines.tree)
    const awaited = new Set<string>()
    const waitMs = Math.max(0, this.#patientUntil - clock.now())
    if (waitMs === 0) return { machines, awaited, waitMs }
    const known = new Set(machines.map(({ id }) => id))
    for (const { target } of jobs.all.values()) {
      if (target !== undefined && !known.has(target)) awaited.add(target)
    }
    return { machines, awaited, waitMs: awaited.size > 0 ? waitMs : 0 }
  }

  #hasLosses({ decisions }: Plan, machines: readonly Machine[]): boolean {
    const known = new Set(machines.map(({ id }) => id))
    return decisions.some(({ type, machine }) => type === 'unschedule' && !known.has(machine))
  }

  /**
   * A machine that was suspended as a whole goes on as the leader it was, and sees that all others went away: so before
   * anything is taken from a lost machine, the store is asked who leads.
   */
  async #confirm(): Promise<boolean> {
    const isLeader = await this.#lease.confirm()
    this.#isOver ||= !isLeader
    return isLeader
  }

  async #carryOut({ decisions, board }: Plan): Promise<void> {
    for (const decision of decisions) {
      const failure = failureOf(decision, board)
      if (failure !== undefined) this.#options.metrics.failed(failure)
    }
    // What goes away goes first, so that a unit is never placed twice.
    for (const type of ['unschedule', 'schedule'] as const) {
      const due = decisions.filter(decision => decision.type === type)
      let index = 0
      await inParallel(due, async decision => {
        index = Math.max(index, (await this.#write(decision)) ?? 0)
      })
      if (index > 0) await this.#options.jobs.mirror.reached(index, ECHO_MS)
    }
  }

  async #write(decision: Decision): Promise<number | undefined> {
    const { registry, log, metrics } = this.#options
    if (!this.#lease.isHeld || this.#isOver) return undefined
    const { unit, machine } = decision
    const isPlaced = decision.type === 'schedule'
    if (isPlaced) log.info(`scheduled Unit(${unit}) to Machine(${machine})`)
    else log.info(`unscheduled Unit(${unit}) from Machine(${machine}): ${decision.reason}`)
    const type = isPlaced ? 'attemptscheduleunit' : 'unscheduleunit'
    metrics.task(type)
    try {
      return await (isPlaced ? registry.schedule(unit, machine) : registry.unschedule(unit, machine))
    } catch (error) {
      metrics.taskFailed(type)
      throw error
    }
  }

  /** Takes away what was written of units that were destroyed in that moment: they may come again. */
  async #clear(): Promise<void> {
    const { jobs, registry } = this.#options
    const { tree } = jobs.mirror
    const left = [...tree.groups()].filter(name => !jobs.has(name))
    await inParallel(left.slice(0, PROBLEM_WRITES_MAX), async name => {
      const files = tree.group(name)
      const target = files.get('target')
      if (!this.#lease.isHeld || this.#isOver) return
      if (target !== undefined) await registry.unschedule(name, target)
      if (files.has('problem')) await registry.setProblem(name, '')
    })
  }

  /** Writes reasons that changed, so that every daemon can tell them. */
  async #tellProblems({ problems }: Plan): Promise<void> {
    const { jobs, registry } = this.#options
    const changed: [unit: ScheduleUnit, problem: string][] = []
    for (const job of jobs.all.values()) {
      const problem = problems.get(job.name) ?? ''
      if (problem !== job.problem) changed.push([job, problem])
    }
    await inParallel(changed.slice(0, PROBLEM_WRITES_MAX), async ([{ name }, problem]) => {
      if (problem !== '') {
        this.#options.log.info(`Unit(${name}) has no machine: ${problem}`)
        this.#options.metrics.failed('schedule')
      }
      await registry.setProblem(name, problem)
    })
  }
}

/** What of a decision counts as a failure: a machine that has gone, or that cannot have its unit any more. */
function failureOf(decision: Decision, board: Board): 'machine_away' | 'run' | undefined {
  if (decision.type === 'schedule') return undefined
  if (board.station(decision.machine) === undefined) return 'machine_away'
  return decision.reason.startsWith('target Machine(') ? 'run' : undefined
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < items.length) await work(items[next++]!)
  }
  await Promise.all(Array.from({ length: Math.min(WRITES_MAX, items.length) }, worker))
}
