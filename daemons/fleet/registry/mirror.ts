import { ErrorCode, hasCode, storeSentence } from '#lib/etcd/errors.ts'
import type { KeyStore } from '#lib/fleet/registry/store.ts'
import { Subtree } from '#lib/fleet/registry/subtree.ts'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'

/** Pauses between attempts to read a store that does not answer. */
const RETRY_MS_MIN = 250
const RETRY_MS_MAX = 5_000
/** A listing that takes longer is tried anew. */
const READ_TIMEOUT_MS = 30_000
/** A watch may hang at a member that has lost the others, and then is silent for ever: the listing is read again. */
const REREAD_MS = 10 * 60_000

/**
 * Called after a change.
 *
 * @param groups it was in; undefined when it may be all
 * @param file name of the one file that changed, where it was one
 */
export type OnChange = (groups: ReadonlySet<string> | undefined, file?: string) => void

/** What a mirror needs. */
export interface MirrorOptions {
  store: KeyStore
  directory: string
  clock: Clock
  log: Log
}

/**
 * Keeps a copy of a directory by one listing and an indexed watch, so that nothing is missed and nothing is asked for
 * that did not change.
 *
 * `isFresh` is true from a listing until the store fails to answer. While it is not, the copy is what was true once:
 * fit to be shown, and no reason to stop anything.
 */
export class Mirror {
  readonly tree: Subtree
  readonly #options: MirrorOptions
  readonly #listeners = new Set<OnChange>()
  readonly #waiting = new Set<() => void>()
  #watching = new AbortController()
  #isFresh = false
  #isBare = false
  #index = 0

  constructor(options: MirrorOptions) {
    this.#options = options
    this.tree = new Subtree(options.directory)
  }

  get isFresh(): boolean {
    return this.#isFresh
  }

  /** Whether the directory was there when it was listed, with nothing in it, not even an empty one. */
  get isBare(): boolean {
    return this.#isBare
  }

  /** The last change of the store that is known here. */
  get index(): number {
    return this.#index
  }

  /** Tells of changes until the returned function is called. */
  onChange(listener: OnChange): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Takes the copy for old, and reads it anew: the connection to the store was lost for a while. */
  reread(): void {
    this.#isFresh = false
    this.#watching.abort()
  }

  /** Waits until a change that was made is known here. False when that takes too long. */
  async reached(index: number, waitMs: number): Promise<boolean> {
    if (this.#isFresh && this.#index >= index) return true
    const { clock } = this.#options
    const late = new AbortController()
    const deadline = clock.now() + waitMs
    void clock.sleep(waitMs, late.signal).then(() => this.#wake())
    try {
      while (!(this.#isFresh && this.#index >= index)) {
        if (clock.now() >= deadline) return false
        await new Promise<void>(resolve => void this.#waiting.add(resolve))
      }
      return true
    } finally {
      late.abort()
    }
  }

  /** Follows the directory until the signal ends it. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, directory } = this.#options
    for (let pause = RETRY_MS_MIN; !signal.aborted; ) {
      this.#watching = new AbortController()
      try {
        await this.#read(AbortSignal.any([signal, this.#watching.signal]))
        pause = RETRY_MS_MIN
        await this.#watch(AbortSignal.any([signal, this.#watching.signal]))
      } catch (error) {
        if (signal.aborted) break
        if (hasCode(error, ErrorCode.historyCleared) || this.#watching.signal.aborted) continue
        if (this.#isFresh) log.warn(`lost sight of ${directory}: ${reason(error)}`)
        this.#isFresh = false
        await clock.sleep(pause, signal)
        pause = Math.min(pause * 2, RETRY_MS_MAX)
      }
    }
    this.#isFresh = false
    this.#wake()
  }

  async #read(signal: AbortSignal): Promise<void> {
    const { store, directory, clock } = this.#options
    const late = new AbortController()
    const done = new AbortController()
    void clock.sleep(READ_TIMEOUT_MS, done.signal).then(() => late.abort())
    try {
      const options = { recursive: true, quorum: true }
      const listing = await store.get(directory, options, AbortSignal.any([signal, late.signal]))
      this.tree.load(listing.node)
      this.#index = Math.max(listing.index, listing.node.modifiedIndex)
      this.#isBare = listing.node.nodes === null || listing.node.nodes.length === 0
    } catch (error) {
      if (!hasCode(error, ErrorCode.keyNotFound)) throw error
      this.tree.load(undefined)
      this.#index = error.index
      this.#isBare = false
    } finally {
      done.abort()
    }
    this.#isFresh = true
    this.#tell(undefined)
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { store, directory, clock } = this.#options
    const watcher = store.watch(directory, { afterIndex: this.#index, recursive: true })
    const rereadAt = clock.now() + REREAD_MS
    const over = new AbortController()
    void clock.sleep(REREAD_MS, AbortSignal.any([signal, over.signal])).then(() => over.abort())
    const both = AbortSignal.any([signal, over.signal])
    try {
      for (;;) {
        const event = await watcher.next(both)
        this.#index = event.node.modifiedIndex
        const group = this.tree.apply(event)
        if (group === undefined) this.#tell(undefined)
        else this.#tell(new Set([group]), event.node.key.slice(event.node.key.lastIndexOf('/') + 1))
      }
    } catch (error) {
      if (clock.now() < rereadAt || signal.aborted) throw error
    } finally {
      over.abort()
    }
  }

  #tell(groups: ReadonlySet<string> | undefined, file?: string): void {
    for (const listener of this.#listeners) listener(groups, file)
    this.#wake()
  }

  #wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const resolve of waiting) resolve()
  }
}

/** An error in one line. */
export function reason(error: unknown): string {
  return storeSentence(error) ?? (error instanceof Error ? error.message : String(error))
}
