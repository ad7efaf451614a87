import type { Machine, TargetState, UnitOption, UnitState } from '#lib/fleet/model.ts'
import type { EventBody, MachineBody, UnitBody, UnitStateBody, WhyBody } from '#lib/fleet/shapes.ts'
import type { Backend } from './api/backend.ts'
import type { Clock } from './clock.ts'
import { problemsByMachine } from './engine/why.ts'
import type { Log } from './log.ts'
import type { FleetNode } from './node.ts'
import type { Job } from './registry/jobs.ts'
import { LazyMirror } from './registry/lazy.ts'
import { machineOf, machinesOf, statesOf } from './registry/machines.ts'
import type { Mirror } from './registry/mirror.ts'
import { indexOf } from './registry/registry.ts'

/** How long a reader waits for the own writes to come back. */
const ECHO_MS = 3_000

/** The API's view of the cluster: one node's copy of the registry, at least as new as what this API has written. */
export class NodeBackend implements Backend {
  readonly machineId: string
  readonly #node: FleetNode
  readonly #states: LazyMirror
  readonly #machines: LazyMirror
  readonly #nextId: () => string
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

  unavailable(): string | undefined {
    return this.#node.presence.trouble
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

  async listUnits(): Promise<UnitBody[]> {
    const jobs = await this.#jobs()
    const states = await this.#states.at(0)
    const bodies = [...jobs.all.values()].map(job => unitBody(job, states, true))
    for (const { name, reason, target } of jobs.broken.values())
      bodies.push({
        name,
        desiredState: 'inactive',
        currentState: 'inactive',
        reason,
        ...machineField(target),
      })
    return bodies.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async getUnit(name: string): Promise<UnitBody | undefined> {
    const jobs = await this.#jobs()
    const job = jobs.all.get(name)
    if (job !== undefined) return unitBody(job, await this.#states.at(0), false)
    const broken = jobs.broken.get(name)
    if (broken === undefined) return undefined
    return { name, desiredState: 'inactive', currentState: 'inactive', reason: broken.reason }
  }

  async putUnit(name: string, options: readonly UnitOption[], desired: TargetState): Promise<void> {
    this.#wrote(await this.#node.registry.putUnit(name, options, desired))
  }

  async setDesired(name: string, desired: TargetState): Promise<void> {
    this.#wrote(await this.#node.registry.setDesired(name, desired))
  }

  async destroyUnit(name: string): Promise<boolean> {
    const index = await this.#node.registry.destroyUnit(name)
    if (index !== undefined) this.#wrote(index)
    return index !== undefined
  }

  async listStates(): Promise<UnitStateBody[]> {
    const { tree } = await this.#states.at(0)
    return [...tree.groups()].sort().flatMap(name => statesOf(tree, name).map(stateBody))
  }

  async listMachines(): Promise<MachineBody[]> {
    return machinesOf((await this.#machines.at(this.#metadataIndex)).tree).map(machineBody)
  }

  async setMetadata(machineId: string, key: string, value: string | undefined): Promise<void> {
    // An empty value takes away also what the machine itself says.
    const { store, keys } = this.#node.registry
    this.#metadataIndex = indexOf(await store.set(keys.metadata(machineId, key), value ?? ''))
  }

  async restart(name: string, machines: readonly string[] | undefined): Promise<string> {
    const id = this.#nextId()
    this.#wrote(await this.#node.registry.restart(name, machines === undefined ? { id } : { id, machines }))
    return id
  }

  async why(name: string): Promise<WhyBody | undefined> {
    const jobs = await this.#jobs()
    const job = jobs.all.get(name)
    if (job === undefined) {
      const broken = jobs.broken.get(name)
      if (broken === undefined) return undefined
      return { name, desiredState: 'inactive', reason: `it cannot be read: ${broken.reason}`, machines: [] }
    }
    const machines = machinesOf((await this.#machines.at(this.#metadataIndex)).tree)
    const problems = problemsByMachine(job, [...jobs.all.values()], machines)
    const reason = reasonOf(job, machines, problems.filter(({ problem }) => problem === '').length)
    return { name, desiredState: job.desired, ...machineField(job.target), reason, machines: problems }
  }

  async apiOf(machineId: string): Promise<string | undefined> {
    const { tree } = await this.#machines.at(0)
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
    const { tree } = await this.#states.at(0)
    const states = statesOf(tree, name)
    if (states.length === 0) listener({ type: 'state', name, removed: true })
    for (const state of states) listener({ type: 'state', name, state: stateBody(state) })
  }

  async #machineEvent(name: string): Promise<EventBody> {
    const machine = machineOf((await this.#machines.at(0)).tree, name)
    if (machine === undefined) return { type: 'machine', name, removed: true }
    return { type: 'machine', name, machine: machineBody(machine) }
  }

  async #jobs(): Promise<FleetNode['jobs']> {
    const { jobs } = this.#node
    if (!(await jobs.mirror.reached(this.#writtenIndex, ECHO_MS)))
      throw new Error('the registry could not be read')
    await jobs.refresh()
    return jobs
  }

  #wrote(index: number): void {
    this.#writtenIndex = Math.max(this.#writtenIndex, index)
  }
}

/** The state that a unit is in, which nobody stores: everyone computes it so (spec fleet d). */
export function currentState(job: Job, hasState: (machineId: string) => boolean): TargetState {
  if (job.target === undefined || !hasState(job.target)) return 'inactive'
  return job.heartbeat === job.target ? 'launched' : 'loaded'
}

function unitBody(job: Job, states: Mirror, isListed: boolean): UnitBody {
  const { name, options, desired, requirements, target, problem } = job
  const current = currentState(job, machineId => states.tree.group(name).has(machineId))
  const { isGlobal } = requirements
  return {
    name,
    options: [...options],
    desiredState: desired,
    ...(isGlobal && !isListed ? {} : { currentState: isGlobal ? 'inactive' : current }),
    ...machineField(isGlobal ? undefined : target),
    ...(problem === '' ? {} : { reason: problem }),
  }
}

function machineField(machineId: string | undefined): { machineID?: string } {
  return machineId === undefined ? {} : { machineID: machineId }
}

function stateBody(state: UnitState): UnitStateBody {
  return {
    name: state.name,
    hash: state.hash,
    machineID: state.machineId,
    systemdLoadState: state.load,
    systemdActiveState: state.active,
    systemdSubState: state.sub,
    ...(state.restart === '' ? {} : { restart: state.restart }),
  }
}

function machineBody({ id, ip, metadata, capacity }: Machine): MachineBody {
  const { cpuMillis, memoryBytes } = capacity
  return {
    id,
    primaryIP: ip,
    ...(Object.keys(metadata).length === 0 ? {} : { metadata: { ...metadata } }),
    ...(cpuMillis === 0 && memoryBytes === 0 ? {} : { capacity }),
  }
}

function reasonOf(job: Job, machines: readonly Machine[], free: number): string {
  if (job.desired === 'inactive') return 'it is neither loaded nor started'
  if (job.requirements.isGlobal) return `it is global: ${free} of ${machines.length} machines can run it`
  if (job.target !== undefined) {
    const isThere = machines.some(({ id }) => id === job.target)
    return isThere
      ? `it is on machine ${job.target}`
      : `its machine ${job.target} has gone, and is waited for`
  }
  if (job.problem !== '') return job.problem
  return free > 0 ? 'the engine is about to place it' : 'no machine can run it'
}
