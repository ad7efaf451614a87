import type { EtcdClient } from '#lib/etcd/client.ts'
import type { Capacity, TargetState } from '#lib/fleet/model.ts'
import { Keys } from '#lib/fleet/registry/keys.ts'
import { Registry } from '#lib/fleet/registry/registry.ts'
import { parseUnit } from '#lib/fleet/unit/file.ts'
import { type Log, SILENT } from '../../../daemons/fleet/log.ts'
import { FleetNode, type NodeOptions } from '../../../daemons/fleet/node.ts'
import { MachineClock, VirtualClock } from './clock.ts'
import { FakeEtcd, type Link } from './etcd.ts'
import { FakeSystemd } from './systemd.ts'

/** How a fleet of a test is. */
export interface FleetOptions {
  random?: () => number
  agentTtlMs?: number
  engineIntervalMs?: number
  rebalanceMax?: number
  log?: (machine: string) => Log
  /** Members of the store. */
  members?: number
  /** Another store than the usual one, of which a test may look at nothing. */
  store?: (clock: VirtualClock) => Pick<FakeEtcd, 'connect' | 'close'>
  /** Makes a node; another than the usual one to plant a bug in it. */
  build?: (options: NodeOptions) => FleetNode
}

/** A machine of the fleet: what outlives its daemon, and the daemon. */
export interface TestMachine {
  /** Of its own, also where two machines have the same ID by mistake. */
  name: string
  id: string
  ip: string
  clock: MachineClock
  systemd: FakeSystemd
  metadata: Record<string, string>
  capacity: Capacity
  boot: string
  node: FleetNode | undefined
  link: Link | undefined
}

/** Machines with real daemons over one store, in a time of their own. */
export class TestFleet {
  readonly clock = new VirtualClock()
  readonly etcd: FakeEtcd
  readonly keys = new Keys('/_coreos.com/fleet/')
  readonly registry: Registry
  readonly client: EtcdClient
  readonly machines = new Map<string, TestMachine>()
  readonly #options: FleetOptions

  constructor(options: FleetOptions = {}) {
    this.#options = options
    const other = options.store?.(this.clock) as FakeEtcd | undefined
    this.etcd = other ?? new FakeEtcd(this.clock, options.random ?? (() => 0.5), options.members ?? 1)
    this.client = this.etcd.connect('test').client
    this.registry = new Registry(this.client.keys, this.keys)
  }

  /** A machine that is switched on. */
  add(id: string, own: Partial<Pick<TestMachine, 'name' | 'metadata' | 'capacity'>> = {}): TestMachine {
    const name = own.name ?? id
    const clock = new MachineClock(this.clock)
    const machine: TestMachine = {
      name,
      id,
      ip: `10.0.0.${this.machines.size + 1}`,
      clock,
      systemd: new FakeSystemd(),
      metadata: own.metadata ?? {},
      capacity: own.capacity ?? { memoryBytes: 0, cpuMillis: 0 },
      boot: `${name}-1`,
      node: undefined,
      link: undefined,
    }
    machine.systemd.clock = clock
    this.machines.set(name, machine)
    this.start(machine)
    return machine
  }

  /** Starts the daemon of a machine. */
  start(machine: TestMachine): void {
    const { name, id, ip, clock } = machine
    const { client, link } = this.etcd.connect(name, clock)
    machine.link = link
    const hand = handOf(machine, () => machine.link === link && !link.isEnded)
    const build = this.#options.build ?? ((options: NodeOptions) => new FleetNode(options))
    machine.node = build({
      store: client.keys,
      keys: this.keys,
      systemd: hand,
      files: hand,
      clock,
      log: this.#options.log?.(name) ?? SILENT,
      machineId: id,
      describe: async () => ({
        id,
        ip,
        metadata: machine.metadata,
        version: 'v1',
        capacity: machine.capacity,
        boot: machine.boot,
        api: '',
      }),
      agentTtlMs: this.#options.agentTtlMs ?? 30_000,
      engineIntervalMs: this.#options.engineIntervalMs ?? 2_000,
      disableEngine: false,
      rebalanceMax: this.#options.rebalanceMax ?? 0,
    })
    machine.node.start()
  }

  /** Ends a daemon as SIGKILL does; its units go on. */
  async kill(machine: TestMachine): Promise<void> {
    // What it still had to say is not heard any more.
    Object.assign(machine.link!, { isCut: true, isEnded: true })
    machine.clock.goOn()
    const ended = machine.node!.kill()
    machine.node = undefined
    await this.pass(ended)
  }

  /** Ends a daemon in order. */
  async stop(machine: TestMachine): Promise<void> {
    const link = machine.link!
    const ended = machine.node!.stop()
    machine.node = undefined
    await this.pass(ended)
    Object.assign(link, { isCut: true, isEnded: true })
  }

  /** The machine loses its power: daemon and units. */
  async crash(machine: TestMachine): Promise<void> {
    if (machine.node !== undefined) await this.kill(machine)
    machine.systemd.reboot()
    machine.boot += '+'
  }

  /** Writes a unit to the registry. */
  async put(name: string, text: string, desired: TargetState): Promise<void> {
    await this.pass(this.registry.putUnit(name, parseUnit(text), desired))
  }

  async setDesired(name: string, desired: TargetState): Promise<void> {
    await this.pass(this.registry.setDesired(name, desired))
  }

  async destroy(name: string): Promise<void> {
    await this.pass(this.registry.destroyUnit(name))
  }

  /** Value of a key, or undefined. */
  async read(key: string): Promise<string | undefined> {
    const reading = this.client.keys.get(key).then(
      ({ node }) => node.value,
      () => undefined,
    )
    return await this.pass(reading)
  }

  /** Where a unit runs. */
  whereRuns(name: string): string[] {
    return [...this.machines.values()]
      .filter(({ systemd }) => systemd.running.includes(name))
      .map(machine => machine.name)
  }

  /** Lets time pass until every unit runs on so many machines. */
  async untilRuns(wanted: Readonly<Record<string, number>>, maxMs = 60_000): Promise<boolean> {
    const isSo = (): boolean =>
      Object.entries(wanted).every(([name, count]) => this.whereRuns(name).length === count)
    return await this.clock.until(isSo, maxMs)
  }

  /** Ends all daemons. */
  async close(): Promise<void> {
    for (const machine of this.machines.values()) if (machine.node !== undefined) await this.kill(machine)
    this.etcd.close()
  }

  /** Waits for work that needs time to pass. */
  async pass<T>(work: Promise<T>): Promise<T> {
    let isDone = false
    const noted = work.finally(() => {
      isDone = true
    })
    noted.catch(() => {}) // Told by the await below.
    for (let at = 0; !isDone; at++) {
      if (at > 100_000) throw new Error('the work does not end')
      await this.clock.advance(5)
    }
    return await noted
  }
}

/** What a daemon has of its machine while it lives: one that was killed does nothing any more, whatever it was at. */
function handOf({ systemd }: TestMachine, isAlive: () => boolean): FakeSystemd {
  return new Proxy(systemd, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key)
      if (typeof value !== 'function' || key === 'path' || key === 'onChange')
        return typeof value === 'function' ? value.bind(target) : value
      return (...values: unknown[]) =>
        isAlive() ? value.apply(target, values) : Promise.reject(new Error('the daemon is gone'))
    },
  })
}
