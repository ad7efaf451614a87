import { ErrorCode, hasCode } from '#lib/etcd/errors.ts'
import { decodeLease, encodeLease, type Lease } from '#lib/fleet/registry/codec.ts'
import { ignore, type Registry } from '#lib/fleet/registry/registry.ts'
import type { Clock } from '../clock.ts'

/** The version that engines agree on; a cluster that says more is left to newer engines. */
export const ENGINE_VERSION = 1

/** What to do about the lease as it stands. */
export type LeaseStep = 'acquire' | 'renew' | 'steal' | 'follow'

/** Decides by who holds the lease: a pure function. An engine of a lower version is not waited for. */
export function leaseStep(held: Lease | undefined, machineId: string): LeaseStep {
  if (held === undefined) return 'acquire'
  if (held.machineId === machineId) return 'renew'
  return held.version < ENGINE_VERSION ? 'steal' : 'follow'
}

/** The lease of the engine that leads. It is renewed without waking those who watch it. */
export class LeaderLease {
  readonly #registry: Registry
  readonly #clock: Clock
  readonly #value: string
  readonly #machineId: string
  readonly #ttlSeconds: number
  #heldUntil = 0

  constructor(registry: Registry, clock: Clock, machineId: string, ttlSeconds: number) {
    this.#registry = registry
    this.#clock = clock
    this.#machineId = machineId
    this.#value = encodeLease({ machineId, version: ENGINE_VERSION })
    this.#ttlSeconds = ttlSeconds
  }

  /** Whether this machine leads, by its own clock and counted from before the last renewal was asked for. */
  get isHeld(): boolean {
    return this.#clock.now() < this.#heldUntil
  }

  /**
   * Acquires or renews.
   *
   * @returns whether this machine leads now
   * @throws what the store throws; the lease is held until it runs out
   */
  async advance(): Promise<boolean> {
    const askedAt = this.#clock.now()
    const isLeader = this.isHeld ? (await this.#renew()) || (await this.#take()) : await this.#take()
    this.#heldUntil = isLeader ? askedAt + this.#ttlSeconds * 1000 : 0
    return isLeader
  }

  /**
   * Asks the store whether the lease was this machine's all the time; a clock that stood still with the machine cannot
   * tell.
   *
   * @throws what the store throws
   */
  async confirm(): Promise<boolean> {
    const askedAt = this.#clock.now()
    const isKept = this.isHeld && (await this.#renew())
    this.#heldUntil = isKept ? askedAt + this.#ttlSeconds * 1000 : 0
    return isKept
  }

  /** Gives the lease up, so that another need not wait for its end. */
  async release(): Promise<void> {
    if (!this.isHeld) return
    this.#heldUntil = 0
    const { keys, store } = this.#registry
    const done = store.delete(keys.lease, { prevValue: this.#value })
    await ignore(ErrorCode.compareFailed, ignore(ErrorCode.keyNotFound, done))
  }

  async #renew(): Promise<boolean> {
    return await this.#registry.prolong(this.#registry.keys.lease, this.#value, this.#ttlSeconds)
  }

  async #take(): Promise<boolean> {
    const { keys, store } = this.#registry
    const ttlSeconds = this.#ttlSeconds
    const node = await ignore(ErrorCode.keyNotFound, store.get(keys.lease, { quorum: true }))
    const held = node === undefined ? undefined : decodeLease(node.node.value)
    const step = leaseStep(held, this.#machineId)
    if (step === 'follow') return false
    if (step === 'renew' && node?.node.value === this.#value) return await this.#renew()
    if (step === 'acquire') return await won(store.create(keys.lease, this.#value, { ttlSeconds }))
    // Of an older engine, or left by one of this machine.
    const prevIndex = node?.node.modifiedIndex ?? 0
    return await won(store.set(keys.lease, this.#value, { ttlSeconds, prevIndex }))
  }
}

/** False when another was faster. */
async function won(done: Promise<unknown>): Promise<boolean> {
  try {
    await done
    return true
  } catch (error) {
    if (hasCode(error, ErrorCode.alreadyExists) || hasCode(error, ErrorCode.compareFailed)) return false
    if (hasCode(error, ErrorCode.keyNotFound)) return false
    throw error
  }
}
