import { ClusterError, EndpointError } from '#lib/etcd/errors.ts'
import type { FaultCounts } from '../../sim/world/faults.ts'
import type { Random } from '../../sim/world/random.ts'
import type { TestFleet, TestMachine } from '../lib/fleet.ts'
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

/** One thing that is done to the fleet. */
export type Act = keyof typeof ACTS

/** Signs of life and leases of before are over so long after the store came back, and what was begun has ended. */
const SETTLE_MS = 90_000
/** What was begun before the store went away may end. */
const UNDER_WAY_MS = 10_000
const AWAY_MS_MAX = 110_000
/** Most faults end by themselves within this. */
const FAULT_MS_MAX = 60_000
const SLOW_MS_MAX = 3_000
const CALL_MS_MAX = 1_500
const JOB_MS_MAX = 8_000
const LAG_MS_MAX = 4_000
/** A history that is short: of any etcd where others write much. */
const HISTORY_MAX = 1
const LEAP_MS_MAX = 60_000
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

type Do = (nemesis: Nemesis, machine: TestMachine, unit: string) => Promise<void> | void

/** What is wanted of units. */
export const WORK = {
  put: async ({ parts: { fleet, wishes, random } }, _, unit) => {
    const { text } = wishes.choose(unit, random)
    await fleet.put(unit, text, random.below(5) === 0 ? 'loaded' : 'launched')
  },
  destroy: async ({ parts: { fleet } }, _, unit) => await fleet.destroy(unit),
  rest: async ({ parts: { fleet, random } }, _, unit) => {
    if (fleet.etcd.peek(fleet.keys.jobKey(unit, 'object')) !== undefined)
      await fleet.setDesired(unit, random.pick(['inactive', 'loaded', 'launched']))
  },
  restart: async ({ parts: { fleet, random } }, _, unit) => {
    if (fleet.etcd.peek(fleet.keys.jobKey(unit, 'object')) !== undefined)
      await fleet.pass(fleet.registry.restart(unit, { id: String(random.bits()) }))
  },
} satisfies Record<string, Do>

const DAEMONS = {
  kill: async (nemesis, machine) => {
    if (machine.node === undefined) return
    nemesis.touch(machine)
    nemesis.fired('daemon-killed')
    await nemesis.parts.fleet.kill(machine)
  },
  crash: async (nemesis, machine) => {
    nemesis.touch(machine)
    nemesis.fired('machine-crashed')
    await nemesis.parts.fleet.crash(machine)
    nemesis.lookout.rebooted(machine)
  },
  stop: async (nemesis, machine) => {
    if (machine.node === undefined || machine.clock.isStopped || machine.systemd.isAway) return
    if (machine.link!.isCut || machine.link!.isDeaf) return
    nemesis.fired('daemon-stopped')
    await nemesis.leave(machine)
  },
  start: (nemesis, machine) => {
    if (machine.node !== undefined) return
    nemesis.touch(machine)
    nemesis.parts.fleet.start(machine)
  },
  suspend: (nemesis, machine) => {
    if (machine.node === undefined || machine.clock.isStopped) return
    const knows = nemesis.parts.random.chance(0.5)
    machine.clock.stop(knows)
    nemesis.befall(machine, knows ? 'daemon-suspended' : 'machine-suspended', () => {
      machine.clock.goOn()
      if (!knows) nemesis.daze(machine)
    })
  },
  leap: (nemesis, machine) => {
    if (machine.clock.isStopped) return
    nemesis.touch(machine)
    nemesis.fired('clock-leapt')
    machine.clock.leap(nemesis.parts.random.below(LEAP_MS_MAX))
  },
  retag: async (nemesis, machine) => {
    const { fleet } = nemesis.parts
    if (machine.node !== undefined) await fleet.kill(machine)
    nemesis.touch(machine)
    nemesis.fired('metadata-changed')
    machine.metadata = { z: machine.metadata.z === '0' ? '1' : '0' }
    fleet.start(machine)
  },
  overlay: async (nemesis, machine) => {
    const { fleet, random } = nemesis.parts
    nemesis.fired('metadata-overlaid')
    const value = String(random.below(2))
    await fleet.pass(fleet.registry.store.set(fleet.keys.metadata(machine.id, 'z'), value))
  },
  twin: (nemesis, machine) => {
    const { fleet } = nemesis.parts
    const name = `${machine.id}-twin`
    // It joins in good faith when the first one is gone; so only one that is there is copied.
    if (fleet.machines.has(name) || machine.name !== machine.id || machine.node === undefined) return
    const { metadata, capacity } = machine
    const twin = fleet.add(machine.id, { name, metadata, capacity })
    nemesis.lookout.attach(twin)
    nemesis.befall(machine, 'id-duplicated', async () => {
      await fleet.crash(twin)
      fleet.machines.delete(name)
    })
  },
} satisfies Record<string, Do>

const LINKS = {
  cut: (nemesis, machine) => {
    const { link } = machine
    if (link === undefined || link.isCut || link.isEnded) return
    link.isCut = true
    nemesis.befall(machine, 'link-cut', () => void (link.isCut = link.isEnded))
  },
  deafen: (nemesis, machine) => {
    const { link } = machine
    if (link === undefined) return
    link.isDeaf = true
    nemesis.befall(machine, 'link-deaf', () => void (link.isDeaf = false))
  },
  loss: (nemesis, machine) => {
    const { link } = machine
    if (link === undefined) return
    link.loss = 0.2
    nemesis.befall(machine, 'answer-lost', () => void (link.loss = 0))
  },
} satisfies Record<string, Do>

const STORE = {
  outage: async nemesis => await nemesis.outage(),
  slow: nemesis => {
    const { fleet, random } = nemesis.parts
    fleet.etcd.slowMs = random.below(SLOW_MS_MAX)
    nemesis.befallStore('store-slow', () => void (fleet.etcd.slowMs = 0))
  },
  elect: nemesis => {
    const { etcd } = nemesis.parts.fleet
    etcd.isElecting = true
    nemesis.befallStore('store-electing', () => void (etcd.isElecting = false))
  },
  fill: nemesis => {
    const { etcd } = nemesis.parts.fleet
    etcd.isFull = true
    nemesis.befallStore('store-full', () => void (etcd.isFull = false))
  },
  forget: nemesis => {
    const { etcd } = nemesis.parts.fleet
    etcd.historyMax = HISTORY_MAX
    nemesis.befallStore('history-short', () => void (etcd.historyMax = Number.POSITIVE_INFINITY))
  },
  wipe: nemesis => {
    nemesis.fired('store-wiped')
    nemesis.wiped()
    nemesis.parts.fleet.etcd.wipe()
  },
  isolate: nemesis => {
    const { random, fleet } = nemesis.parts
    const { replicas } = fleet.etcd
    if (replicas.all.length < 2) return
    const replica = random.pick(replicas.all)
    replica.isIsolated = true
    nemesis.befallStore('member-isolated', () => {
      replica.isIsolated = false
      replicas.catchUp(replica)
    })
  },
  lag: nemesis => {
    const { random, fleet } = nemesis.parts
    const { replicas } = fleet.etcd
    if (replicas.all.length < 2) return
    const replica = random.pick(replicas.all)
    replica.lagMs = random.below(LAG_MS_MAX)
    nemesis.befallStore('member-lagging', () => {
      replica.lagMs = 0
      replicas.catchUp(replica)
    })
  },
} satisfies Record<string, Do>

const SYSTEMD = {
  bus: (nemesis, machine) => {
    const { systemd } = machine
    systemd.isAway = true
    nemesis.befall(machine, 'bus-away', () => systemd.comeBack())
  },
  slowCalls: (nemesis, machine) => {
    const { systemd } = machine
    systemd.callMs = nemesis.parts.random.below(CALL_MS_MAX)
    nemesis.befall(machine, 'calls-slow', () => void (systemd.callMs = 0))
  },
  slowJobs: (nemesis, machine) => {
    const { systemd } = machine
    systemd.jobMs = nemesis.parts.random.below(JOB_MS_MAX)
    nemesis.befall(machine, 'jobs-slow', () => void (systemd.jobMs = 0))
  },
  fail: async (nemesis, machine, unit) => {
    const { random, fleet } = nemesis.parts
    const { systemd } = machine
    const verb = random.pick(['start', 'stop', 'link', 'disable', 'restart'])
    const here = [...systemd.files.keys()]
    const isThere = here.length > 0 && verb !== 'link'
    const name = isThere ? random.pick(here) : unit
    systemd.failing.add(`${verb} ${name}`)
    nemesis.befall(machine, 'call-failed', () => void systemd.failing.delete(`${verb} ${name}`))
    // It is asked for soon.
    if (!isThere || fleet.etcd.peek(fleet.keys.jobKey(name, 'object')) === undefined) return
    if (verb === 'disable') await fleet.destroy(name)
    else if (verb === 'stop') await fleet.setDesired(name, random.pick(['inactive', 'loaded']))
    else if (verb === 'restart') await fleet.pass(fleet.registry.restart(name, { id: String(random.bits()) }))
  },
  end: (nemesis, machine) => {
    const { random } = nemesis.parts
    const names = machine.systemd.running
    if (names.length === 0) return
    const name = random.pick(names)
    const hasFailed = random.chance(0.5)
    nemesis.fired(hasFailed ? 'unit-failed' : 'unit-ended')
    nemesis.lookout.ended(machine, name)
    if (hasFailed) machine.systemd.end(name, 'failed', 'failed')
    else machine.systemd.end(name, 'inactive', 'dead')
  },
} satisfies Record<string, Do>

/** Everything that is done, by name. */
export const ACTS = { ...WORK, ...DAEMONS, ...LINKS, ...STORE, ...SYSTEMD } satisfies Record<string, Do>
