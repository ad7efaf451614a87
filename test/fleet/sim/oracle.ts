import type { TestFleet, TestMachine } from '../lib/fleet.ts'
import type { Truth, Version } from './truth.ts'
import { hashOfText, MACHINE_CORES, MACHINE_MB, names, type Wish, type Wishes } from './units.ts'

/** What the oracle looks at. */
export interface OracleParts {
  fleet: TestFleet
  truth: Truth
  wishes: Wishes
  /** Whether a unit has ended by itself on a machine since it was started. */
  hasEnded: (machine: TestMachine, name: string) => boolean
}

interface Unit extends Version {
  readonly name: string
  readonly wish: Wish
}

/**
 * Says what is wrong with a fleet in which nothing is under way: rules of placing, machines, registry, each from the
 * wishes as the test wrote them, and with nothing of the engine's or the agent's own code.
 */
export class Oracle {
  readonly #parts: OracleParts

  constructor(parts: OracleParts) {
    this.#parts = parts
  }

  /** Everything that is not as it should be; empty in the end. */
  mistakes(): string[] {
    const units = this.#units()
    const machines = [...this.#parts.fleet.machines.values()]
    const found: string[] = []
    const expected = new Map(machines.map(machine => [machine, this.#expected(machine, units)]))
    for (const unit of units) found.push(...this.#placing(unit, expected))
    for (const [machine, here] of expected) {
      found.push(...this.#rules(machine, here), ...this.#machine(machine, here))
    }
    return [...found, ...this.#registry(units, expected)]
  }

  /** What an honest API lists in a fleet without mistakes: units, states, machines. */
  listing(): string[] {
    const machines = [...this.#parts.fleet.machines.values()]
    const units = this.#units()
    const lines = units.map(({ name, wish, desired, target }) => {
      const current = wish.isGlobal || target === undefined ? 'inactive' : desired
      return `${name} ${desired} ${current} ${target}`
    })
    for (const machine of machines) {
      for (const { name } of this.#expected(machine, units))
        lines.push(`${name} ${machine.id} ${machine.systemd.units.get(name)?.active}`)
      lines.push(machine.id)
    }
    return lines
  }

  #units(): Unit[] {
    const { truth, wishes } = this.#parts
    return [...truth.names].sort().flatMap(name => {
      const version = truth.now(name)
      return version.hash === undefined ? [] : [{ ...version, name, wish: wishes.of(version.hash) }]
    })
  }

  /** Units that a machine is to have: those placed there, and global ones by name as long as they do not conflict. */
  #expected(machine: TestMachine, units: readonly Unit[]): Unit[] {
    const wanted = units.filter(({ desired }) => desired !== 'inactive')
    const here = wanted.filter(({ wish, target }) => !wish.isGlobal && target === machine.id)
    for (const unit of wanted) {
      if (!unit.wish.isGlobal || !this.#hasZone(machine, unit.wish)) continue
      if (!here.some(other => conflict(unit, other))) here.push(unit)
    }
    return here
  }

  #hasZone({ id, metadata }: TestMachine, { zone }: Wish): boolean {
    const { etcd, keys } = this.#parts.fleet
    return zone === undefined || zone === (etcd.peek(keys.metadata(id, 'z')) ?? metadata.z)
  }

  #placing(unit: Unit, expected: ReadonlyMap<TestMachine, Unit[]>): string[] {
    const { name, wish, target, desired } = unit
    const { etcd, keys } = this.#parts.fleet
    const problem = etcd.peek(keys.jobKey(name, 'problem')) ?? ''
    const told = (isProblem: boolean): string[] =>
      isProblem === (problem !== '') ? [] : [`${name}: the reason is '${problem}'`]
    if (wish.isGlobal || desired === 'inactive')
      return target === undefined ? told(false) : [`${name} ${desired} is on ${target}`]
    if (target !== undefined) {
      const isThere = [...expected.keys()].some(({ id }) => id === target)
      return isThere ? told(false) : [`${name} is on ${target}, which is gone`]
    }
    const free = [...expected].find(([machine, here]) => this.#could(unit, machine, here))
    return free === undefined ? told(true) : [`${name} has no machine, and ${free[0].id} could run it`]
  }

  /** Whether a machine could have the unit beside what it has. */
  #could(unit: Unit, machine: TestMachine, here: readonly Unit[]): boolean {
    const { wish } = unit
    const hasPeers = wish.peers.every(peer => here.some(({ name }) => name === peer))
    return (
      this.#hasZone(machine, wish) &&
      hasPeers &&
      !here.some(other => conflict(unit, other)) &&
      // Who asks for nothing has room also beside those that ask for all.
      (wish.memoryMb === 0 || reserved(here).memoryMb + wish.memoryMb <= MACHINE_MB) &&
      (wish.cores === 0 || reserved(here).cores + wish.cores <= MACHINE_CORES)
    )
  }

  /** What must not be together, and what must. */
  #rules(machine: TestMachine, here: readonly Unit[]): string[] {
    const found: string[] = []
    for (const [at, unit] of here.entries()) {
      for (const other of here.slice(at + 1))
        if (conflict(unit, other)) found.push(`${unit.name} and ${other.name} conflict on ${machine.id}`)
      if (!this.#hasZone(machine, unit.wish)) found.push(`${machine.id} has not the metadata of ${unit.name}`)
      for (const peer of unit.wish.isGlobal ? [] : unit.wish.peers)
        if (!here.some(({ name }) => name === peer)) found.push(`${unit.name} is without ${peer}`)
    }
    const { memoryMb, cores } = reserved(here)
    if (memoryMb > MACHINE_MB || cores > MACHINE_CORES)
      found.push(`${memoryMb} MB and ${cores} cores are reserved on ${machine.id}`)
    return found
  }

  /** What systemd and the disk of a machine have. */
  #machine(machine: TestMachine, here: readonly Unit[]): string[] {
    const { systemd, name: machineName } = machine
    const found: string[] = []
    const alive = new Set(systemd.alive)
    for (const { name, hash, desired } of here) {
      const file = systemd.files.get(name)
      if (file === undefined) found.push(`${name} is not on ${machineName}`)
      else if (hashOfText(file) !== hash) found.push(`${machineName} has another text of ${name}`)
      const runs = alive.has(name)
      const isLaunched = desired === 'launched'
      if (runs !== isLaunched && !(isLaunched && this.#parts.hasEnded(machine, name)))
        found.push(`${name} ${desired} ${runs ? 'runs' : 'does not run'} on ${machineName}`)
      if (runs && hashOfText(systemd.runs.get(name) ?? '') !== hash)
        found.push(`${name} runs on ${machineName} by an old text`)
    }
    const names = new Set(here.map(({ name }) => name))
    for (const name of new Set([...systemd.files.keys(), ...alive]))
      if (!names.has(name)) found.push(`${machineName} has ${name}, which is not for it`)
    return found
  }

  /** What daemons say in the registry. */
  #registry(units: readonly Unit[], expected: ReadonlyMap<TestMachine, Unit[]>): string[] {
    const { etcd, keys } = this.#parts.fleet
    const found: string[] = []
    const said = new Set(etcd.names(keys.states).flatMap(name => this.#saidOf(name)))
    for (const [machine, here] of expected) {
      if (etcd.peek(keys.machineObject(machine.id)) === undefined)
        found.push(`${machine.name} is not in the registry`)
      for (const { name } of here) {
        const status = machine.systemd.units.get(name)
        const truth = `${name} on ${machine.id}: ${status?.load} ${status?.active} ${status?.sub}`
        if (!said.delete(truth)) found.push(`nobody says ${truth}`)
      }
    }
    for (const line of said) found.push(`it is said that ${line}`)
    for (const { name, wish, target, desired } of units) {
      const isLaunched = !wish.isGlobal && desired === 'launched'
      const heartbeat = etcd.peek(keys.jobKey(name, 'job-state'))
      if (heartbeat !== (isLaunched ? target : undefined))
        found.push(`${name} ${desired} is on ${target}, and ${heartbeat} says that it has launched it`)
    }
    for (const name of etcd.names(keys.jobs))
      if (this.#parts.truth.now(name).hash === undefined && etcd.names(keys.job(name)).length > 0)
        found.push(`${name} is destroyed, and left ${etcd.names(keys.job(name))}`)
    return found
  }

  #saidOf(name: string): string[] {
    const { etcd, keys } = this.#parts.fleet
    return etcd.names(`${keys.states}/${name}`).map(id => {
      const said = JSON.parse(etcd.peek(keys.state(name, id)) ?? '{}') as Record<string, string>
      return `${name} on ${id}: ${said.loadState} ${said.activeState} ${said.subState}`
    })
  }
}

/** What units reserve together. */
function reserved(units: readonly Unit[]): { memoryMb: number; cores: number } {
  let [memoryMb, cores] = [0, 0]
  for (const { wish } of units) {
    memoryMb += wish.memoryMb
    cores += wish.cores
  }
  return { memoryMb, cores }
}

function conflict(a: Unit, b: Unit): boolean {
  return a.name !== b.name && (names(a.wish.conflicts, b.name) || names(b.wish.conflicts, a.name))
}
