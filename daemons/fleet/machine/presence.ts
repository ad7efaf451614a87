import { ClusterError, ErrorCode, hasCode, isUnreachable } from '#lib/etcd/errors.ts'
import type { Machine } from '#lib/fleet/model.ts'
import { decodeMachine, encodeMachine } from '#lib/fleet/registry/codec.ts'
import { ignore, type Registry } from '#lib/fleet/registry/registry.ts'
import { Bell } from '../bell.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { reason } from '../registry/mirror.ts'

/** How presence is kept. */
export interface PresenceOptions {
  registry: Registry
  clock: Clock
  log: Log
  /** Life of the sign of life; it is renewed at half of it. */
  ttlMs: number
  disableEngine: boolean
  /** The machine as it is now; its metadata are those of the configuration. */
  describe: () => Promise<Machine>
  /** Told when this machine has become a member of the cluster, for the first time or again. */
  onMember: () => void
  /** Told when what is known of the store may be old: it answers again after it did not, or has lost this machine. */
  onReturn: () => void
}

/** Pauses between attempts while the store does not answer. */
const RETRY_MS_MIN = 500
const RETRY_MS_MAX = 5_000
const NO_OVERLAY: ReadonlyMap<string, string> = new Map()

/** Trouble of a store that was asked, and has neither answered nor failed. */
const NO_ANSWER = 'it has not answered yet'

/** Part of the life of a sign of life after which it is renewed, and the longest pause before it is tried again. */
const BEAT_PART = 1 / 2
const RETRY_PART = 1 / 6

/**
 * How long machines that live need to say so when another engine begins to lead, which may be because the store was
 * away. One that missed its beat tries again soon, and one that did not beats in time: so a beat and a pause are enough
 * where this machine itself has seen the store answer for the life of a sign of life. Where it has not, as when all
 * machines are switched on, the others get that whole life.
 *
 * @param ttlMs life of a sign of life
 * @param steadyMs since when every beat of this machine was taken
 */
export function patienceMs(ttlMs: number, steadyMs: number): number {
  return Math.max(ttlMs * (BEAT_PART + RETRY_PART), ttlMs - steadyMs)
}

/** What to do when another machine's entry stands under this ID. */
export type Claim = 'take' | 'wait'

/**
 * Whether an entry under this machine's ID is its own: of the same boot, as after a crash of the daemon, or of the same
 * address, as after a restart of the machine. Any other one is a second machine with the same ID, and must end first.
 */
export function claim(found: Machine | undefined, own: Machine): Claim {
  if (found === undefined) return 'take'
  if (found.boot !== '' && found.boot === own.boot) return 'take'
  return found.ip !== '' && found.ip === own.ip ? 'take' : 'wait'
}

/** Keeps this machine's entry in the registry, by which the others know that it lives. */
export class Presence {
  readonly #options: PresenceOptions
  readonly #bell = new Bell()
  #value: string | undefined
  #lastBeatAt = Number.NEGATIVE_INFINITY
  /** The first beat since the last one that failed; undefined while they fail. */
  #steadySince: number | undefined
  #isFailing = false
  #isLost = false
  #trouble = NO_ANSWER
  #isLate = true

  constructor(options: PresenceOptions) {
    this.#options = options
  }

  /** Why this machine is not a member of the cluster just now; undefined when it is. */
  get trouble(): string | undefined {
    const isPresent = this.#options.clock.now() - this.#lastBeatAt < this.#options.ttlMs
    return isPresent && this.#value !== undefined ? undefined : this.#trouble
  }

  /** Whether that may pass by itself: somebody hears what is asked of the store, and has not answered. */
  get isLate(): boolean {
    return this.trouble !== undefined && this.#isLate
  }

  /** How long machines that live, as this one does, need to say so now. */
  get patienceMs(): number {
    const { clock, ttlMs } = this.#options
    return patienceMs(ttlMs, this.#steadySince === undefined ? 0 : clock.now() - this.#steadySince)
  }

  /** Beats until the signal ends it. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, ttlMs } = this.#options
    let pauseMs = RETRY_MS_MIN
    while (!signal.aborted) {
      const isBeating = await this.#beat()
      if (isBeating) pauseMs = RETRY_MS_MIN
      if (isBeating) await this.#bell.wait(clock, ttlMs * BEAT_PART, signal)
      else await clock.sleep(pauseMs, signal)
      if (!isBeating)
        pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX, Math.max(RETRY_MS_MIN, ttlMs * RETRY_PART))
    }
  }

  /** The entry was seen to be gone, as after a time in which this machine stood still: it comes back at once. */
  ring(): void {
    this.#bell.ring()
  }

  /** Takes the entry away, for a machine that leaves in order. */
  async leave(): Promise<void> {
    if (this.#value === undefined) return
    const { store, keys } = this.#options.registry
    const { id } = await this.#options.describe()
    await ignore(ErrorCode.keyNotFound, store.delete(keys.machineObject(id)))
    this.#value = undefined
  }

  async #beat(): Promise<boolean> {
    const { clock, log, ttlMs } = this.#options
    const beganAt = clock.now()
    try {
      const isPresent = await this.#write()
      if (!isPresent) return false
    } catch (error) {
      this.#steadySince = undefined
      this.#trouble = reason(error)
      this.#isLate = error instanceof ClusterError && !isUnreachable(error)
      const silentMs = clock.now() - this.#lastBeatAt
      if (!this.#isFailing) log.warn(`the sign of life was not taken: ${this.#trouble}`)
      if (this.#value !== undefined && silentMs >= ttlMs) {
        log.error('Server monitor triggered: Monitor timed out before successful heartbeat')
        this.#value = undefined
      }
      this.#isFailing = true
      return false
    }
    const wasMember = this.trouble === undefined
    this.#lastBeatAt = beganAt
    this.#trouble = NO_ANSWER
    this.#isLate = true
    if (!wasMember) this.#options.onMember()
    if (this.#isFailing) {
      this.#isFailing = false
      log.info('the cluster store answers again')
      this.#isLost = true
    }
    if (this.#isLost) {
      this.#steadySince = undefined
      this.#options.onReturn()
    }
    this.#steadySince ??= beganAt
    this.#isLost = false
    return true
  }

  /** @returns false when the ID is another machine's */
  async #write(): Promise<boolean> {
    const { registry, ttlMs, disableEngine } = this.#options
    const machine = await this.#options.describe()
    const value = encodeMachine(machine, disableEngine)
    const key = registry.keys.machineObject(machine.id)
    const ttlSeconds = Math.max(1, Math.round(ttlMs / 1000))
    if (value === this.#value) {
      if (await registry.prolong(key, value, ttlSeconds)) return true
      // The store was wiped, or this machine stood still. A watch may wait for an index that is far away now.
      this.#isLost = true
    }
    try {
      await registry.store.create(key, value, { ttlSeconds })
    } catch (error) {
      if (!hasCode(error, ErrorCode.alreadyExists)) throw error
      if (!(await this.#takeOver(key, value, machine, ttlSeconds))) return false
    }
    this.#value = value
    return true
  }

  async #takeOver(key: string, value: string, machine: Machine, ttlSeconds: number): Promise<boolean> {
    const { store } = this.#options.registry
    const answer = await ignore(ErrorCode.keyNotFound, store.get(key, { quorum: true }))
    const found = answer === undefined ? undefined : decodeMachine(machine.id, answer.node.value, NO_OVERLAY)
    if (claim(found, machine) === 'wait') {
      const where = found === undefined || found.ip === '' ? 'another machine' : `the machine at ${found.ip}`
      const trouble = `machine ID ${machine.id} is in use by ${where}; give each machine its own /etc/machine-id`
      if (trouble !== this.#trouble) this.#options.log.error(trouble)
      this.#trouble = trouble
      this.#isLate = false
      return false
    }
    // Who comes in between, be it only in the moment after the entry was gone, was first.
    if (answer === undefined) await store.create(key, value, { ttlSeconds })
    else await store.set(key, value, { ttlSeconds, prevIndex: answer.node.modifiedIndex })
    return true
  }
}
