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
import { News } from './news.ts'
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
  /** Whether this machine is a member of the cluster now: its sign of life is taken, and nobody else's. */
  isMember: () => boolean
  /** Told after units changed. */
  onHeld: () => void
}

/** What systemd was given and has not read. */
interface Stale {
  sinceMs: number
  changedMs: number
  /** Of a unit that it would run with what it has read before. */
  isUrgent: boolean
}

/** How steps are done. */
interface Rules {
  /** Asked before each step but the first: whether what the steps were made from still holds. */
  mayGoOn: () => boolean
  /** Whether something else may be wanted of a unit by now. */
  isNew: (name: string) => boolean
  /** Of the text that a unit is to have; `''` for one that is to go. */
  hashOf: (name: string) => string
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
 * It acts only on a registry it has just read, and only while its machine is a member of the cluster. When the store is
 * away it does nothing at all: what runs goes on. One that was cut off or stood still may have lost its units to others,
 * and of two machines with one ID the second has none; both wait until their sign of life is taken. A store that has lost its contents, which shows by the missing directory of jobs, is no reason to stop anything.
 */
export class Agent {
  readonly #options: AgentOptions
  readonly #bell = new Bell()
  readonly #news = new News()
  readonly #held = new Map<string, Held>()
  readonly #troubles: Troubles
  // Units that were unloaded while they still ended: if they fail at it, systemd remembers them until it is told not to.
  readonly #ending = new Set<string>()
  #isAdopted = false
  // systemd has not read all that is on the disk: also when it could not be asked to, or the daemon did not come to it.
  #stale: Stale | undefined
  #isReloadTold = false
  #isWarned = false

  constructor(options: AgentOptions) {
    this.#options = options
    this.#troubles = new Troubles(options.clock)
    options.jobs.onDecision(names => {
      this.#news.hear(names)
      this.#bell.ring()
    })
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
    this.#news.hear(undefined)
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
    await this.#carryOut(unloads, { mayGoOn: () => true, isNew: () => false, hashOf: () => '' })
    return held.filter(({ isGlobal }) => !isGlobal).map(({ name }) => name)
  }

  /** Has systemd read what it has not read yet: the last thing that is to be done after `unloadAll`. */
  async finish(): Promise<void> {
    if (this.#stale !== undefined) await this.#reload()
  }

  async #adopt(): Promise<void> {
    const { files, systemd, log } = this.#options
    const texts = await files.list()
    const statuses = texts.size === 0 ? [] : await systemd.statuses([...texts.keys()])
    const remembered = decodeMemory(await files.recall())
    const held = adopt(texts, remembered, new Map(statuses.map(status => [status.name, status])))
    for (const [name, entry] of held) this.#held.set(name, entry)
    this.#isAdopted = true
    if (held.size > 0) log.info(`goes on with ${held.size} units that are here already`)
    this.#options.onHeld()
  }

  async #round(): Promise<number> {
    const { jobs, machineId, isMember } = this.#options
    const machine = this.#options.machine()
    if (!isMember() || !jobs.isFresh || machine === undefined) return RETRY_MS
    if (this.#isWiped()) return ROUND_MS
    await jobs.refresh()
    // The store may have gone while texts were read.
    if (!jobs.isFresh) return RETRY_MS
    this.#news.clear()
    const desired = desiredUnits({ jobs: jobs.all.values(), broken: jobs.broken.values(), machine })
    const steps = stepsTo(desired, this.#held, machineId)
    // Where nothing is to be done any more, what once failed is of no interest.
    this.#troubles.keepOnly(new Set(steps.map(step => (step.type === 'reload' ? '' : step.name))))
    if (this.#stale?.isUrgent && !steps.some(({ type }) => type === 'reload'))
      steps.unshift({ type: 'reload' })
    await this.#carryOut(steps, {
      // What takes long is broken off when this machine may have lost its units, and passes over what changed meanwhile.
      mayGoOn: () => isMember() && jobs.isFresh && !this.#news.areOfAll,
      isNew: name => this.#news.has(name),
      hashOf: name => desired.units.get(name)?.job.hash ?? '',
    })
    await this.#sweep()
    if (this.#stale?.isUrgent) return RETRY_MS
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
    return (await this.#reload()) ? ROUND_MS : RETRY_MS
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
  async #carryOut(steps: readonly Step[], { mayGoOn, isNew, hashOf }: Rules): Promise<void> {
    const failed = new Set<string>()
    const tried = new Set<string>()
    const keptBack = new Set<string>()
    const loaded = new Set<string>()
    let isChanged = false
    // Who is killed in the midst of it leaves word of what may have been done.
    if (steps.length > 0) await this.#options.files.remember(encodeMemory(this.#held, steps))
    for (const [at, step] of steps.entries()) {
      if (at > 0 && !mayGoOn()) {
        this.#leaveUndone(steps.slice(at))
        break
      }
      if (step.type === 'reload') {
        if (this.#stale?.isUrgent !== true || (await this.#reload())) continue
        this.#leaveUndone(steps.slice(at))
        break
      }
      const { name } = step
      if (isNew(name)) {
        this.#leaveUndone([step])
        continue
      }
      // The time for it may come during the round: its later steps are not done without the first ones.
      if (!tried.has(name) && !this.#troubles.mayTry(name, hashOf(name))) keptBack.add(name)
      if (failed.has(name) || keptBack.has(name)) continue
      tried.add(name)
      try {
        if (step.type === 'load' || step.type === 'unload') this.#touch(await this.#isReadBefore(step))
        await this.#do(step)
        if (step.type === 'load') loaded.add(name)
        isChanged = true
      } catch (error) {
        failed.add(name)
        this.#troubles.add(name, reason(error), hashOf(name))
        this.#leaveUndone([step])
        this.#options.log.error(`could not ${step.type} Unit(${name}): ${reason(error)}`)
      }
    }
    for (const name of tried) if (!failed.has(name)) this.#troubles.clear(name)
    // What systemd has not read is not to be taken for what it has, by the next daemon neither.
    if (this.#stale?.isUrgent) for (const name of loaded) this.#unread(name)
    if (steps.length > 0) await this.#options.files.remember(encodeMemory(this.#held))
    if (isChanged || failed.size > 0) this.#options.onHeld()
  }

  /** Units whose new text was given to systemd and does not run: it is given, and they are restarted, once more. */
  #leaveUndone(steps: readonly Step[]): void {
    for (const step of steps) if (step.type === 'restart') this.#unread(step.name)
  }

  #unread(name: string): void {
    const held = this.#held.get(name)
    if (held !== undefined) this.#held.set(name, { ...held, hash: '' })
  }

  /** Whether systemd would go on with what it has read before: the text of this unit, or what others were told of it. */
  async #isReadBefore(step: Extract<Step, { type: 'load' | 'unload' }>): Promise<boolean> {
    const { name } = step
    if (step.type === 'unload') return this.#held.get(name)?.hasInstall === true
    return step.held.hasInstall || this.#held.has(name) || (await this.#options.systemd.knows(name))
  }

  /** Files have changed, or are about to. */
  #touch(isUrgent: boolean): void {
    const now = this.#options.clock.now()
    const { sinceMs = now, isUrgent: wasUrgent = false } = this.#stale ?? {}
    this.#stale = { sinceMs, changedMs: now, isUrgent: isUrgent || wasUrgent }
  }

  async #reload(): Promise<boolean> {
    try {
      await this.#options.systemd.reload()
    } catch (error) {
      if (!this.#isReloadTold)
        this.#options.log.error(`could not have systemd read units again: ${reason(error)}`)
      this.#isReloadTold = true
      return false
    }
    this.#stale = undefined
    this.#isReloadTold = false
    return true
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
    const held = this.#held.get(name)
    await systemd.stop(name)
    try {
      await systemd.disable(name)
      await systemd.resetFailed(name)
      await files.remove(name)
    } catch (error) {
      // It does not run any more, and its link may be gone: one that is wanted again is loaded and started anew.
      if (held !== undefined) this.#held.set(name, { ...held, state: 'loaded', hash: '' })
      throw error
    }
    this.#held.delete(name)
    this.#ending.add(name)
  }
}
