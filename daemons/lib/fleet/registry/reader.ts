import { ErrorCode, hasCode } from '../../etcd/errors.ts'
import type { Machine, UnitState } from '../model.ts'
import { type BrokenJob, hashOfJob, type Job, parseText, readJob } from './job.ts'
import type { Keys } from './keys.ts'
import { machineOf, machinesOf, statesOf } from './machines.ts'
import type { KeyStore } from './store.ts'
import { Subtree } from './subtree.ts'
import { Texts } from './texts.ts'

/**
 * Reads of the registry, each of how it is in that moment. For who asks now and then; who has to know all the time keeps
 * a copy. Each rejects as the store does.
 */
export class RegistryReader {
  readonly #store: KeyStore
  readonly #keys: Keys
  readonly #texts: Texts

  constructor(store: KeyStore, keys: Keys) {
    this.#store = store
    this.#keys = keys
    this.#texts = new Texts(keys, store)
  }

  /** All units by name, with those that cannot be read. */
  async jobs(): Promise<(Job | BrokenJob)[]> {
    const tree = await this.#tree(this.#keys.jobs)
    const names = [...tree.groups()].sort()
    const hashes = names.map(name => hashOfJob(tree.group(name))).filter(hash => hash !== undefined)
    await this.#texts.learn(hashes)
    return names.map(name => this.#job(name, tree.group(name))).filter(job => job !== undefined)
  }

  /** One unit; undefined when there is none. */
  async job(name: string): Promise<Job | BrokenJob | undefined> {
    const files = filesOf(await this.#tree(this.#keys.job(name)))
    const hash = hashOfJob(files)
    if (hash !== undefined) await this.#texts.learn([hash])
    return this.#job(name, files)
  }

  /** States of all units, by unit and machine. */
  async states(): Promise<Map<string, UnitState[]>> {
    const tree = await this.#tree(this.#keys.states)
    return new Map([...tree.groups()].sort().map(name => [name, statesOf(tree, name)]))
  }

  /** States of one unit, by machine. */
  async statesOf(name: string): Promise<UnitState[]> {
    const files = filesOf(await this.#tree(this.#keys.statesOf(name)))
    return statesOf({ group: () => files }, name)
  }

  /** Machines that are present, by ID. */
  async machines(): Promise<Machine[]> {
    return machinesOf(await this.#tree(this.#keys.machines))
  }

  /** One machine; undefined when it is not present. */
  async machine(id: string): Promise<Machine | undefined> {
    const files = filesOf(await this.#tree(this.#keys.machine(id)))
    return machineOf({ group: () => files }, id)
  }

  #job(name: string, files: ReadonlyMap<string, string>): Job | BrokenJob | undefined {
    return readJob(name, files, hash => parseText(name, hash, this.#texts.get(hash)))
  }

  async #tree(directory: string): Promise<Subtree> {
    const tree = new Subtree(directory)
    try {
      tree.load((await this.#store.get(directory, { recursive: true, quorum: true })).node)
    } catch (error) {
      if (!hasCode(error, ErrorCode.keyNotFound)) throw error
    }
    return tree
  }
}

/** Files of a directory in which groups are no more than the first part of a path. */
export function filesOf(tree: Subtree): Map<string, string> {
  const files = new Map<string, string>()
  for (const name of tree.groups()) {
    for (const [rest, value] of tree.group(name)) files.set(rest === '' ? name : `${name}/${rest}`, value)
  }
  return files
}
