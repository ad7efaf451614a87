import { ErrorCode, hasCode, storeSentence } from '#lib/etcd/errors.ts'
import type { Machine } from '#lib/fleet/model.ts'
import { canRestart, machineBody, stateBody, unitBody, whyBody } from '#lib/fleet/registry/bodies.ts'
import { isBroken, type Job } from '#lib/fleet/registry/job.ts'
import type { Keys } from '#lib/fleet/registry/keys.ts'
import { RegistryReader } from '#lib/fleet/registry/reader.ts'
import { indexOf, Registry } from '#lib/fleet/registry/registry.ts'
import {
  compactBody,
  type EventBody,
  type MachineBody,
  type RestartBody,
  type StatusBody,
  type UnitBody,
  type UnitStateBody,
  type WhyBody,
  wholeUnit,
} from '#lib/fleet/shapes.ts'
import { isTemplate } from '#lib/fleet/unit/name.ts'
import { type Client, RequestError } from '../client.ts'
import type { StoreConnection } from '../io.ts'

/**
 * By the registry itself, in any etcd: no fleetd has to be reached. What only a machine can tell, its own systemd and
 * journal, is left to SSH.
 */
export class RegistryClient implements Client {
  readonly #store: StoreConnection
  readonly #keys: Keys
  readonly #reader: RegistryReader
  readonly #registry: Registry
  readonly #newId: () => string

  /** @param newId gives IDs of restart demands, each once */
  constructor(store: StoreConnection, keys: Keys, newId: () => string) {
    this.#store = store
    this.#keys = keys
    this.#reader = new RegistryReader(store.keys, keys)
    this.#registry = new Registry(store.keys, keys)
    this.#newId = newId
  }

  async units(): Promise<UnitBody[]> {
    return await tell(async () => {
      const jobs = await this.#reader.jobs()
      const states = await this.#reader.states()
      const has = (name: string, id: string): boolean =>
        states.get(name)?.some(({ machineId }) => machineId === id) ?? false
      return jobs.map(job => wholeUnit(compactBody(unitBody(job, id => has(job.name, id), true))))
    })
  }

  async unit(name: string): Promise<UnitBody | undefined> {
    return await tell(async () => {
      const job = await this.#reader.job(name)
      if (job === undefined) return undefined
      const states = job.target === undefined ? [] : await this.#reader.statesOf(name)
      const has = (id: string): boolean => states.some(({ machineId }) => machineId === id)
      return wholeUnit(compactBody(unitBody(job, has, false)))
    })
  }

  async states(name?: string): Promise<UnitStateBody[]> {
    return await tell(async () => {
      const states =
        name === undefined
          ? [...(await this.#reader.states()).values()].flat()
          : await this.#reader.statesOf(name)
      return states.map(state => compactBody(stateBody(state)))
    })
  }

  async machines(): Promise<MachineBody[]> {
    return await tell(async () =>
      (await this.#reader.machines()).map(machine => compactBody(machineBody(machine))),
    )
  }

  /** What the daemons of the cluster call themselves. */
  async versions(): Promise<string[]> {
    return await tell(async () => (await this.#reader.machines()).map(({ version }) => version))
  }

  /** As the API does; the text was checked before. */
  async put({ name, options = [], desiredState }: UnitBody): Promise<void> {
    await tell(async () => {
      if (isTemplate(name) && desiredState !== undefined && desiredState !== 'inactive')
        throw new RequestError(`cannot activate template ${JSON.stringify(name)}`)
      if (options.length > 0) await this.#registry.putUnit(name, options, desiredState ?? 'inactive')
      else if (
        desiredState !== undefined &&
        (await this.#registry.setDesired(name, desiredState)) === undefined
      )
        throw new RequestError(`unit ${name} does not exist`)
    })
  }

  async destroy(name: string): Promise<boolean> {
    return await tell(async () => (await this.#registry.destroyUnit(name)) !== undefined)
  }

  async restart(name: string, { machines }: RestartBody): Promise<string | undefined> {
    return await tell(async () => {
      const job = await this.#reader.job(name)
      if (job === undefined) throw new RequestError('unit does not exist')
      if (isBroken(job) || job.desired !== 'launched') throw new RequestError('unit is not launched')
      const concerned = await this.#machinesOf(job)
      if (!concerned.every(canRestart)) return undefined
      const id = this.#newId()
      await this.#registry.restart(name, machines === undefined ? { id } : { id, machines })
      return id
    })
  }

  async why(name: string): Promise<WhyBody | undefined> {
    return await tell(async () => {
      const job = await this.#reader.job(name)
      if (job === undefined) return undefined
      const jobs = await this.#reader.jobs()
      const machines = await this.#reader.machines()
      const readable = jobs.filter((other): other is Job => !isBroken(other))
      return compactBody(whyBody(job, readable, machines))
    })
  }

  async status(): Promise<StatusBody | undefined> {
    return undefined
  }

  async journal(): Promise<AsyncIterable<string> | undefined> {
    return undefined
  }

  async events(): Promise<AsyncIterable<EventBody> | undefined> {
    return this.#follow(await tell(() => this.#index()))
  }

  close(): void {
    this.#store.close()
  }

  async #machinesOf({ name, target, requirements }: Job): Promise<Machine[]> {
    const all = await this.#reader.machines()
    if (!requirements.isGlobal) return all.filter(({ id }) => id === target)
    const running = new Set((await this.#reader.statesOf(name)).map(({ machineId }) => machineId))
    return all.filter(({ id }) => running.has(id))
  }

  /** Where the store stands now. */
  async #index(): Promise<number> {
    try {
      return indexOf(await this.#store.keys.get(this.#keys.prefix, { quorum: true }))
    } catch (error) {
      if (hasCode(error, ErrorCode.keyNotFound)) return error.index
      throw error
    }
  }

  async *#follow(afterIndex: number): AsyncGenerator<EventBody> {
    const watcher = this.#store.keys.watch(this.#keys.prefix, { afterIndex, recursive: true })
    const told = new Map<string, string>()
    for (;;) {
      const { node } = await tell(() => watcher.next())
      for (const event of await this.#eventsOf(node.key)) {
        // Signs of life are written again and again, by daemons that cannot renew them silently.
        const [key, text] = [`${event.type} ${event.name} ${event.state?.machineID}`, JSON.stringify(event)]
        if (told.get(key) === text) continue
        told.set(key, text)
        yield event
      }
    }
  }

  /** What is now behind a key that has changed. */
  async #eventsOf(key: string): Promise<EventBody[]> {
    const [directory, name] = key.slice(this.#keys.prefix.length + 1).split('/')
    if (name === undefined || name === '') return []
    if (directory === 'job') {
      const unit = await this.unit(name)
      return [unit === undefined ? { type: 'unit', name, removed: true } : { type: 'unit', name, unit }]
    }
    if (directory === 'states') {
      const states = await this.states(name)
      if (states.length === 0) return [{ type: 'state', name, removed: true }]
      return states.map(state => ({ type: 'state', name, state }))
    }
    if (directory !== 'machines') return []
    const machine = await tell(() => this.#reader.machine(name))
    return [
      machine === undefined
        ? { type: 'machine', name, removed: true }
        : { type: 'machine', name, machine: compactBody(machineBody(machine)) },
    ]
  }
}

/** Puts what the store gives for an answer into one line. */
async function tell<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    const sentence = hasCode(error, ErrorCode.historyCleared)
      ? 'events came faster than they could be read; begin anew'
      : storeSentence(error)
    if (sentence === undefined) throw error
    throw new RequestError(sentence, { cause: error })
  }
}
