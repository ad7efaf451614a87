import type { UnitFiles } from '../../../daemons/fleet/agent/files.ts'
import type { UnitManager, UnitStatus } from '../../../daemons/fleet/systemd/manager.ts'

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
  readonly #listeners = new Set<() => void>()

  /** Names of the units that run. */
  get running(): string[] {
    return [...this.units.values()]
      .filter(({ active }) => active === 'active')
      .map(({ name }) => name)
      .sort()
  }

  async link(path: string): Promise<void> {
    const name = path.slice(path.lastIndexOf('/') + 1)
    this.#call('link', name)
    const known = this.units.get(name)
    if (known === undefined) this.#set(name, 'inactive', 'dead')
  }

  async disable(name: string): Promise<void> {
    this.#call('disable', name)
    // What runs goes on without its file.
    if (this.units.get(name)?.active !== 'active') this.units.delete(name)
  }

  async knows(name: string): Promise<boolean> {
    return this.units.has(name)
  }

  async reload(): Promise<void> {
    this.#call('reload', '')
  }

  async start(name: string): Promise<void> {
    this.#call('start', name)
    if (this.units.get(name)?.active === 'active') return
    this.starts.set(name, (this.starts.get(name) ?? 0) + 1)
    this.#set(name, 'active', 'running')
  }

  async stop(name: string): Promise<void> {
    this.#call('stop', name)
    if (this.units.has(name)) this.#set(name, 'inactive', 'dead')
  }

  async restart(name: string): Promise<void> {
    this.#call('restart', name)
    this.starts.set(name, (this.starts.get(name) ?? 0) + 1)
    this.#set(name, 'active', 'running')
  }

  async resetFailed(name: string): Promise<void> {
    this.#call('resetFailed', name)
  }

  async statuses(names: readonly string[]): Promise<UnitStatus[]> {
    return names.map(
      name => this.units.get(name) ?? { name, load: 'not-found', active: 'inactive', sub: 'dead' },
    )
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  close(): void {}

  /** The unit's own end, as systemd sees it. */
  end(name: string, active: string, sub: string): void {
    this.#set(name, active, sub)
  }

  /** The machine starts anew: nothing of /run is left. */
  reboot(): void {
    this.files.clear()
    this.units.clear()
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

  path(name: string): string {
    return `/run/fleet/units/${name}`
  }

  async recall(): Promise<string | undefined> {
    return this.memory
  }

  async remember(text: string): Promise<void> {
    this.memory = text
  }

  #call(verb: string, name: string): void {
    const call = name === '' ? verb : `${verb} ${name}`
    if (this.failing.has(call)) throw new Error(`${verb} of ${name} is refused`)
    this.calls.push(call)
  }

  #set(name: string, active: string, sub: string): void {
    this.units.set(name, { name, load: 'loaded', active, sub })
    for (const listener of this.#listeners) listener()
  }
}
