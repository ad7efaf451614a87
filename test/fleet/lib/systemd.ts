import type { UnitFiles } from '../../../daemons/fleet/agent/files.ts'
import type { Clock } from '../../../daemons/fleet/clock.ts'
import type { UnitManager, UnitStatus } from '../../../daemons/fleet/systemd/manager.ts'

/** States of a unit whose processes may still be there. */
const ALIVE: ReadonlySet<string> = new Set(['active', 'activating', 'deactivating'])

/** What systemd does with a unit. */
export type SystemdVerb = 'link' | 'disable' | 'reload' | 'start' | 'stop' | 'restart' | 'resetFailed'

/** A systemd of one machine in memory, with what was asked of it, and the disk beside it. */
export class FakeSystemd implements UnitManager, UnitFiles {
  /** Unit files on the disk. */
  readonly files = new Map<string, string>()
  /** What systemd was told of, with its state. */
  readonly units = new Map<string, UnitStatus>()
  /** Every call that does something: `start a.service`. */
  readonly calls: string[] = []
  /** Calls that fail: `start a.service`. */
  readonly failing = new Set<string>()
  /** How often a unit began to run. */
  readonly starts = new Map<string, number>()
  memory: string | undefined
  /** Without one, nothing takes any time. */
  clock: Clock | undefined
  /** The bus does not connect: whatever is asked fails, and units go on. */
  isAway = false
  /** How long a call takes. */
  callMs = 0
  /** How long an answer about states is under way; it is of the moment in which it was given. */
  answerMs = 0
  /** How long it takes until a unit has started or stopped, after the call. */
  jobMs = 0
  /** Told of each call when it is made. */
  onAsk: ((verb: SystemdVerb, name: string) => void) | undefined
  /** Told of each call that is about to be carried out. */
  onCall: ((verb: SystemdVerb, name: string) => void) | undefined
  /** Texts as they were when systemd last read them. */
  readonly known = new Map<string, string>()
  /** Texts by which what runs was started. */
  readonly runs = new Map<string, string>()
  readonly #jobs = new Map<string, symbol>()
  readonly #listeners = new Set<() => void>()

  /** Names of the units that run. */
  get running(): string[] {
    return [...this.units.values()]
      .filter(({ active }) => active === 'active')
      .map(({ name }) => name)
      .sort()
  }

  /** Names of the units of which something may still run. */
  get alive(): string[] {
    return [...this.units.values()]
      .filter(({ active }) => ALIVE.has(active))
      .map(({ name }) => name)
      .sort()
  }

  async link(path: string): Promise<void> {
    const name = path.slice(path.lastIndexOf('/') + 1)
    await this.#call('link', name)
    if (!this.units.has(name)) this.#set(name, 'inactive', 'dead')
  }

  async disable(name: string): Promise<void> {
    await this.#call('disable', name)
    // What runs goes on without its file.
    if (!this.alive.includes(name)) this.#forget(name)
  }

  async knows(name: string): Promise<boolean> {
    return this.units.has(name)
  }

  async reload(): Promise<void> {
    await this.#call('reload', '')
    this.known.clear()
  }

  async start(name: string): Promise<void> {
    await this.#call('start', name)
    const active = this.units.get(name)?.active
    if (active === 'active' || active === 'activating') return
    this.#begin(name)
  }

  async stop(name: string): Promise<void> {
    await this.#call('stop', name)
    if (!this.units.has(name)) return
    if (this.jobMs === 0 || !this.alive.includes(name)) this.#ended(name)
    else {
      this.#set(name, 'deactivating', 'stop-sigterm')
      this.#later(name, () => this.#ended(name))
    }
  }

  async restart(name: string): Promise<void> {
    await this.#call('restart', name)
    this.#begin(name)
  }

  async resetFailed(name: string): Promise<void> {
    await this.#call('resetFailed', name)
    if (this.units.get(name)?.active === 'failed') this.#set(name, 'inactive', 'dead')
  }

  async statuses(names: readonly string[]): Promise<UnitStatus[]> {
    if (this.isAway) throw new Error('the bus does not answer')
    const answer = names.map(
      name => this.units.get(name) ?? { name, load: 'not-found', active: 'inactive', sub: 'dead' },
    )
    if (this.answerMs > 0) await this.clock?.sleep(this.answerMs)
    return answer
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  close(): void {}

  /** The unit's own end, as systemd sees it. */
  end(name: string, active: string, sub: string): void {
    this.#jobs.delete(name)
    this.#set(name, active, sub)
  }

  /** The machine starts anew: nothing of /run is left. */
  reboot(): void {
    this.files.clear()
    this.units.clear()
    this.known.clear()
    this.#jobs.clear()
    this.memory = undefined
  }

  async list(): Promise<Map<string, string>> {
    return new Map(this.files)
  }

  async write(name: string, text: string): Promise<void> {
    this.files.set(name, text)
  }

  async remove(name: string): Promise<void> {
    this.files.delete(name)
  }

  /** The bus connects again, or systemd has started anew: who listens asks for everything. */
  comeBack(): void {
    this.isAway = false
    for (const listener of this.#listeners) listener()
  }

  path(name: string): string {
    return `/run/fleet/units/${name}`
  }

  async recall(): Promise<string | undefined> {
    return this.memory
  }

  async remember(text: string): Promise<void> {
    this.memory = text
  }

  async #call(verb: SystemdVerb, name: string): Promise<void> {
    const call = name === '' ? verb : `${verb} ${name}`
    this.onAsk?.(verb, name)
    if (this.callMs > 0) await this.clock?.sleep(this.callMs)
    if (this.isAway) throw new Error('the bus does not answer')
    if (this.failing.has(call)) throw new Error(`${verb} of ${name} is refused`)
    this.onCall?.(verb, name)
    this.calls.push(call)
  }

  #begin(name: string): void {
    this.starts.set(name, (this.starts.get(name) ?? 0) + 1)
    // What it has read once it keeps until it is told to read again.
    const text = this.files.get(name)
    if (text !== undefined && !this.known.has(name)) this.known.set(name, text)
    this.runs.set(name, this.known.get(name) ?? '')
    if (this.jobMs === 0) {
      this.#jobs.delete(name)
      this.#set(name, 'active', 'running')
      return
    }
    this.#set(name, 'activating', 'start')
    this.#later(name, () => this.#set(name, 'active', 'running'))
  }

  /** Of a unit without a file nothing is left when it has ended. */
  #ended(name: string): void {
    this.#jobs.delete(name)
    this.#set(name, 'inactive', 'dead')
    if (!this.files.has(name)) this.#forget(name)
  }

  /** Of what nobody needs any more it knows nothing, and reads it again when it is asked for. */
  #forget(name: string): void {
    this.units.delete(name)
    this.known.delete(name)
  }

  /** The job's end, unless another one takes its place. */
  #later(name: string, done: () => void): void {
    const job = Symbol(name)
    this.#jobs.set(name, job)
    void this.clock?.sleep(this.jobMs).then(() => {
      if (this.#jobs.get(name) === job) done()
    })
  }

  #set(name: string, active: string, sub: string): void {
    this.units.set(name, { name, load: 'loaded', active, sub })
    for (const listener of this.#listeners) listener()
  }
}
