import type { Machine } from '#lib/fleet/model.ts'
import { Bell } from '../bell.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import type { Jobs } from '../registry/jobs.ts'
import { reason } from '../registry/mirror.ts'
import type { UnitManager } from '../systemd/manager.ts'
import { desiredUnits } from './desired.ts'
import type { UnitFiles } from './files.ts'
import { adopt, decodeMemory, encodeMemory } from './memory.ts'
import { type Held, type Step, stepsTo } from './steps.ts'
import { Troubles } from './troubles.ts'

/** What an agent needs. */
export interface AgentOptions {
  jobs: Jobs
  systemd: UnitManager
  files: UnitFiles
  clock: Clock
  log: Log
  machineId: string
  /** This machine as the registry has it; undefined while that is not known. */
  machine: () => Machine | undefined
  /** Told after units changed. */
  onHeld: () => void
}

/** A round without an event: what failed is tried again by its own time. */
const ROUND_MS = 30_000
const RETRY_MS = 1_000
/** Changes that come together are handled together. */
const GATHER_MS = 20
/** systemd reads its files anew when units have not changed for so long, or have changed all the time for so long. */
const CALM_MS = 5_000
const STALE_MS_MAX = 60_000

/**
 * Makes systemd run what the registry says, one round at a time.
 *
 * It acts only on a registry it has just read. When the store is away it does nothing at all: what runs goes on. A
 * store that has lost its contents, which shows by the missing directory of jobs, is no reason to stop anything.
 */
export class Agent {
  readonly #options: AgentOptions
  readonly #bell = new Bell()
  readonly #held = new Map<string, Held>()
  readonly #troubles: Troubles
  // Units that were unloaded while they still ended: if they fail at it, systemd remembers them until it is told not to.
  readonly #ending = new Set<string>()
  #isAdopted = false
  #isWarned = false
  /** Since when systemd says of all units that files have changed, and when the last one did; undefined when it does not. */
  #stale: { sinceMs: number; changedMs: number } | undefined

  constructor(options: AgentOptions) {
    this.#options = options
    this.#troubles = new Troubles(options.clock)
    options.jobs.onDecision(() => this.#bell.ring())
  }

  /** What it has loaded and launched. */
  get held(): ReadonlyMap<string, Held> {
    return this.#held
  }

  /** Units that could not be loaded or started, with what was said. */
  get troubles(): Troubles {
    return this.#troubles
  }

  /** Has it look again: this machine's metadata have changed. */
  ring(): void {
    this.#bell.ring()
  }

  /** Runs until the signal ends it; units go on. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options
    while (!signal.aborted) {
      let pauseMs = RETRY_MS
      try {
        if (!this.#isAdopted) await this.#adopt()
        pauseMs = await this.#round()
      } catch (error) {
        log.warn(`the agent could not do its round: ${reason(error)}`)
      }
      await this.#bell.wait(clock, pauseMs, signal)
      await clock.sleep(GATHER_MS, signal)
    }
  }

  /**
   * Stops and unloads everything, for a machine that leaves the cluster in order.
   *
   * @returns the units that others may take over: all but the global ones
   */
  async unloadAll(): Promise<string[]> {
    if (!this.#isAdopted) await this.#adopt()
    const held = [...this.#held.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
    const unloads = held.map(({ name }): Step => ({ type: 'unload', name }))
    if (unloads.length > 0) await this.#carryOut([...unloads, { type: 'reload' }])
    if (this.#stale !== undefined) await this.#reload()
    return held.filter(({ isGlobal }) => !isGlobal).map(({ name }) => name)
  }

  async #adopt(): Promise<void> {
    const { files, systemd, log } = this.#options
    const texts = await files.list()
    const statuses = texts.size === 0 ? [] : await systemd.statuses([...texts.keys()])
    const remembered = decodeMemory(await files.recall())
    const held = adopt(texts, remembered, new Map(statuses.map(status => [status.name, status])))
    for (const [name, entry] of held) this.#held.set(name, entry)
    this.#isAdopted = true
    if (held.size > 0) this.#touch()
    if (held.size > 0) log.info(`goes on with ${held.size} units that are here already`)
    this.#options.onHeld()
  }

  async #round(): Promise<number> {
    const { jobs, machineId } = this.#options
    const machine = this.#options.machine()
    if (!jobs.isFresh || machine === undefined) return RETRY_MS
    if (this.#isWiped()) return ROUND_MS
    await jobs.refresh()
    // The store may have gone while texts were read.
    if (!jobs.isFresh) return RETRY_MS
    const desired = desiredUnits({ jobs: jobs.all.values(), broken: jobs.broken.values(), machine })
    this.#troubles.keepOnly(desired.units)
    const steps = stepsTo(desired, this.#held, machineId)
    await this.#carryOut(steps)
    await this.#sweep()
    return Math.min(this.#troubles.nextMs(ROUND_MS), await this.#settle())
  }

  /**
   * A unit that systemd has not in its memory is read when it is first asked for: to start it, nothing has to be read
   * anew. Until that is done systemd warns of changed files, so it is done in the end, but not while units are waiting
   * for it: on a machine with hundreds of units it takes seconds.
   *
   * @returns milliseconds until it may be time
   */
  async #settle(): Promise<number> {
    if (this.#stale === undefined) return ROUND_MS
    const now = this.#options.clock.now()
    const dueMs = Math.min(this.#stale.changedMs + CALM_MS, this.#stale.sinceMs + STALE_MS_MAX)
    if (now < dueMs) return dueMs - now
    await this.#reload()
    return ROUND_MS
  }

  async #reload(): Promise<void> {
    await this.#options.systemd.reload()
    this.#stale = undefined
  }

  #touch(): void {
    const now = this.#options.clock.now()
    this.#stale = { sinceMs: this.#stale?.sinceMs ?? now, changedMs: now }
  }

  /** Takes the failures of units away that ended after they were unloaded. */
  async #sweep(): Promise<void> {
    const { systemd } = this.#options
    if (this.#ending.size === 0) return
    for (const { name, active } of await systemd.statuses([...this.#ending])) {
      if (active === 'failed' && !this.#held.has(name)) await systemd.resetFailed(name)
      if (active === 'failed' || active === 'inactive' || this.#held.has(name)) this.#ending.delete(name)
    }
  }

  #isWiped(): boolean {
    const isWiped = this.#held.size > 0 && this.#options.jobs.isWiped
    if (isWiped && !this.#isWarned)
      this.#options.log.error(
        `the registry has no units at all, as if it was wiped; the ${this.#held.size} units here go on until it has one again`,
      )
    this.#isWarned = isWiped
    return isWiped
  }

  /** Does the steps; what fails is kept back for a while, and holds up nothing but its own unit. */
  async #carryOut(steps: readonly Step[]): Promise<void> {
    const failed = new Set<string>()
    let isChanged = false
    let needsReload = false
    for (const step of steps) {
      if (step.type === 'reload') {
        if (needsReload) await this.#reload()
        continue
      }
      const { name } = step
      if (failed.has(name) || !this.#troubles.mayTry(name)) continue
      try {
        needsReload ||= await this.#isReadBefore(step)
        await this.#do(step)
        isChanged = true
        if (step.type === 'load' || step.type === 'unload') this.#touch()
        if (step.type === 'start' || step.type === 'restart' || step.type === 'unload')
          this.#troubles.clear(name)
      } catch (error) {
        failed.add(name)
        this.#troubles.add(name, reason(error))
        // Its new text was given to systemd and does not run: it is given and restarted once more.
        const held = this.#held.get(name)
        if (step.type === 'restart' && held !== undefined) this.#held.set(name, { ...held, hash: '' })
        this.#options.log.error(`could not ${step.type} Unit(${name}): ${reason(error)}`)
      }
    }
    if (isChanged) await this.#options.files.remember(encodeMemory(this.#held))
    if (isChanged || failed.size > 0) this.#options.onHeld()
  }

  /** Whether systemd would go on with what it has read before: the text of this unit, or what others were told of it. */
  async #isReadBefore(step: Exclude<Step, { type: 'reload' }>): Promise<boolean> {
    const { name } = step
    if (step.type === 'unload') return this.#held.get(name)?.hasInstall === true
    if (step.type !== 'load') return false
    return step.held.hasInstall || this.#held.has(name) || (await this.#options.systemd.knows(name))
  }

  async #do(step: Exclude<Step, { type: 'reload' }>): Promise<void> {
    const { systemd, log } = this.#options
    const { name } = step
    log.info(`${step.type} Unit(${name})`)
    const held = this.#held.get(name)
    switch (step.type) {
      case 'load':
        return await this.#load(step)
      case 'unload':
        return await this.#unload(name)
      case 'stop':
        await systemd.stop(name)
        if (held !== undefined) this.#held.set(name, { ...held, state: 'loaded' })
        return
      case 'start':
      case 'restart':
        await systemd[step.type](name)
        if (held !== undefined) this.#held.set(name, { ...held, state: 'launched', restart: step.restart })
    }
  }

  async #load({ name, text, held }: Extract<Step, { type: 'load' }>): Promise<void> {
    const { files, systemd } = this.#options
    await files.write(name, text)
    try {
      await systemd.link(files.path(name), held.hasInstall)
    } catch (error) {
      // One that runs keeps its place: the new text comes with the next attempt.
      if (!this.#held.has(name)) await files.remove(name)
      throw error
    }
    this.#held.set(name, held)
  }

  /** The file goes last: as long as it is there, another agent would find the unit and go on with it. */
  async #unload(name: string): Promise<void> {
    const { files, systemd } = this.#options
    await systemd.stop(name)
    await systemd.disable(name)
    await systemd.resetFailed(name)
    await files.remove(name)
    this.#held.delete(name)
    this.#ending.add(name)
  }
}
