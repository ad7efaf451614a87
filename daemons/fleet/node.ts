import type { Machine } from '#lib/fleet/model.ts'
import type { Keys } from '#lib/fleet/registry/keys.ts'
import { machineOf } from '#lib/fleet/registry/machines.ts'
import { filesOf } from '#lib/fleet/registry/reader.ts'
import { Registry } from '#lib/fleet/registry/registry.ts'
import type { KeyStore } from '#lib/fleet/registry/store.ts'
import { Agent } from './agent/agent.ts'
import type { UnitFiles } from './agent/files.ts'
import { Reporter } from './agent/reporter.ts'
import type { Clock } from './clock.ts'
import { Engine } from './engine/engine.ts'
import type { Log } from './log.ts'
import { Presence } from './machine/presence.ts'
import { FleetMetrics } from './metrics.ts'
import { Jobs } from './registry/jobs.ts'
import { Mirror, reason } from './registry/mirror.ts'
import type { UnitManager } from './systemd/manager.ts'

/** What a machine of the fleet is made of: everything outside comes from here, so that it can be simulated. */
export interface NodeOptions {
  store: KeyStore
  keys: Keys
  systemd: UnitManager
  files: UnitFiles
  clock: Clock
  log: Log
  /** Of /etc/machine-id. */
  machineId: string
  /** The machine as it is now. */
  describe: () => Promise<Machine>
  agentTtlMs: number
  engineIntervalMs: number
  disableEngine: boolean
  rebalanceMax: number
}

/** Leaving in order takes at most so long with a store that does not answer. */
const LEAVE_MS = 10_000

/**
 * One machine: presence, agent, reporter and engine over one registry. They speak with one another only through it,
 * but for two things: the agent tells the reporter what it holds, and presence has all of them read the registry anew
 * when the store has been away.
 */
export class FleetNode {
  readonly registry: Registry
  readonly jobs: Jobs
  readonly agent: Agent
  readonly engine: Engine | undefined
  readonly metrics = new FleetMetrics()
  readonly presence: Presence
  /** Told when the store answers again after it did not. */
  onReturn: (() => void) | undefined
  readonly #options: NodeOptions
  readonly #reporter: Reporter
  readonly #self: Mirror
  readonly #ending = new AbortController()
  #running: Promise<unknown> = Promise.resolve()

  constructor(options: NodeOptions) {
    this.#options = options
    const { store, keys, systemd, clock, log, machineId, agentTtlMs: ttlMs } = options
    const { metrics } = this
    const registry = new Registry(store, keys)
    const jobs = new Jobs(keys, { store, clock, log })
    this.registry = registry
    this.jobs = jobs
    this.#self = new Mirror({ store, directory: keys.machine(machineId), clock, log })
    const isMember = (): boolean => this.presence.trouble === undefined
    const onMember = (): void => {
      this.agent.ring()
      this.engine?.ring()
    }
    this.presence = new Presence({ ...options, registry, ttlMs, onMember, onReturn: () => this.#returned() })
    this.agent = new Agent({
      ...options,
      jobs,
      machine: () => this.#machine(),
      isMember,
      onHeld: () => this.#reporter.ring(),
    })
    this.#reporter = new Reporter({
      registry,
      systemd,
      clock,
      log,
      machineId,
      ttlMs,
      held: () => this.agent.held,
      isKnown: name => jobs.has(name),
      troubles: () => this.agent.troubles,
      isOnline: isMember,
    })
    this.#self.onChange(() => {
      this.agent.ring()
      if (this.#machine() === undefined) this.presence.ring()
    })
    const intervalMs = options.engineIntervalMs
    const patienceMs = (): number => this.presence.patienceMs
    this.engine = options.disableEngine
      ? undefined
      : new Engine({ ...options, registry, jobs, metrics, isMember, intervalMs, patienceMs })
  }

  /** Begins; `stop` or `kill` ends it. */
  start(): void {
    const { signal } = this.#ending
    const parts = [this.presence, this.jobs.mirror, this.#self, this.agent, this.#reporter, this.engine]
    this.#running = Promise.all(parts.map(part => part?.run(signal)))
  }

  /** Ends at once and leaves everything as it is: units go on, and the registry will notice by itself. */
  async kill(): Promise<void> {
    this.#ending.abort()
    await this.#running
  }

  /** Leaves in order: units are stopped and unloaded here, and the cluster need not wait to place them elsewhere. */
  async stop(): Promise<void> {
    const { log, clock } = this.#options
    await this.kill()
    const units = await this.agent.unloadAll()
    const late = new AbortController()
    const left = this.#leave(units).catch((error: unknown) =>
      log.warn(`left without telling the cluster: ${reason(error)}`),
    )
    await Promise.race([left, clock.sleep(LEAVE_MS, late.signal)])
    late.abort()
    // Nobody waits for it any more: it may take seconds.
    await this.agent.finish()
  }

  /** The machine goes before its units are given free, so that they are not placed on it once more. */
  async #leave(units: readonly string[]): Promise<void> {
    await this.#reporter.report()
    await this.presence.leave()
    for (const name of units) await this.registry.unschedule(name, this.#options.machineId)
  }

  /** This machine as the registry has it, with the metadata that were set there; undefined when it has it not. */
  #machine(): Machine | undefined {
    if (!this.#self.isFresh) return undefined
    const files = filesOf(this.#self.tree)
    return machineOf({ group: () => files }, this.#options.machineId)
  }

  #returned(): void {
    this.jobs.mirror.reread()
    this.#self.reread()
    this.engine?.reread()
    this.#reporter.forget()
    this.onReturn?.()
  }
}
