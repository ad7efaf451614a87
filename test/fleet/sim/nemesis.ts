import { ClusterError, EndpointError } from '#lib/etcd/errors.ts'
import type { FaultCounts } from '../../sim/world/faults.ts'
import type { Random } from '../../sim/world/random.ts'
import type { TestFleet, TestMachine } from '../lib/fleet.ts'
import { ACTS, type Act } from './acts.ts'
import type { FleetFault } from './faults.ts'
import type { Lookout, Weather } from './lookout.ts'
import { UNITS, type Wishes } from './units.ts'

/** What a nemesis is made of. */
export interface NemesisParts {
  fleet: TestFleet
  random: Random
  faults: FaultCounts<FleetFault>
  wishes: Wishes
  log: (line: string) => void
}

/** Signs of life and leases of before are over so long after the store came back, and what was begun has ended. */
const SETTLE_MS = 90_000
/** What was begun before the store went away may end. */
const UNDER_WAY_MS = 10_000
const AWAY_MS_MAX = 110_000
/** Most faults end by themselves within this. */
const FAULT_MS_MAX = 60_000
/** A daemon that did not know how long it stood still learns it from the store within this. */
const DAZED_MS = 40_000
/** A lease lives so long. */
const LEASE_MS = 10_000
/** Faults in which nobody can write. */
const SILENT: ReadonlySet<FleetFault> = new Set<FleetFault>(['store-electing', 'store-full'])
/** The unit that others drive away. */
const DRIVEN = 'u3.service'

/** Does random things to a fleet, by name, and knows what is not well and since when. */
export class Nemesis implements Weather {
  readonly parts: NemesisParts
  lookout!: Lookout
  /** Of the check after an outage. */
  finding: string | undefined
  readonly #illAt = new Map<TestMachine, number>()
  readonly #ill = new Map<TestMachine, number>()
  readonly #dazedUntil = new Map<TestMachine, number>()
  readonly #leaving = new Set<TestMachine>()
  #wipedAt = Number.NEGATIVE_INFINITY
  #storeIll = 0
  #storeIllAt = 0
  /** The last time in which the store let nobody write, and was well before. */
  #silence = { from: 0, to: 0 }
  #running: { endAt: number; end: () => Promise<void> | void }[] = []

  constructor(parts: NemesisParts) {
    this.parts = parts
  }

  wellSince(machine: TestMachine): number {
    if (this.#storeIll > 0 || (this.#ill.get(machine) ?? 0) > 0) return Number.POSITIVE_INFINITY
    return Math.max(this.#storeIllAt, this.#illAt.get(machine) ?? 0)
  }

  backFor(machine: TestMachine): number | undefined {
    const { from, to } = this.#silence
    const now = this.parts.fleet.clock.now()
    const isWell =
      (this.#ill.get(machine) ?? 0) === 0 && (this.#illAt.get(machine) ?? 0) < from - FAULT_MS_MAX
    return isWell && this.#storeIll === 0 ? now - to : undefined
  }

  isDazed(machine: TestMachine): boolean {
    return machine.clock.now() < (this.#dazedUntil.get(machine) ?? 0)
  }

  isLeaving(machine: TestMachine): boolean {
    return this.#leaving.has(machine)
  }

  isJustWiped(): boolean {
    return this.parts.fleet.clock.now() - this.#wipedAt < LEASE_MS
  }

  /** Does one thing. */
  async do(act: Act): Promise<void> {
    const { fleet, random, log } = this.parts
    const machine = random.pick([...fleet.machines.values()])
    const unit = `u${random.below(UNITS)}.service`
    log(`${act} ${machine.name} ${unit}`)
    try {
      await ACTS[act](this, machine, unit)
    } catch (error) {
      // A store that refuses refuses the operator as well.
      if (!(error instanceof EndpointError || error instanceof ClusterError)) throw error
      log(`${act}: ${error.message}`)
    }
  }

  /** Ends what is over. To be called each second. */
  async tick(): Promise<void> {
    const now = this.parts.fleet.clock.now()
    const over = this.#running.filter(({ endAt }) => endAt <= now)
    this.#running = this.#running.filter(({ endAt }) => endAt > now)
    for (const { end } of over) await end()
  }

  /** Ends everything. */
  async heal(): Promise<void> {
    const { fleet } = this.parts
    for (const { end } of this.#running.splice(0)) await end()
    for (const machine of fleet.machines.values()) if (machine.node === undefined) fleet.start(machine)
  }

  /** Something that befalls a machine for a while. */
  befall(machine: TestMachine, fault: FleetFault, end: () => Promise<void> | void): void {
    this.#ill.set(machine, (this.#ill.get(machine) ?? 0) + 1)
    this.#last(fault, async () => {
      await end()
      this.#ill.set(machine, this.#ill.get(machine)! - 1)
      this.touch(machine)
    })
  }

  /** Something that befalls the store for a while. */
  befallStore(fault: FleetFault, end: () => void): void {
    const from = this.parts.fleet.clock.now()
    this.#storeIll++
    this.#last(fault, () => {
      end()
      this.#storeIll--
      if (SILENT.has(fault)) this.#noteSilence(from)
      this.#storeIllAt = this.parts.fleet.clock.now()
    })
  }

  /** Something befell a machine just now. */
  touch(machine: TestMachine): void {
    this.#illAt.set(machine, this.parts.fleet.clock.now())
  }

  daze(machine: TestMachine): void {
    this.#dazedUntil.set(machine, machine.clock.now() + DAZED_MS)
  }

  wiped(): void {
    this.#wipedAt = this.parts.fleet.clock.now()
    this.#storeIllAt = this.#wipedAt
  }

  fired(fault: FleetFault): void {
    this.parts.faults.fired(fault)
  }

  async leave(machine: TestMachine): Promise<void> {
    this.#leaving.add(machine)
    await this.parts.fleet.stop(machine)
    this.#leaving.delete(machine)
    this.touch(machine)
  }

  /**
   * The store is away, long enough for every sign of life to end: nothing is stopped while it is away, nor because of
   * that when it is back.
   */
  async outage(): Promise<void> {
    const { fleet, random } = this.parts
    const { clock, etcd } = fleet
    await this.#pass(SETTLE_MS)
    const from = clock.now()
    const machines = [...fleet.machines.values()]
    etcd.isDown = true
    this.#storeIll++
    this.fired('store-away')
    await this.#pass(UNDER_WAY_MS)
    const before = new Map(machines.map(machine => [machine, machine.systemd.calls.length]))
    // What is not in the registry is nobody's.
    const isKnown = (name: string): boolean => etcd.peek(fleet.keys.jobKey(name, 'object')) !== undefined
    const ran = new Map(machines.map(machine => [machine, machine.systemd.alive.filter(isKnown)]))
    await this.#pass(random.below(AWAY_MS_MAX))
    for (const machine of machines) {
      const calls = machine.systemd.calls.slice(before.get(machine)).filter(call => call !== 'reload')
      if (calls.length > 0 && machine.systemd.failing.size === 0)
        this.finding ??= `${machine.name} did [${calls}] without a store`
    }
    etcd.isDown = false
    this.#storeIll--
    this.#noteSilence(from)
    this.#storeIllAt = clock.now()
    await this.#pass(SETTLE_MS)
    for (const [machine, names] of ran) {
      if ((this.#ill.get(machine) ?? 0) > 0 || machine.node === undefined) continue
      if ((this.#illAt.get(machine) ?? 0) > this.#storeIllAt - AWAY_MS_MAX - 2 * SETTLE_MS) continue
      // A unit that was placed anew may drive this one away.
      const lost = names.filter(name => name !== DRIVEN && !machine.systemd.alive.includes(name))
      if (lost.length > 0) this.finding ??= `${machine.name} lost [${lost}] by an outage`
    }
  }

  #noteSilence(from: number): void {
    const to = this.parts.fleet.clock.now()
    if (this.#storeIll === 0 && this.#storeIllAt < from - FAULT_MS_MAX) this.#silence = { from, to }
  }

  /** Time in which faults end, but nothing else begins. */
  async #pass(ms: number): Promise<void> {
    const { clock } = this.parts.fleet
    for (const end = clock.now() + ms; clock.now() < end; ) {
      await clock.advance(Math.min(1_000, end - clock.now()))
      await this.tick()
      this.lookout.tick()
    }
  }

  #last(fault: FleetFault, end: () => Promise<void> | void): void {
    const { random, fleet } = this.parts
    this.fired(fault)
    this.#running.push({ endAt: fleet.clock.now() + random.below(FAULT_MS_MAX), end })
  }
}
