import type { Event } from '../../../daemons/etcd/store/event.ts'
import { FLEET_ROOT } from '../lib/replicas.ts'

/** A unit as the registry had it for a while. */
export interface Version {
  /** From this moment until that of the next one. */
  readonly moment: number
  /** Hash of its text; undefined while there is no such unit. */
  readonly hash: string | undefined
  readonly desired: string
  readonly target: string | undefined
  /** It went with the whole store. */
  readonly isLost: boolean
}

const JOBS = `${FLEET_ROOT}/job/`
const NONE: Version = { moment: 0, hash: undefined, desired: 'inactive', target: undefined, isLost: false }
const GONE: ReadonlySet<string> = new Set(['delete', 'compareAndDelete', 'expire'])

/**
 * What the registry said of each unit at each moment, told by the store itself. Moments go on over a wipe, where
 * indexes begin again.
 */
export class Truth {
  readonly #versions = new Map<string, Version[]>()
  readonly #lifeBegan = [0]
  #moment = 0
  /** Units in the registry now. */
  #count = 0
  /** When the registry came to have a unit after it had none. */
  readonly #inhabitedAt: number[] = []

  /** The moment of a change in a life of the store. */
  momentOf(index: number, life: number): number {
    return (this.#lifeBegan[life] ?? 0) + index
  }

  /** When the registry came to have units after a moment at which it was lost; Infinity when it has none since. */
  inhabitedAfter(moment: number): number {
    return this.#inhabitedAt.find(at => at >= moment) ?? Number.POSITIVE_INFINITY
  }

  /** Names of all units that ever were. */
  get names(): IterableIterator<string> {
    return this.#versions.keys()
  }

  /** As the registry has it now. */
  now(name: string): Version {
    return this.#versions.get(name)?.at(-1) ?? NONE
  }

  /** Every version that was true at some moment between the two, both included. */
  between(name: string, first: number, last: number): Version[] {
    const versions = this.#versions.get(name) ?? []
    const from = versions.findLastIndex(({ moment }) => moment <= first)
    const found = versions.filter(({ moment }, at) => at >= from && moment <= last)
    return from < 0 ? [NONE, ...found] : found
  }

  /** Follows one change. */
  changed(event: Event): void {
    this.#moment = this.momentOf(event.index, this.#lifeBegan.length - 1)
    const { path } = event
    const isGone = GONE.has(event.action)
    if (!path.startsWith(JOBS)) {
      if (isGone && JOBS.startsWith(`${path}/`)) for (const name of this.names) this.#put(name, NONE)
      return
    }
    const [name, key] = path.slice(JOBS.length).split('/')
    const value = isGone ? undefined : event.node.value
    const before = this.now(name!)
    if (key === undefined) this.#put(name!, isGone ? NONE : before)
    else if (key === 'object') this.#put(name!, { ...before, hash: hashOf(value) })
    else if (key === 'target-state') this.#put(name!, { ...before, desired: value ?? 'inactive' })
    else if (key === 'target') this.#put(name!, { ...before, target: value })
  }

  /** All of it is gone, and nobody wanted it. */
  wiped(): void {
    this.#moment += 1
    this.#lifeBegan.push(this.#moment)
    for (const name of this.names) this.#put(name, { ...NONE, isLost: true })
  }

  #put(name: string, version: Omit<Version, 'moment'>): void {
    const had = this.now(name).hash !== undefined
    const has = version.hash !== undefined
    if (has && !had && this.#count++ === 0) this.#inhabitedAt.push(this.#moment)
    if (had && !has) this.#count--
    const versions = this.#versions.get(name)
    // A unit that comes again was not lost.
    const next = { ...version, isLost: version.isLost && !has, moment: this.#moment }
    if (versions === undefined) this.#versions.set(name, [next])
    else versions.push(next)
  }
}

/** The bytes of a hash, as the registry has them. */
function hashOf(object: string | undefined): string | undefined {
  if (object === undefined) return undefined
  const { UnitHash } = JSON.parse(object) as { UnitHash: number[] }
  return Buffer.from(UnitHash).toString('hex')
}
