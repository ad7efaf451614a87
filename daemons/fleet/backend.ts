import type { Machine, TargetState, UnitOption } from '#lib/fleet/model.ts'
import { canRestart, machineBody, stateBody, unitBody, whyBody } from '#lib/fleet/registry/bodies.ts'
import type { BrokenJob, Job } from '#lib/fleet/registry/job.ts'
import { machineOf, machinesOf, statesOf } from '#lib/fleet/registry/machines.ts'
import { indexOf } from '#lib/fleet/registry/registry.ts'
import type { Subtree } from '#lib/fleet/registry/subtree.ts'
import type { EventBody, MachineBody, UnitBody, UnitStateBody, WhyBody } from '#lib/fleet/shapes.ts'
import { ApiRefusal, SOON_SECONDS } from './api/answer.ts'
import type { Backend, Part, Trouble } from './api/backend.ts'
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'
import type { FleetNode } from './node.ts'
import { LazyMirror } from './registry/lazy.ts'
import type { Mirror } from './registry/mirror.ts'

/** How long a reader waits for the own writes to come back: shorter than fleetctl waits for an answer (30 s). */
const ECHO_MS = 25_000
/** And for the first listing of what is read only now and then. */
const FIRST_MS = 10_000

/** The API's view of the cluster: one node's copy of the registry, at least as new as what this API has written. */
export class NodeBackend implements Backend {
  readonly machineId: string
  readonly #node: FleetNode
  readonly #states: LazyMirror
  readonly #machines: LazyMirror
  readonly #nextId: () => string
  // A listing comes page by page: what was made for the one is still right for the next, and goes with its mirror.
  readonly #listed = new WeakMap<Subtree, { version: number; states: readonly UnitStateBody[] }>()
  // Of writes to units, and to machines: each is seen by the mirror of its own directory only.
  #writtenIndex = 0
  #metadataIndex = 0

  /** @param nextId gives IDs of restart demands, each once */
  constructor(node: FleetNode, machineId: string, parts: { clock: Clock; log: Log; nextId: () => string }) {
    this.machineId = machineId
    this.#node = node
    this.#nextId = parts.nextId
    const { store, keys } = node.registry
    this.#states = new LazyMirror({ store, directory: keys.states, ...parts })
    this.#machines = new LazyMirror({ store, directory: keys.machines, ...parts })
  }

  unavailable(): Trouble | undefined {
    const { trouble, isLate } = this.#node.presence
    return trouble === undefined ? undefined : { why: trouble, isLate }
  }

  metrics(): string {
    return this.#node.metrics.text()
  }

  /** Ends what it follows. */
  close(): void {
    this.#states.close()
    this.#machines.close()
  }

  /** The store was away: copies are read anew. */
  reread(): void {
    this.#states.reread()
    this.#machines.reread()
  }

  async listUnits({ from, count }: Part): Promise<UnitBody[]> {
    const jobs = await this.#jobs()
    const states = await read(this.#states)
    const named = jobs.names
      .slice(from, from + count)
      .map(name => jobs.all.get(name) ?? jobs.broken.get(name))
    return named.filter(job => job !== undefined).map(job => bodyOf(job, states, true))
  }

  async getUnit(name: string): Promise<UnitBody | undefined> {
    const jobs = await this.#jobs()
    const job = jobs.all.get(name) ?? jobs.broken.get(name)
    return job === undefined ? undefined : bodyOf(job, await read(this.#states), false)
  }

  async putUnit(name: string, options: readonly UnitOption[], desired: TargetState): Promise<void> {
    this.#wrote(await this.#node.registry.putUnit(name, options, desired))
  }

  async setDesired(name: string, desired: TargetState): Promise<boolean> {
    const index = await this.#node.registry.setDesired(name, desired)
    if (index !== undefined) this.#wrote(index)
    return index !== undefined
  }

  async destroyUnit(name: string): Promise<boolean> {
    const index = await this.#node.registry.destroyUnit(name)
    if (index !== undefined) this.#wrote(index)
    return index !== undefined
  }

  async listStates(): Promise<readonly UnitStateBody[]> {
    const { tree } = await read(this.#states)
    const known = this.#listed.get(tree)
    if (known?.version === tree.version) return known.states
    const states = [...tree.groups()].sort().flatMap(name => statesOf(tree, name).map(stateBody))
    this.#listed.set(tree, { version: tree.version, states })
    return states
  }

  async statesOf(name: string): Promise<UnitStateBody[]> {
    return statesOf((await read(this.#states)).tree, name).map(stateBody)
  }

  async listMachines(): Promise<MachineBody[]> {
    return machinesOf((await read(this.#machines, this.#metadataIndex)).tree).map(machineBody)
  }

  async setMetadata(machineId: string, key: string, value: string | undefined): Promise<void> {
    // An empty value takes away also what the machine itself says.
    const { store, keys } = this.#node.registry
    this.#metadataIndex = indexOf(await store.set(keys.metadata(machineId, key), value ?? ''))
  }

  async restart(name: string, machines: readonly string[] | undefined): Promise<string | undefined> {
    if (!(await this.#machinesOf(name)).every(canRestart)) return undefined
    const id = this.#nextId()
    this.#wrote(await this.#node.registry.restart(name, machines === undefined ? { id } : { id, machines }))
    return id
  }

  async why(name: string): Promise<WhyBody | undefined> {
    const jobs = await this.#jobs()
    const job = jobs.all.get(name) ?? jobs.broken.get(name)
    if (job === undefined) return undefined
    const machines = machinesOf((await read(this.#machines, this.#metadataIndex)).tree)
    return whyBody(job, [...jobs.all.values()], machines)
  }

  async apiOf(machineId: string): Promise<string | undefined> {
    const { tree } = await read(this.#machines)
    return machineOf(tree, machineId)?.api
  }

  onEvent(listener: (event: EventBody) => void): () => void {
    const { jobs } = this.#node
    const stops = [
      jobs.onChange(names => {
        for (const name of names ?? []) void this.#unitEvent(name).then(listener, () => undefined)
      }),
      this.#states.onChange(names => {
        for (const name of names ?? []) void this.#stateEvents(name, listener).catch(() => undefined)
      }),
      this.#machines.onChange(names => {
        for (const name of names ?? []) void this.#machineEvent(name).then(listener, () => undefined)
      }),
    ]
    return () => {
      for (const stop of stops) stop()
    }
  }

  async #unitEvent(name: string): Promise<EventBody> {
    const unit = await this.getUnit(name)
    return unit === undefined ? { type: 'unit', name, removed: true } : { type: 'unit', name, unit }
  }

  async #stateEvents(name: string, listener: (event: EventBody) => void): Promise<void> {
    const { tree } = await read(this.#states)
    const states = statesOf(tree, name)
    if (states.length === 0) listener({ type: 'state', name, removed: true })
    for (const state of states) listener({ type: 'state', name, state: stateBody(state) })
  }

  async #machineEvent(name: string): Promise<EventBody> {
    const machine = machineOf((await read(this.#machines)).tree, name)
    if (machine === undefined) return { type: 'machine', name, removed: true }
    return { type: 'machine', name, machine: machineBody(machine) }
  }

  /** Machines, of those that are present, that have a unit. */
  async #machinesOf(name: string): Promise<Machine[]> {
    const ids = (await this.statesOf(name)).map(({ machineID = '' }) => machineID)
    const { tree } = await read(this.#machines)
    return ids.map(id => machineOf(tree, id)).filter(machine => machine !== undefined)
  }

  async #jobs(): Promise<FleetNode['jobs']> {
    const { jobs } = this.#node
    if (!(await jobs.mirror.reached(this.#writtenIndex, ECHO_MS))) throw notRead('the registry', ECHO_MS)
    await jobs.refresh()
    return jobs
  }

  #wrote(index: number): void {
    this.#writtenIndex = Math.max(this.#writtenIndex, index)
  }
}

async function read(copy: LazyMirror, index = 0): Promise<Mirror> {
  const mirror = await copy.at(index, FIRST_MS)
  if (mirror === undefined) throw notRead(copy.directory, FIRST_MS)
  return mirror
}

/** Nothing says as yet that the store is gone: it is late, and worth another question. */
function notRead(what: string, waitMs: number): ApiRefusal {
  return new ApiRefusal(503, `${what} could not be read within ${waitMs / 1000} s`, SOON_SECONDS)
}

function bodyOf(job: Job | BrokenJob, states: Mirror, isListed: boolean): UnitBody {
  return unitBody(job, machineId => states.tree.group(job.name).has(machineId), isListed)
}
