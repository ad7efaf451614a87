import type { UnitState } from '#lib/fleet/model.ts'
import { encodeState } from '#lib/fleet/registry/codec.ts'
import type { Registry } from '#lib/fleet/registry/registry.ts'
import { Bell } from '../bell.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { reason } from '../registry/mirror.ts'
import type { UnitManager } from '../systemd/manager.ts'
import type { Held } from './steps.ts'
import type { Troubles } from './troubles.ts'

/** What a reporter needs. */
export interface ReporterOptions {
  registry: Registry
  systemd: UnitManager
  clock: Clock
  log: Log
  machineId: string
  ttlMs: number
  held: () => ReadonlyMap<string, Held>
  /** Whether a unit is in the registry: of one that is not, nothing is said there. */
  isKnown: (name: string) => boolean
  troubles: () => Troubles
  /** Whether the store answers; while it does not, nothing is tried. */
  isOnline: () => boolean
}

/** systemd tells when something changed; it is asked as well, in case it did not. */
const ASK_MS = 5_000
/** Changes that come together are told together. */
const GATHER_MS = 100
const RETRY_MS = 1_000
/** Writes that are under way at once. */
const WRITES_MAX = 32
/** From this life time on, renewals leave less of it unused (spec fleet f). */
const LONG_TTL_MS = 10_000

/** How long after a write the key is given new time: 0.8 of its life, or half of a short one. */
export function renewalMs(ttlMs: number): number {
  return ttlMs > LONG_TTL_MS ? ttlMs * 0.8 : ttlMs / 2
}

/**
 * What was published of a unit, or may have been: it is noted before it is written, as a write whose answer is lost may
 * have been done all the same.
 */
interface Published {
  readonly state: UnitState
  readonly value: string
  /** Whether all of it was written. */
  isWhole: boolean
  hasHeartbeat: boolean
  renewAt: number
}

/** Publishes what systemd has of the units that the agent holds: each change at once, and else only new life. */
export class Reporter {
  readonly #options: ReporterOptions
  readonly #bell = new Bell()
  readonly #published = new Map<string, Published>()

  constructor(options: ReporterOptions) {
    this.#options = options
  }

  /** Units have changed, or the store has lost what was published. */
  ring(): void {
    this.#bell.ring()
  }

  /** Takes everything for not published. */
  forget(): void {
    for (const entry of this.#published.values()) entry.renewAt = 0
    this.#bell.ring()
  }

  /** Runs until the signal ends it. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, systemd } = this.#options
    const forget = systemd.onChange(() => this.#bell.ring())
    while (!signal.aborted) {
      let pauseMs = ASK_MS
      try {
        if (this.#options.isOnline()) await this.report()
        pauseMs = this.#nextMs()
      } catch (error) {
        log.debug(`states were not published: ${reason(error)}`)
        pauseMs = RETRY_MS
      }
      await this.#bell.wait(clock, pauseMs, signal)
      await clock.sleep(GATHER_MS, signal)
    }
    forget()
  }

  /** Publishes what is new and renews what is due. Rejects when a write failed; the others are done. */
  async report(): Promise<void> {
    const { clock } = this.#options
    // The agent goes on while systemd is asked. What it did since then is not in the answer: it is told the next time.
    const held = new Map(this.#options.held())
    const states = await this.#states(held)
    const now = clock.now()
    const work: (() => Promise<void>)[] = []
    for (const [name, published] of this.#published) {
      if (!states.has(name)) work.push(() => this.#takeBack(name, published))
    }
    for (const state of states.values()) {
      const published = this.#published.get(state.name)
      if (!published?.isWhole || published.value !== encodeState(state)) work.push(() => this.#publish(state))
      else if (published.renewAt <= now || published.hasHeartbeat !== this.#beats(state))
        work.push(() => this.#renew(published))
    }
    await allOf(work)
  }

  /** Time until something is to be renewed, or systemd to be asked. */
  #nextMs(): number {
    const now = this.#options.clock.now()
    let ms = ASK_MS
    for (const { renewAt } of this.#published.values()) ms = Math.min(ms, renewAt - now)
    return Math.max(ms, GATHER_MS)
  }

  async #states(held: ReadonlyMap<string, Held>): Promise<Map<string, UnitState>> {
    const { systemd, machineId } = this.#options
    const states = new Map<string, UnitState>()
    if (held.size > 0) {
      for (const { name, load, active, sub } of await systemd.statuses([...held.keys()])) {
        const entry = held.get(name)
        if (entry === undefined || entry.hash === '') continue
        const { hash, restart, state: agentState } = entry
        states.set(name, { name, machineId, hash, load, active, sub, restart, agentState })
      }
    }
    // What could not be loaded or started has failed, though systemd does not know it: it is not to be waited for.
    const failure = { active: 'failed', sub: 'failed', agentState: '' } as const
    for (const [name, hash] of this.#options.troubles().entries()) {
      const state = states.get(name)
      if (state === undefined)
        states.set(name, { name, machineId, hash, load: 'error', restart: '', ...failure })
      else if (state.active === 'inactive') states.set(name, { ...state, ...failure })
    }
    return states
  }

  /**
   * Whether the agent says of a unit that it has launched it, and the state to go with that is from after it. Global units
   * have no one machine to say so.
   */
  #beats({ name, agentState }: UnitState): boolean {
    const held = this.#options.held().get(name)
    const isLaunched = held?.state === 'launched' && agentState !== 'loaded'
    return isLaunched && !held.isGlobal && this.#options.isKnown(name)
  }

  async #publish(state: UnitState): Promise<void> {
    const { registry, ttlMs } = this.#options
    const hasHeartbeat = this.#published.get(state.name)?.hasHeartbeat ?? false
    const published = {
      state,
      value: encodeState(state),
      isWhole: false,
      hasHeartbeat,
      renewAt: this.#renewAt(),
    }
    this.#published.set(state.name, published)
    await registry.setState(state, seconds(ttlMs))
    await this.#heartbeat(published)
    published.isWhole = true
  }

  async #renew(published: Published): Promise<void> {
    const { registry, ttlMs, machineId } = this.#options
    const { state, value } = published
    const key = registry.keys.state(state.name, machineId)
    const ttlSeconds = seconds(ttlMs)
    // Before it is written: it may be told meanwhile that the store has lost it.
    published.renewAt = this.#renewAt()
    try {
      if (await registry.prolong(key, value, ttlSeconds))
        await registry.prolong(registry.keys.legacyState(state.name), value, ttlSeconds)
      else await registry.setState(state, ttlSeconds)
      await this.#heartbeat(published)
    } catch (error) {
      published.renewAt = 0
      throw error
    }
  }

  /** The agent may let go of the unit meanwhile: what counts is what was written. */
  async #heartbeat(published: Published): Promise<void> {
    const { registry, machineId, ttlMs } = this.#options
    const { name } = published.state
    if (!this.#beats(published.state)) {
      if (published.hasHeartbeat) await registry.clearHeartbeat(name, machineId)
      published.hasHeartbeat = false
      return
    }
    const key = registry.keys.jobKey(name, 'job-state')
    if (published.hasHeartbeat && (await registry.prolong(key, machineId, seconds(ttlMs)))) return
    published.hasHeartbeat = true
    await registry.setHeartbeat(name, machineId, seconds(ttlMs))
  }

  /** For what is written now. */
  #renewAt(): number {
    const { clock, ttlMs } = this.#options
    return clock.now() + renewalMs(ttlMs)
  }

  async #takeBack(name: string, { value, hasHeartbeat }: Published): Promise<void> {
    const { registry, machineId } = this.#options
    await registry.clearState(name, machineId, value)
    if (hasHeartbeat) await registry.clearHeartbeat(name, machineId)
    this.#published.delete(name)
  }
}

function seconds(ms: number): number {
  return Math.max(1, Math.round(ms / 1000))
}

/** Does all of it, a few at a time; rejects at the end with the first failure. */
async function allOf(work: readonly (() => Promise<void>)[]): Promise<void> {
  let next = 0
  const failures: unknown[] = []
  const worker = async (): Promise<void> => {
    while (next < work.length) await work[next++]!().catch((error: unknown) => void failures.push(error))
  }
  await Promise.all(Array.from({ length: Math.min(WRITES_MAX, work.length) }, worker))
  if (failures.length > 0) throw failures[0]
}
