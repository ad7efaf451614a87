import type { Event } from '../../../daemons/etcd/store/event.ts'
import type { KeysRequest } from '../../../daemons/etcd/store/request.ts'
import type { StoreObserver } from '../lib/etcd.ts'
import type { TestFleet, TestMachine } from '../lib/fleet.ts'
import { FLEET_ROOT } from '../lib/replicas.ts'
import type { SystemdVerb } from '../lib/systemd.ts'
import type { Truth, Version } from './truth.ts'
import type { Wishes } from './units.ts'

/** What must never happen has happened. */
export interface Finding {
  checker: string
  message: string
}

/** A daemon acts on what it heard at most so long ago, by its own clock, and on nothing that it heard before. */
const VIEW_MS = 4_000
/** The clock of the daemon, of the store, and a turn of each. */
const SLACK_MS = 2_000
/** A unit may run on two machines for so long when both daemons and the store are well. */
export const DOUBLE_MS_MAX = 20_000
/** After what befell it, a machine is well only so long later: the longest pause before something is tried again. */
const WELL_MS = 90_000
/** A daemon that ends in the midst of something may do it again. */
const NEEDLESS_MS = 60_000

const JOBS = `${FLEET_ROOT}/job`
const LEASE = `${FLEET_ROOT}/lease/engine-leader`
const TARGET = /\/job\/[^/]+\/target$/
const SIGN = /\/machines\/[^/]+\/object$/
const WENT_AWAY = /^unscheduled Unit\((.*)\) from Machine\((.*)\): target Machine\(.*\) went away$/

/** What one daemon has heard, by its own clock. */
interface Ear {
  /** Views of the units that it was given: each holds from its time on. */
  views: { at: number; moment: number }[]
  answeredAt: number
  /** When its sign of life was last in the registry. */
  memberAt: number
  /** When each unit was started here, and not stopped since. */
  launched: Map<string, { at: number; hash: string }>
  /** Units that ended by themselves since. */
  ended: Set<string>
}

/** What the lookout needs to know of the nemesis. */
export interface Weather {
  /** Since when neither the store nor this machine has had anything. */
  wellSince(machine: TestMachine): number
  /** How long ago the store came back after nobody could write, with this machine well since before; else undefined. */
  backFor(machine: TestMachine): number | undefined
  /** The machine stood still without knowing it, and may not have noticed yet. */
  isDazed(machine: TestMachine): boolean
  /** The daemon leaves in order: it stops what it has, whatever the registry says. */
  isLeaving(machine: TestMachine): boolean
  /** The store lost everything just now, the leases with it. */
  isJustWiped(): boolean
}

/**
 * Looks on while a fleet runs, and says when a daemon does what it must not, as far as it could know: each act is
 * held against all that the registry said at the moments of which the daemon has heard lately.
 */
export class Lookout implements StoreObserver {
  finding: Finding | undefined
  /** Leases that were taken. */
  leaderships = 0
  /** Units given to machines. */
  placings = 0
  /** Calls to systemd that were looked at. */
  acts = 0
  /** Signs of life live so long. */
  readonly #ttlMs: number
  readonly #fleet: TestFleet
  readonly #truth: Truth
  readonly #wishes: Wishes
  readonly #weather: Weather
  readonly #ears = new Map<string, Ear>()
  readonly #doubleSince = new Map<string, number>()

  constructor(parts: { fleet: TestFleet; truth: Truth; wishes: Wishes; weather: Weather; ttlMs: number }) {
    this.#fleet = parts.fleet
    this.#truth = parts.truth
    this.#wishes = parts.wishes
    this.#weather = parts.weather
    this.#ttlMs = parts.ttlMs
  }

  /** Looks at a machine from now on. */
  attach(machine: TestMachine): void {
    // A daemon answers for the moment in which it asks; what it asked for may come later, as when all stands still.
    machine.systemd.onAsk = (verb, name) => this.#asked(machine, verb, name)
    machine.systemd.onCall = (verb, name) => this.#called(machine, verb, name)
    this.#earOf(machine.name)
  }

  /** The machine starts anew, and nothing of it is left but its disk. */
  rebooted(machine: TestMachine): void {
    this.#ears.delete(machine.name)
    this.#earOf(machine.name)
  }

  /** A unit ended by itself. */
  ended(machine: TestMachine, name: string): void {
    this.#earOf(machine.name).ended.add(name)
  }

  hasEnded(machine: TestMachine, name: string): boolean {
    return this.#earOf(machine.name).ended.has(name)
  }

  asked(client: string, request: KeysRequest): void {
    if (request.kind !== 'write') return
    const { operation } = request
    if (operation.type === 'sync' || !TARGET.test(operation.path)) return
    const machine = this.#fleet.machines.get(client)
    if (operation.type !== 'create' && operation.type !== 'compareAndDelete')
      this.#find('conditional', `${client} places a unit by ${operation.type}, whatever is there`)
    if (machine === undefined || this.#weather.isDazed(machine) || this.#weather.isJustWiped()) return
    const holder = this.#leaseHolder()
    const isLeaving = this.#weather.isLeaving(machine) && operation.type === 'compareAndDelete'
    if (holder !== machine.id && !isLeaving)
      this.#find('one-engine', `${client} places units, and the lease is ${holder ?? 'nobody'}'s`)
  }

  changed(event: Event): void {
    this.#truth.changed(event)
    const { action, path, node, prevNode } = event
    if (path === LEASE && action !== 'expire' && !action.endsWith('elete')) {
      this.leaderships++
      if (prevNode !== undefined && prevNode.value !== node.value)
        this.#find('lease-kept', `the lease of ${prevNode.value} is taken by ${node.value} while it lives`)
    }
    if (SIGN.test(path) && prevNode !== undefined && !action.endsWith('elete') && action !== 'expire') {
      const [was, is] = [ownerOf(prevNode.value), ownerOf(node.value)]
      if (was !== is) this.#find('sign-kept', `the sign of life of ${was} is taken by ${is} while it lives`)
    }
    if (action === 'create' && TARGET.test(path)) this.placings++
  }

  heard(client: string, path: string, index: number, life: number, askedIndex: number): void {
    if (path !== JOBS) return
    if (index < askedIndex)
      this.#find('stale', `${client} lists units as of ${index}, and the store was at ${askedIndex}`)
    const machine = this.#fleet.machines.get(client)
    if (machine === undefined) return
    const { views } = this.#earOf(client)
    const at = machine.clock.now()
    views.push({ at, moment: this.#truth.momentOf(index, life) })
    while (views.length > 1 && views[1]!.at < at - VIEW_MS) views.shift()
  }

  answered(client: string): void {
    const machine = this.#fleet.machines.get(client)
    if (machine !== undefined) this.#earOf(client).answeredAt = machine.clock.now()
  }

  wiped(): void {
    this.#truth.wiped()
  }

  /** A line of a daemon's log. The leader says there why it takes a unit away. */
  logged(leader: string, line: string): void {
    const [, unit, id] = WENT_AWAY.exec(line) ?? []
    const machine = [...this.#fleet.machines.values()].find(other => other.id === id)
    if (machine?.node === undefined) return
    // It was there before the store went, and is there now: nothing has befallen it.
    const backMs = this.#weather.backFor(machine)
    if (backMs !== undefined)
      this.#find(
        'patience',
        `${leader} takes ${unit} from ${id}, which is well, ${backMs} ms after the store is back`,
      )
  }

  /** To be called each second. */
  tick(): void {
    const { machines, clock } = this.#fleet
    const places = new Map<string, TestMachine[]>()
    for (const machine of machines.values()) {
      this.#seeSign(machine)
      for (const name of machine.systemd.alive) places.set(name, [...(places.get(name) ?? []), machine])
    }
    for (const [name, where] of places) {
      const hash = this.#truth.now(name).hash
      const isDouble = where.length > 1 && hash !== undefined && !this.#wishes.of(hash).isGlobal
      const areWell = where.every(
        machine => machine.node !== undefined && this.#weather.wellSince(machine) + WELL_MS < clock.now(),
      )
      if (!isDouble || !areWell) this.#doubleSince.delete(name)
      else {
        const since = this.#doubleSince.get(name) ?? clock.now()
        this.#doubleSince.set(name, since)
        const ms = clock.now() - since
        if (ms > DOUBLE_MS_MAX)
          this.#find('once', `${name} runs on ${where.map(machine => machine.name)} for ${ms} ms`)
      }
    }
  }

  #seeSign(machine: TestMachine): void {
    const { etcd, keys } = this.#fleet
    const sign = etcd.peek(keys.machineObject(machine.id))
    const isOwn = sign?.includes(`"Boot":"${machine.boot}"`) === true
    if (isOwn) this.#earOf(machine.name).memberAt = machine.clock.now()
  }

  #asked(machine: TestMachine, verb: SystemdVerb, name: string): void {
    this.acts++
    if (verb === 'reload' || verb === 'resetFailed' || verb === 'link') return
    // Taking a unit away that has ended is part of what was judged before.
    const isOver = verb === 'disable' && !machine.systemd.alive.includes(name)
    if (!isOver && !this.#weather.isLeaving(machine))
      this.#judge(machine, this.#earOf(machine.name), verb, name)
  }

  #called(machine: TestMachine, verb: SystemdVerb, name: string): void {
    const ear = this.#earOf(machine.name)
    if (verb === 'start' || verb === 'restart') this.#started(machine, ear, verb, name)
    else if (verb === 'stop' || verb === 'disable') {
      ear.launched.delete(name)
      ear.ended.delete(name)
    }
  }

  #judge(machine: TestMachine, ear: Ear, verb: SystemdVerb, name: string): void {
    this.#seeSign(machine)
    const now = machine.clock.now()
    const isDazed = this.#weather.isDazed(machine)
    if (!isDazed && now - ear.answeredAt > this.#ttlMs + SLACK_MS)
      this.#find('alone', `${machine.name}: ${verb} ${name}, and the store has not answered for long`)
    if (!isDazed && now - ear.memberAt > this.#ttlMs + SLACK_MS)
      this.#find('member', `${machine.name}: ${verb} ${name}, and the machine is no member of the cluster`)
    const { views } = ear
    const last = views.at(-1)?.moment ?? 0
    const first = Math.min(last, (views.findLast(({ at }) => at < now - VIEW_MS) ?? views[0])?.moment ?? 0)
    const versions = this.#truth.between(name, first, last)
    const isStart = verb === 'start' || verb === 'restart'
    const isRight = versions.some(version =>
      isStart ? this.#mayStart(machine, version) : this.#mayStop(machine, verb, version, last),
    )
    if (isRight) return
    const said = versions.map(({ hash, desired, target, isLost }) =>
      hash === undefined ? (isLost ? 'lost' : 'gone') : `${desired} on ${target}`,
    )
    this.#find(
      isStart ? 'start' : 'stop',
      `${machine.name}: ${verb} ${name}, which is ${said.join(', then ')}`,
    )
  }

  #mayStart({ id }: TestMachine, { hash, desired, target }: Version): boolean {
    if (hash === undefined || desired !== 'launched') return false
    return this.#wishes.of(hash).isGlobal || target === id
  }

  #mayStop({ id }: TestMachine, verb: SystemdVerb, version: Version, last: number): boolean {
    const { hash, desired, target, isLost, moment } = version
    // What went with the whole store is not to be stopped for that; only a registry that has units again is believed.
    if (hash === undefined) return !isLost || this.#truth.inhabitedAfter(moment) <= last
    if (desired === 'inactive' || (verb === 'stop' && desired === 'loaded')) return true
    // Which global units a machine has depends on the others: the oracle looks at that in the end.
    if (this.#wishes.of(hash).isGlobal) return true
    return target !== id
  }

  #started(machine: TestMachine, ear: Ear, verb: SystemdVerb, name: string): void {
    const at = machine.clock.now()
    const hash = machine.systemd.files.get(name) ?? ''
    const before = ear.launched.get(name)
    const isNeedless = before !== undefined && before.hash === hash && at - before.at > NEEDLESS_MS
    if (verb === 'start' && isNeedless)
      this.#find('needless-start', `${machine.name}: start ${name}, which was started and not stopped`)
    ear.launched.set(name, { at, hash })
    ear.ended.delete(name)
  }

  #leaseHolder(): string | undefined {
    const value = this.#fleet.etcd.peek(this.#fleet.keys.lease)
    return value === undefined ? undefined : (JSON.parse(value) as { MachineID: string }).MachineID
  }

  #earOf(client: string): Ear {
    let ear = this.#ears.get(client)
    if (ear === undefined) {
      const never = Number.NEGATIVE_INFINITY
      ear = { views: [], answeredAt: never, memberAt: never, launched: new Map(), ended: new Set() }
      this.#ears.set(client, ear)
    }
    return ear
  }

  #find(checker: string, message: string): void {
    this.finding ??= { checker, message }
  }
}

/** The machine that wrote a sign of life, whichever boot of it. */
function ownerOf(sign = ''): string | undefined {
  return /"Boot":"([^"]*)-1/.exec(sign)?.[1]
}
