import { ErrorCode, hasCode } from '../../etcd/errors.ts'
import type { TargetState, UnitOption, UnitState } from '../model.ts'
import { hashUnit } from '../unit/file.ts'
import { encodeJob, encodeRestart, encodeState, encodeUnit, type RestartDemand } from './codec.ts'
import type { Keys } from './keys.ts'
import type { KeyStore } from './store.ts'

/**
 * Writes to the registry. Each gives the index of the store after it, by which a mirror tells that it has seen it;
 * each rejects as the store does.
 */
export class Registry {
  readonly keys: Keys
  readonly store: KeyStore

  constructor(store: KeyStore, keys: Keys) {
    this.store = store
    this.keys = keys
  }

  /** Creates a unit or gives it another text. What it is wanted to be is written first only when it is to rest. */
  async putUnit(name: string, options: readonly UnitOption[], desired: TargetState): Promise<number> {
    const hash = hashUnit(options)
    await ignore(ErrorCode.alreadyExists, this.store.create(this.keys.unit(hash), encodeUnit(options)))
    await this.store.set(this.keys.jobKey(name, 'object'), encodeJob(name, hash))
    return indexOf(await this.store.set(this.keys.jobKey(name, 'target-state'), desired))
  }

  /** What a unit is wanted to be. Undefined when there is no such unit: one that was destroyed leaves nothing behind. */
  async setDesired(name: string, desired: TargetState): Promise<number | undefined> {
    const key = this.keys.jobKey(name, 'target-state')
    const known = await ignore(ErrorCode.keyNotFound, this.store.set(key, desired, { prevExist: true }))
    if (known !== undefined) return indexOf(known)
    // Every daemon writes it with the unit; where somebody has not, it is written now.
    const object = this.store.get(this.keys.jobKey(name, 'object'), { quorum: true })
    if ((await ignore(ErrorCode.keyNotFound, object)) === undefined) return undefined
    return indexOf(await this.store.set(key, desired))
  }

  /** Undefined when there was no such unit. */
  async destroyUnit(name: string): Promise<number | undefined> {
    const done = this.store.delete(this.keys.job(name), { recursive: true })
    const answer = await ignore(ErrorCode.keyNotFound, done)
    return answer === undefined ? undefined : indexOf(answer)
  }

  /** Asks the machines that run a unit to restart it. */
  async restart(name: string, demand: RestartDemand): Promise<number> {
    return indexOf(await this.store.set(this.keys.jobKey(name, 'restart'), encodeRestart(demand)))
  }

  /** Places a unit; undefined when it was placed meanwhile. */
  async schedule(name: string, machineId: string): Promise<number | undefined> {
    const done = this.store.create(this.keys.jobKey(name, 'target'), machineId)
    const answer = await ignore(ErrorCode.alreadyExists, done)
    return answer === undefined ? undefined : indexOf(answer)
  }

  /** Takes a unit from a machine; undefined when it was not there any more. */
  async unschedule(name: string, machineId: string): Promise<number | undefined> {
    const answer = await gone(this.store.delete(this.keys.jobKey(name, 'target'), { prevValue: machineId }))
    return answer === undefined ? undefined : indexOf(answer)
  }

  /** Says why a unit could not be placed; `''` takes it back. */
  async setProblem(name: string, problem: string): Promise<void> {
    const key = this.keys.jobKey(name, 'problem')
    if (problem === '') await gone(this.store.delete(key))
    else await this.store.set(key, problem)
  }

  /** The agent's word that it has launched a unit, good for so many seconds. */
  async setHeartbeat(name: string, machineId: string, ttlSeconds: number): Promise<void> {
    await this.store.set(this.keys.jobKey(name, 'job-state'), machineId, { ttlSeconds })
  }

  /** Takes that word back, if it is this machine's. */
  async clearHeartbeat(name: string, machineId: string): Promise<void> {
    await gone(this.store.delete(this.keys.jobKey(name, 'job-state'), { prevValue: machineId }))
  }

  /** Publishes what systemd has of a unit here, for so many seconds. */
  async setState(state: UnitState, ttlSeconds: number): Promise<void> {
    const value = encodeState(state)
    await this.store.set(this.keys.state(state.name, state.machineId), value, { ttlSeconds })
    await this.store.set(this.keys.legacyState(state.name), value, { ttlSeconds })
  }

  /** Takes back what this machine has published of a unit, and nothing of other machines. */
  async clearState(name: string, machineId: string, legacyValue: string): Promise<void> {
    await gone(this.store.delete(this.keys.state(name, machineId)))
    if (legacyValue !== '')
      await gone(this.store.delete(this.keys.legacyState(name), { prevValue: legacyValue }))
  }

  /**
   * Gives a key more time without telling any watcher.
   *
   * @returns false when it is gone, or is not what it was
   */
  async prolong(key: string, value: string, ttlSeconds: number): Promise<boolean> {
    const done = this.store.refresh(key, ttlSeconds, { prevValue: value })
    return (await gone(done)) !== undefined
  }
}

/** The index at which an answer stands. */
export function indexOf(answer: { index: number; node: { modifiedIndex: number } }): number {
  return Math.max(answer.index, answer.node.modifiedIndex)
}

/** Undefined in place of one error. */
export async function ignore<T>(code: number, done: Promise<T>): Promise<T | undefined> {
  try {
    return await done
  } catch (error) {
    if (hasCode(error, code)) return undefined
    throw error
  }
}

/** Undefined when the key is not there or not as expected. */
async function gone<T>(done: Promise<T>): Promise<T | undefined> {
  return await ignore(ErrorCode.compareFailed, ignore(ErrorCode.keyNotFound, done))
}
