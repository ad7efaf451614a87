import { ErrorCode, hasCode } from '#lib/etcd/errors.ts'
import { isTargetState, type TargetState, type UnitOption } from '#lib/fleet/model.ts'
import { hashText, parseUnit, UnitSyntaxError } from '#lib/fleet/unit/file.ts'
import { type Requirements, readRequirements } from '#lib/fleet/unit/requirements.ts'
import { decodeJob, decodeRestart, decodeUnit, type RestartDemand } from './codec.ts'
import type { Keys } from './keys.ts'
import { Mirror, type MirrorOptions, type OnChange, reason } from './mirror.ts'
import type { KeyStore } from './store.ts'

/** A unit in the registry. */
export interface Job {
  name: string
  /** Of its text. */
  hash: string
  options: readonly UnitOption[]
  requirements: Requirements
  desired: TargetState
  /** Machine it is placed on. */
  target: string | undefined
  /** Machine whose agent says that it has launched it. */
  heartbeat: string | undefined
  restart: RestartDemand | undefined
  /** Why the engine could not place it; `''` when it could, or has not tried. */
  problem: string
}

/** A unit that cannot be read: nobody starts it, and nobody stops it for that. */
export interface BrokenJob {
  name: string
  /** One sentence. */
  reason: string
  target: string | undefined
}

/** More texts than this are read as one listing. */
const SINGLE_READS_MAX = 32
/** Texts are never deleted from the registry; of those nobody needs, at most so many are kept here. */
const TEXTS_MAX = 20_000

/** Keys of a job that tell what was done, or was not. */
const REPORTS: ReadonlySet<string> = new Set(['job-state', 'problem'])

interface Parsed {
  hash: string
  options: readonly UnitOption[]
  requirements: Requirements
}

/**
 * All units of the registry, from a mirror of `job/` and the texts behind it. Texts are addressed by their content,
 * so each is read and parsed once.
 */
export class Jobs {
  readonly mirror: Mirror
  readonly #keys: Keys
  readonly #store: KeyStore
  readonly #log: MirrorOptions['log']
  readonly #jobs = new Map<string, Job>()
  readonly #broken = new Map<string, BrokenJob>()
  readonly #parsed = new Map<string, Parsed>()
  readonly #texts = new Map<string, string>()
  readonly #listeners = new Set<OnChange>()
  readonly #deciders = new Set<OnChange>()
  // Groups that changed since the last refresh; undefined stands for all.
  #dirty: Set<string> | undefined = undefined
  #turn: Promise<unknown> = Promise.resolve()
  #isWiped = false

  constructor(keys: Keys, options: Omit<MirrorOptions, 'directory'>) {
    this.#keys = keys
    this.#store = options.store
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
  }

  #noteWiped(isListed: boolean): void {
    if (!isListed && !this.#isWiped) return
    const { isBare, tree } = this.mirror
    if ([...tree.groups()].some(name => this.has(name))) this.#isWiped = false
    else if (!isBare || tree.size > 0) this.#isWiped = true
  }

  async #readTexts(names: ReadonlySet<string>, signal: AbortSignal | undefined): Promise<void> {
    const missing = new Set<string>()
    for (const name of names) {
      const object = this.mirror.tree.group(name).get('object')
      const hash = object === undefined ? undefined : decodeJob(object)
      if (hash !== undefined && !this.#texts.has(hash)) missing.add(hash)
    }
    if (missing.size === 0) return
    if (this.#texts.size > TEXTS_MAX) this.#texts.clear()
    if (missing.size > SINGLE_READS_MAX) await this.#readAllTexts(signal)
    else for (const hash of missing) await this.#readText(hash, signal)
  }

  async #readAllTexts(signal: AbortSignal | undefined): Promise<void> {
    try {
      const { node } = await this.#store.get(this.#keys.units, { recursive: true, quorum: true }, signal)
      for (const { key, value } of node.nodes ?? [])
        this.#keepText(key.slice(key.lastIndexOf('/') + 1), value)
    } catch (error) {
      if (!hasCode(error, ErrorCode.keyNotFound)) throw error
    }
  }

  async #readText(hash: string, signal: AbortSignal | undefined): Promise<void> {
    try {
      const { node } = await this.#store.get(this.#keys.unit(hash), { quorum: true }, signal)
      this.#keepText(hash, node.value)
    } catch (error) {
      if (!hasCode(error, ErrorCode.keyNotFound)) throw error
    }
  }

  /** What is not the text of its hash is not believed. */
  #keepText(hash: string, value: string): void {
    const text = decodeUnit(value)
    if (text !== undefined && hashText(text) === hash) this.#texts.set(hash, text)
  }

  #decode(name: string): void {
    this.#jobs.delete(name)
    this.#broken.delete(name)
    const files = this.mirror.tree.group(name)
    const object = files.get('object')
    if (object === undefined) {
      this.#parsed.delete(name)
      return
    }
    const target = files.get('target')
    const desired = files.get('target-state') ?? 'inactive'
    const parsed = this.#parse(name, decodeJob(object))
    if (typeof parsed === 'string' || !isTargetState(desired)) {
      const why = typeof parsed === 'string' ? parsed : `target-state ${JSON.stringify(desired)} is none`
      this.#log.warn(`unit ${name} cannot be read: ${why}`)
      this.#broken.set(name, { name, reason: why, target })
      return
    }
    const restart = files.get('restart')
    this.#jobs.set(name, {
      name,
      ...parsed,
      desired,
      target,
      heartbeat: files.get('job-state'),
      restart: restart === undefined ? undefined : decodeRestart(restart),
      problem: files.get('problem') ?? '',
    })
  }

  #parse(name: string, hash: string | undefined): Parsed | string {
    if (hash === undefined) return 'its object is not readable'
    const known = this.#parsed.get(name)
    if (known?.hash === hash) return known
    const text = this.#texts.get(hash)
    if (text === undefined) return `the text ${hash} is not in the registry`
    try {
      const options = parseUnit(text)
      const parsed = { hash, options, requirements: readRequirements(name, options) }
      this.#parsed.set(name, parsed)
      return parsed
    } catch (error) {
      if (!(error instanceof UnitSyntaxError)) throw error
      return reason(error)
    }
  }
}
