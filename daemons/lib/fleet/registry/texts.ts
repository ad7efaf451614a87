import { ErrorCode, hasCode } from '../../etcd/errors.ts'
import { hashText } from '../unit/file.ts'
import { decodeUnit } from './codec.ts'
import type { Keys } from './keys.ts'
import type { KeyStore } from './store.ts'

/** More texts than this are read as one listing. */
const SINGLE_READS_MAX = 32
/** Texts are never deleted from the registry; of those nobody needs, at most so many are kept here. */
const TEXTS_MAX = 20_000

/** Texts of units as the registry has them. They are addressed by their content, so each is read once. */
export class Texts {
  readonly #keys: Keys
  readonly #store: KeyStore
  readonly #texts = new Map<string, string>()

  constructor(keys: Keys, store: KeyStore) {
    this.#keys = keys
    this.#store = store
  }

  /** Undefined for one that was not learnt, or is not in the registry. */
  get(hash: string): string | undefined {
    return this.#texts.get(hash)
  }

  /**
   * Reads those that are not known yet.
   *
   * @throws what the store throws
   */
  async learn(hashes: Iterable<string>, signal?: AbortSignal): Promise<void> {
    const missing = new Set<string>()
    for (const hash of hashes) if (!this.#texts.has(hash)) missing.add(hash)
    if (missing.size === 0) return
    if (this.#texts.size > TEXTS_MAX) this.#texts.clear()
    if (missing.size > SINGLE_READS_MAX) await this.#readAll(signal)
    else for (const hash of missing) await this.#read(hash, signal)
  }

  async #readAll(signal: AbortSignal | undefined): Promise<void> {
    try {
      const { node } = await this.#store.get(this.#keys.units, { recursive: true, quorum: true }, signal)
      for (const { key, value } of node.nodes ?? []) this.#keep(key.slice(key.lastIndexOf('/') + 1), value)
    } catch (error) {
      if (!hasCode(error, ErrorCode.keyNotFound)) throw error
    }
  }

  async #read(hash: string, signal: AbortSignal | undefined): Promise<void> {
    try {
      const { node } = await this.#store.get(this.#keys.unit(hash), { quorum: true }, signal)
      this.#keep(hash, node.value)
    } catch (error) {
      if (!hasCode(error, ErrorCode.keyNotFound)) throw error
    }
  }

  /** What is not the text of its hash is not believed. */
  #keep(hash: string, value: string): void {
    const text = decodeUnit(value)
    if (text !== undefined && hashText(text) === hash) this.#texts.set(hash, text)
  }
}
