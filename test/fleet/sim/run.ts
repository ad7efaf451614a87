import { NodeBackend } from '../../../daemons/fleet/backend.ts'
import type { Log } from '../../../daemons/fleet/log.ts'
import { FleetNode } from '../../../daemons/fleet/node.ts'
import { FaultCounts } from '../../sim/world/faults.ts'
import { hashText, Random } from '../../sim/world/random.ts'
import { TestFleet, type TestMachine } from '../lib/fleet.ts'
import { ACTS, type Act, WORK } from './acts.ts'
import { FLEET_FAULTS, type FleetFault } from './faults.ts'
import { type Finding, Lookout } from './lookout.ts'
import { Nemesis } from './nemesis.ts'
import { Oracle } from './oracle.ts'
import type { PlantedFleetBug } from './planted.ts'
import { Truth } from './truth.ts'
import { MACHINE_CORES, MACHINE_MB, Wishes } from './units.ts'

/** Things done to a fleet in one run, where nobody says otherwise. */
export const ACTS_DEFAULT = 30
const TTL_MS = 30_000
const PAUSE_MS_MAX = 15_000
/** A healed fleet is as it should be within this: a lost sign of life, the longest pause between attempts, and a bit. */
export const CONVERGE_MS_MAX = 150_000
/** And stays so: a sign of life, a renewal, a round without an event. */
const STAY_MS = 40_000
/** What is wanted of a fleet in which all is well is done, and said in the registry, within this. */
export const CALM_MS_MAX = 8_000
const SECOND_MS = 1_000
const TRACE_LINES_MAX = 60

/** What to run. */
export interface FleetRunRequest {
  seed: number
  acts?: number | undefined
  planted?: PlantedFleetBug | undefined
  /** Gets each line of the trace as it happens. */
  verbose?: ((line: string) => void) | undefined
}

/** What came of a run. */
export interface FleetOutcome {
  seed: number
  acts: number
  /** Timers that went off, each with all that followed from it. */
  events: number
  worldMs: number
  /** The same for the same seed and program. */
  traceHash: string
  faults: FaultCounts<FleetFault>
  /** Calls to systemd that were judged. */
  calls: number
  leaderships: number
  placings: number
  finding: Finding | undefined
  trace: readonly string[]
}

/** Runs one seed: a fleet with faults, then without them, then calm. Never throws for what it finds. */
export async function runFleet(request: FleetRunRequest): Promise<FleetOutcome> {
  const takeAway = request.planted?.patch?.()
  try {
    return await new FleetRun(request).run()
  } finally {
    takeAway?.()
  }
}

class FleetRun {
  readonly #request: FleetRunRequest
  readonly #random: Random
  readonly #fleet: TestFleet
  readonly #truth = new Truth()
  readonly #wishes: Wishes
  readonly #faults = new FaultCounts<FleetFault>(FLEET_FAULTS)
  readonly #nemesis: Nemesis
  readonly #lookout: Lookout
  readonly #oracle: Oracle
  readonly #startedAt: number
  readonly #trace: string[] = []
  #hash = 0
  #finding: Finding | undefined

  constructor(request: FleetRunRequest) {
    this.#request = request
    this.#random = new Random(request.seed)
    const noise = this.#random.stream('noise')
    const options = this.#random.stream('options')
    this.#wishes = new Wishes(options, request.planted?.climate?.kinds)
    this.#fleet = new TestFleet({
      random: () => noise.next(),
      agentTtlMs: TTL_MS,
      members: request.planted?.climate?.members ?? options.pick([1, 1, 3]),
      rebalanceMax: options.pick([0, 0, 2]),
      log: name => this.#logOf(name),
      build: nodeOptions => request.planted?.build?.(nodeOptions) ?? new FleetNode(nodeOptions),
    })
    for (const fault of FLEET_FAULTS) this.#faults.enable(fault)
    const fleet = this.#fleet
    this.#startedAt = fleet.clock.now()
    const log = (line: string): void => this.#log(line)
    const random = this.#random.stream('nemesis')
    this.#nemesis = new Nemesis({ fleet, random, faults: this.#faults, wishes: this.#wishes, log })
    const parts = { fleet, truth: this.#truth, wishes: this.#wishes }
    this.#lookout = new Lookout({ ...parts, weather: this.#nemesis, ttlMs: TTL_MS })
    this.#nemesis.lookout = this.#lookout
    const hasEnded = (machine: TestMachine, name: string): boolean => this.#lookout.hasEnded(machine, name)
    this.#oracle = new Oracle({ ...parts, hasEnded })
    fleet.etcd.observer = this.#lookout
    for (let n = options.between(2, 5); n > 0; n--) {
      const own = {
        metadata: { z: String(n % 2) },
        capacity: { memoryBytes: MACHINE_MB * 2 ** 20, cpuMillis: MACHINE_CORES * 1000 },
      }
      this.#lookout.attach(fleet.add(`m${n}`, own))
    }
  }

  async run(): Promise<FleetOutcome> {
    try {
      await this.#storm()
      if (this.#found() === undefined) await this.#heal()
      if (this.#found() === undefined) await this.#calm()
    } catch (error) {
      const { message, stack } = error instanceof Error ? error : new Error(String(error))
      this.#finding ??= { checker: 'exception', message: `${message} ${stack}` }
    } finally {
      this.#found()
      await this.#fleet.close()
    }
    const { etcd, clock } = this.#fleet
    for (let n = etcd.lostAnswers; n > 0; n--) this.#faults.fired('answer-lost')
    for (let n = etcd.forgotten; n > 0; n--) this.#faults.fired('history-lost')
    for (let n = etcd.refusals; n > 0; n--) this.#faults.fired('request-refused')
    return {
      seed: this.#request.seed,
      acts: this.#request.acts ?? ACTS_DEFAULT,
      events: clock.events,
      worldMs: clock.now() - this.#startedAt,
      traceHash: this.#hash.toString(16).padStart(8, '0'),
      faults: this.#faults,
      calls: this.#lookout.acts,
      leaderships: this.#lookout.leaderships,
      placings: this.#lookout.placings,
      finding: this.#finding,
      trace: this.#trace,
    }
  }

  /** Faults, each run with some of them: one with all hides what needs a calm sea. */
  async #storm(): Promise<void> {
    const random = this.#random.stream('storm')
    const all = Object.keys(ACTS) as Act[]
    const work = Object.keys(WORK) as Act[]
    const some = all.filter(act => !work.includes(act) && random.chance(0.4))
    const harm = this.#request.planted?.climate?.harm ?? some
    for (let n = 0; n < 6; n++) await this.#nemesis.do('put')
    for (let n = this.#request.acts ?? ACTS_DEFAULT; n > 0; n--) {
      await this.#pass(random.below(PAUSE_MS_MAX))
      if (this.#found() !== undefined) return
      const isWork = harm.length === 0 || random.chance(0.4)
      const act = isWork ? random.pick(['put', 'put', 'put', ...work] as Act[]) : random.pick(harm)
      await this.#nemesis.do(act)
    }
  }

  /** Everything is healed: all is as it should be in time, and stays so. */
  async #heal(): Promise<void> {
    this.#log('all faults end')
    await this.#nemesis.heal()
    // A registry that was wiped is believed again when it has a unit.
    const { text } = this.#wishes.plain(0)
    await this.#fleet.put('u0.service', text, 'launched')
    // A machine that was cut off before may still be lost until its next sign of life.
    await this.#pass(TTL_MS)
    await this.#settle('liveness', CONVERGE_MS_MAX - TTL_MS, STAY_MS)
  }

  /** Nothing befalls the fleet: what is wanted happens at once, and nothing else. */
  async #calm(): Promise<void> {
    const fleet = this.#fleet
    const random = this.#random.stream('calm')
    this.#log('calm')
    const steps: [what: string, act: () => Promise<void>][] = [
      ['load', () => fleet.setDesired('u0.service', 'loaded')],
      ['start', () => fleet.setDesired('u0.service', 'launched')],
      ['new text', () => fleet.put('u0.service', this.#wishes.plain(7).text, 'launched')],
      ['destroy', () => fleet.destroy('u0.service')],
      ['metadata', () => this.#overlayAll('1')],
      ['put', () => fleet.put('u0.service', this.#wishes.everywhere('1').text, 'launched')],
      ['other metadata', () => this.#overlay(random.pick([...fleet.machines.keys()]), '0')],
    ]
    for (const [what, act] of steps) {
      await act()
      if (!(await this.#settle(`calm ${what}`, CALM_MS_MAX, 0))) return
    }
    await this.#tellsTruth(random.pick([...fleet.machines.values()]))
    const machine = random.pick([...fleet.machines.values()])
    const before = machine.systemd.calls.length
    await fleet.kill(machine)
    fleet.start(machine)
    await this.#settle('calm restart of a daemon', CALM_MS_MAX, CALM_MS_MAX)
    const calls = machine.systemd.calls.slice(before)
    if (calls.length > 0) this.#find('adopt', `a daemon that was killed and came back did [${calls}]`)
  }

  async #overlayAll(zone: string): Promise<void> {
    for (const id of this.#fleet.machines.keys()) await this.#overlay(id, zone)
  }

  async #overlay(machineId: string, zone: string): Promise<void> {
    const { registry, keys } = this.#fleet
    await this.#fleet.pass(registry.store.set(keys.metadata(machineId, 'z'), zone))
  }

  /** Lets time pass until the oracle finds nothing, and then for a while in which it must find nothing. */
  async #settle(checker: string, maxMs: number, stayMs: number): Promise<boolean> {
    const { clock } = this.#fleet
    const began = clock.now()
    let mistakes = this.#oracle.mistakes()
    while (mistakes.length > 0 && clock.now() < began + maxMs && this.#found() === undefined) {
      await this.#pass(SECOND_MS)
      mistakes = this.#oracle.mistakes()
    }
    if (mistakes.length > 0)
      return this.#find(checker, `after ${maxMs / SECOND_MS} s: ${mistakes.join('; ')}`)
    const { placings } = this.#lookout
    for (let ms = 0; ms < stayMs && this.#found() === undefined; ms += SECOND_MS) await this.#pass(SECOND_MS)
    if (this.#lookout.placings > placings)
      return this.#find('restless', `${this.#lookout.placings - placings} units were moved when all was well`)
    const later = stayMs === 0 ? [] : this.#oracle.mistakes()
    if (later.length > 0) return this.#find(checker, `it did not stay so: ${later.join('; ')}`)
    return this.#found() === undefined
  }

  /** What the API of a machine answers is so. */
  async #tellsTruth({ node, id }: TestMachine): Promise<void> {
    const { clock } = this.#fleet
    const log = this.#logOf('api')
    const backend = new NodeBackend(node!, id, { clock, log, nextId: () => '1' })
    try {
      const units = await this.#fleet.pass(backend.listUnits({ from: 0, count: Number.POSITIVE_INFINITY }))
      const states = await this.#fleet.pass(backend.listStates())
      const machines = await this.#fleet.pass(backend.listMachines())
      const told = [
        ...units.map(unit => `${unit.name} ${unit.desiredState} ${unit.currentState} ${unit.machineID}`),
        ...states.map(state => `${state.name} ${state.machineID} ${state.systemdActiveState}`),
        ...machines.map(machine => machine.id),
      ]
      const truth = this.#oracle.listing()
      const wrong = told.filter(line => !truth.includes(line))
      const missing = truth.filter(line => !told.includes(line))
      if (wrong.length + missing.length > 0)
        this.#find('listing', `${id} tells [${wrong}] and not [${missing}]`)
    } finally {
      backend.close()
    }
  }

  async #pass(ms: number): Promise<void> {
    const { clock } = this.#fleet
    for (const end = clock.now() + ms; clock.now() < end && this.#found() === undefined; ) {
      await clock.advance(Math.min(SECOND_MS, end - clock.now()))
      await this.#nemesis.tick()
      this.#lookout.tick()
    }
  }

  #found(): Finding | undefined {
    const lost = this.#nemesis.finding
    this.#finding ??=
      this.#lookout.finding ?? (lost === undefined ? undefined : { checker: 'outage', message: lost })
    return this.#finding
  }

  #find(checker: string, message: string): false {
    this.#finding ??= { checker, message }
    return false
  }

  #logOf(name: string): Log {
    const line = (text: string): void => this.#log(`${name}: ${text}`)
    return {
      debug: () => {},
      info: text => {
        line(text)
        this.#lookout.logged(name, text)
      },
      warn: line,
      error: line,
    }
  }

  #log(line: string): void {
    const ms = this.#fleet === undefined ? 0 : this.#fleet.clock.now() - this.#startedAt
    const text = `${(ms / SECOND_MS).toFixed(3)} s  ${line}`
    this.#hash = hashText(text, this.#hash)
    this.#request.verbose?.(text)
    this.#trace.push(text)
    if (this.#trace.length > TRACE_LINES_MAX) this.#trace.shift()
  }
}
