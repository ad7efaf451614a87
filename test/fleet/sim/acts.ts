import type { TestMachine } from '../lib/fleet.ts'
import type { Nemesis } from './nemesis.ts'

const SLOW_MS_MAX = 3_000
const CALL_MS_MAX = 1_500
const JOB_MS_MAX = 8_000
const LAG_MS_MAX = 4_000
/** A history that is short: of any etcd where others write much. */
const HISTORY_MAX = 1
const LEAP_MS_MAX = 60_000

/** Does one thing to a machine, a unit, or the store. */
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
    // Another machine than a twin of before, though it goes by the same name.
    nemesis.lookout.rebooted(twin)
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
    nemesis.befall(machine, 'link-cut', () => {
      link.isCut = link.isEnded
    })
  },
  deafen: (nemesis, machine) => {
    const { link } = machine
    if (link === undefined) return
    link.isDeaf = true
    nemesis.befall(machine, 'link-deaf', () => {
      link.isDeaf = false
    })
  },
  loss: (nemesis, machine) => {
    const { link } = machine
    if (link === undefined) return
    link.loss = 0.2
    nemesis.befall(machine, 'answer-lost', () => {
      link.loss = 0
    })
  },
} satisfies Record<string, Do>

const STORE = {
  outage: async nemesis => await nemesis.outage(),
  slow: nemesis => {
    const { fleet, random } = nemesis.parts
    fleet.etcd.slowMs = random.below(SLOW_MS_MAX)
    nemesis.befallStore('store-slow', () => {
      fleet.etcd.slowMs = 0
    })
  },
  elect: nemesis => {
    const { etcd } = nemesis.parts.fleet
    etcd.isElecting = true
    nemesis.befallStore('store-electing', () => {
      etcd.isElecting = false
    })
  },
  fill: nemesis => {
    const { etcd } = nemesis.parts.fleet
    etcd.isFull = true
    nemesis.befallStore('store-full', () => {
      etcd.isFull = false
    })
  },
  forget: nemesis => {
    const { etcd } = nemesis.parts.fleet
    etcd.historyMax = HISTORY_MAX
    etcd.dropWatches()
    nemesis.befallStore('history-short', () => {
      etcd.historyMax = Number.POSITIVE_INFINITY
    })
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
    nemesis.befall(machine, 'calls-slow', () => {
      systemd.callMs = 0
    })
  },
  slowJobs: (nemesis, machine) => {
    const { systemd } = machine
    systemd.jobMs = nemesis.parts.random.below(JOB_MS_MAX)
    nemesis.befall(machine, 'jobs-slow', () => {
      systemd.jobMs = 0
    })
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

/** The name of one of them. */
export type Act = keyof typeof ACTS
