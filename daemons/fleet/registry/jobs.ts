import {
  type BrokenJob,
  hashOfJob,
  isBroken,
  type Job,
  type ParsedText,
  parseText,
  readJob,
} from '#lib/fleet/registry/job.ts'
import type { Keys } from '#lib/fleet/registry/keys.ts'
import { Texts } from '#lib/fleet/registry/texts.ts'
import { Mirror, type MirrorOptions, type OnChange } from './mirror.ts'

/** Keys of a job that tell what was done, or was not. */
const REPORTS: ReadonlySet<string> = new Set(['job-state', 'problem'])

/**
 * All units of the registry, from a mirror of `job/` and the texts behind it. Texts are addressed by their content,
 * so each is read and parsed once.
 */
export class Jobs {
  readonly mirror: Mirror
  readonly #texts: Texts
  readonly #log: MirrorOptions['log']
  readonly #jobs = new Map<string, Job>()
  readonly #broken = new Map<string, BrokenJob>()
  readonly #parsed = new Map<string, ParsedText>()
  #names: readonly string[] | undefined
  readonly #listeners = new Set<OnChange>()
  readonly #deciders = new Set<OnChange>()
  // Groups that changed since the last refresh; undefined stands for all.
  #dirty: Set<string> | undefined = undefined
  #turn: Promise<unknown> = Promise.resolve()
  #isWiped = false

  constructor(keys: Keys, options: Omit<MirrorOptions, 'directory'>) {
    this.#texts = new Texts(keys, options.store)
    this.#log = options.log
    this.mirror = new Mirror({ ...options, directory: keys.jobs })
    this.mirror.onChange((groups, file) => {
      this.#noteWiped(groups === undefined)
      if (groups === undefined) this.#dirty = undefined
      else if (this.#dirty !== undefined) for (const group of groups) this.#dirty.add(group)
      for (const listener of this.#listeners) listener(groups)
      if (file === undefined || !REPORTS.has(file)) for (const listener of this.#deciders) listener(groups)
    })
  }

  /** Tells that `refresh` would find something new. */
  onChange(listener: OnChange): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** As `onChange`, of changes only after which something else may have to be done. */
  onDecision(listener: OnChange): () => void {
    this.#deciders.add(listener)
    return () => void this.#deciders.delete(listener)
  }

  /** Whether the copy is of now and every text in it was found. */
  get isFresh(): boolean {
    return this.mirror.isFresh
  }

  /**
   * Whether the registry looks as if its store was wiped: it was listed without its directory of units, or with nothing
   * in it but what daemons said of units that are not there, or the directories of that, and no unit has come since.
   * One whose last unit was destroyed keeps the empty directory.
   */
  get isWiped(): boolean {
    return this.#isWiped
  }

  /** Whether a unit is in the registry now. */
  has(name: string): boolean {
    return this.mirror.tree.group(name).has('object')
  }

  /** Units that can be read, as of the last refresh. */
  get all(): ReadonlyMap<string, Job> {
    return this.#jobs
  }

  /** Names of both, in the order of the alphabet. */
  get names(): readonly string[] {
    this.#names ??= [...this.#jobs.keys(), ...this.#broken.keys()].sort()
    return this.#names
  }

  /** Units that cannot. */
  get broken(): ReadonlyMap<string, BrokenJob> {
    return this.#broken
  }

  /**
   * Brings the units up to the mirror, reading texts that are not known yet.
   *
   * @throws what the store throws; nothing is lost then
   */
  refresh(signal?: AbortSignal): Promise<void> {
    // Engine, agent and API ask for it as they like: one after the other, so that none misses what another took.
    const turn = this.#turn.then(() => this.#refresh(signal))
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  async #refresh(signal: AbortSignal | undefined): Promise<void> {
    const dirty = this.#dirty
    if (dirty?.size === 0) return
    const names = dirty ?? new Set(this.mirror.tree.groups())
    this.#dirty = new Set()
    try {
      await this.#readTexts(names, signal)
    } catch (error) {
      const since: Set<string> | undefined = this.#dirty
      this.#dirty = dirty === undefined || since === undefined ? undefined : new Set([...dirty, ...since])
      throw error
    }
    if (dirty === undefined) {
      this.#jobs.clear()
      this.#broken.clear()
    }
    for (const name of names) this.#decode(name)
    this.#names = undefined
  }

  #noteWiped(isListed: boolean): void {
    if (!isListed && !this.#isWiped) return
    const { isBare, tree } = this.mirror
    if ([...tree.groups()].some(name => this.has(name))) this.#isWiped = false
    else if (!isBare || tree.size > 0) this.#isWiped = true
  }

  async #readTexts(names: ReadonlySet<string>, signal: AbortSignal | undefined): Promise<void> {
    const hashes = [...names].map(name => hashOfJob(this.mirror.tree.group(name)))
    await this.#texts.learn(
      hashes.filter(hash => hash !== undefined),
      signal,
    )
  }

  #decode(name: string): void {
    this.#jobs.delete(name)
    this.#broken.delete(name)
    const job = readJob(name, this.mirror.tree.group(name), hash => this.#parse(name, hash))
    if (job === undefined) this.#parsed.delete(name)
    else if (isBroken(job)) {
      this.#log.warn(`unit ${name} cannot be read: ${job.reason}`)
      this.#broken.set(name, job)
    } else this.#jobs.set(name, job)
  }

  #parse(name: string, hash: string): ParsedText | string {
    const known = this.#parsed.get(name)
    if (known?.hash === hash) return known
    const parsed = parseText(name, hash, this.#texts.get(hash))
    if (typeof parsed !== 'string') this.#parsed.set(name, parsed)
    return parsed
  }
}
