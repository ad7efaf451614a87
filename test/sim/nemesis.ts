import type { Cluster, Node } from './cluster.ts'
import type { RunOptions } from './options.ts'
import type { Request } from './subject.ts'
import type { FaultCounts } from './world/faults.ts'
import type { Network } from './world/network.ts'
import type { Random } from './world/random.ts'
import { type Schedule, US_PER_MS } from './world/schedule.ts'

/** How far the wall clock jumps at most, either way. */
const WALL_JUMP_MS_MAX = 3_600_000
/** Milliseconds between two looks of the operator at who is to be taken away or replaced, on average. */
const TIDY_MS_MEAN = 500

/** Kinds of messages whose absence hurts. A subject may know others, or none of these. */
const KINDS = [
  'append',
  'append',
  'appendAnswer',
  'heartbeat',
  'heartbeatAnswer',
  'voteAnswer',
  'snapshot',
  'readIndexAnswer',
]

/** What a nemesis needs. */
export interface NemesisParts {
  schedule: Schedule
  random: Random
  cluster: Cluster
  faults: FaultCounts
  options: RunOptions
  /** Whether flipped bits are noticed by what is tried. */
  flips: boolean
  network: Network
  kindOf: (bytes: Uint8Array) => string
  log: (line: () => string) => void
}

/**
 * Does harm to machines, and operates the cluster meanwhile: adds, removes and replaces members, hands over leadership.
 * What is lost for ever (a disk, a flipped bit that is found) stays within what a majority can make good: one member at
 * a time, and the next only after that one was replaced.
 */
export class Nemesis {
  readonly #parts: NemesisParts
  #on = true
  /** A member whose disk has a flipped bit; there is one at most. */
  #flipped: Node | undefined

  constructor(parts: NemesisParts) {
    this.#parts = parts
    const { options, faults, flips } = parts
    const plan = (meanMs: number, act: () => void) => this.#every(meanMs, act)
    plan(options.killMsMean, () => this.#down('process'))
    plan(options.crashMsMean, () => this.#down('machine'))
    plan(options.blackoutMsMean, () => this.#blackout())
    plan(options.pauseMsMean, () => this.#pause())
    plan(options.fullMsMean, () => this.#fill())
    plan(options.wallJumpMsMean, () => this.#jump())
    if (flips) plan(options.flipMsMean, () => this.#flip())
    plan(options.diskLossMsMean, () => this.#loseDisk())
    plan(options.membershipMsMean, () => this.#change())
    plan(options.transferMsMean, () => this.#transfer())
    plan(options.compactMsMean, () => this.#compact())
    plan(options.filterMsMean, () => this.#filter())
    parts.cluster.onElected = node => this.#strike(node)
    this.#keepTidy()
    if (options.filterMsMean > 0) faults.enable('kind-filtered')
    if (options.strikeProbability > 0) faults.enable('leader-struck')
    if (options.fullMsMean > 0) faults.enable('disk-full')
    if (flips && options.flipMsMean > 0) faults.enable('bit-flipped')
    if (options.diskLossMsMean > 0) faults.enable('member-replaced')
    if (options.crashMsMean > 0) faults.enable('sector-lost')
    if (options.crashMsMean > 0) faults.enable('name-lost')
    if (options.killMsMean > 0) faults.enable('process-killed')
    if (options.crashMsMean > 0 || options.blackoutMsMean > 0) faults.enable('machine-crashed')
    if (options.pauseMsMean > 0) faults.enable('process-paused')
    if (options.wallJumpMsMean > 0) faults.enable('wall-clock-jumped')
    if (options.clockDrift > 0) faults.enable('clock-skewed')
  }

  /** Does no more harm, and makes good what can be. What is lost is replaced still. */
  heal(): void {
    this.#on = false
    const { cluster } = this.#parts
    for (const node of cluster.nodes.values()) {
      node.machine.resume()
      node.machine.disk.heal()
      node.machine.clock.setRate(1)
      cluster.start(node)
    }
  }

  #every(meanMs: number, act: () => void): void {
    if (meanMs === 0) return
    const { schedule, random } = this.#parts
    schedule.after(random.exponential(meanMs) * US_PER_MS, undefined, 'nemesis', () => {
      if (!this.#on) return
      act()
      this.#every(meanMs, act)
    })
  }

  #keepTidy(): void {
    this.#tidy()
    this.#later(TIDY_MS_MEAN, () => this.#keepTidy())
  }

  #any(): Node | undefined {
    const running = this.#parts.cluster.standing('running')
    if (running.length === 0) return undefined
    const leader = this.#parts.cluster.leader()
    // Leaders are where most can go wrong.
    return leader !== undefined && this.#parts.random.chance(0.4) ? leader : this.#parts.random.pick(running)
  }

  #later(meanMs: number, act: () => void): void {
    const delayUs = this.#parts.random.exponential(meanMs) * US_PER_MS
    this.#parts.schedule.after(delayUs, undefined, 'nemesis', act)
  }

  #down(what: 'process' | 'machine', node = this.#any()): void {
    const { cluster, faults, options, log } = this.#parts
    if (node === undefined || node.standing !== 'running') return
    log(() => `${node.id}: ${what === 'process' ? 'killed' : 'machine crashes'}`)
    faults.fired(what === 'process' ? 'process-killed' : 'machine-crashed')
    cluster.stop(node, what)
    this.#later(options.downMsMean, () => cluster.start(node))
  }

  /** A leader falls while its first entries are on their way: where most of the paper's care is needed. */
  #strike(node: Node): void {
    const { options, random, faults, cluster, log } = this.#parts
    if (!this.#on || !random.chance(options.strikeProbability)) return
    const { process } = node.machine
    const how = random.pick(['crash', 'kill', 'pause', 'cut'])
    this.#later(options.strikeMsMean, () => {
      if (!this.#on || process === undefined || node.machine.process !== process) return
      faults.fired('leader-struck')
      log(() => `${node.id}: struck as a new leader (${how})`)
      if (how === 'crash') this.#down('machine', node)
      else if (how === 'kill') this.#down('process', node)
      else if (how === 'pause') this.#pause(node)
      else {
        const { network } = this.#parts
        const others = [...cluster.nodes.keys()].filter(id => id !== node.id && random.chance(0.7))
        for (const id of others) network.cut(node.id, id)
        this.#later(options.pausedMsMean, () => {
          for (const id of others) network.join(node.id, id)
        })
      }
    })
  }

  /** Most messages of one kind or two stay away for a while. */
  #filter(): void {
    const { network, random, faults, options, kindOf, log } = this.#parts
    const share = random.pick([0.5, 0.9, 1])
    const chosen = new Set([random.pick(KINDS), random.pick(KINDS)])
    log(() => `messages of ${[...chosen].join()} stay away`)
    network.setFilter((_from, _to, bytes) => {
      if (!chosen.has(kindOf(bytes)) || !random.chance(share)) return true
      faults.fired('kind-filtered')
      return false
    })
    this.#later(options.filterLastsMsMean, () => network.setFilter(undefined))
  }

  #blackout(): void {
    for (const node of this.#parts.cluster.standing('running')) this.#down('machine', node)
  }

  #pause(node = this.#any()): void {
    const { faults, options, log } = this.#parts
    const { process } = node?.machine ?? {}
    if (node === undefined || process === undefined || process.paused) return
    log(() => `${node.id} stands still`)
    faults.fired('process-paused')
    node.machine.pause()
    this.#later(options.pausedMsMean, () => {
      if (node.machine.process === process) node.machine.resume()
    })
  }

  #fill(): void {
    const { options, log } = this.#parts
    const node = this.#any()
    if (node === undefined) return
    log(() => `${node.id}: disk full`)
    node.machine.disk.full = true
    this.#later(options.downMsMean, () => {
      node.machine.disk.full = false
    })
  }

  #jump(): void {
    const node = this.#any()
    if (node === undefined) return
    node.machine.clock.wallOffsetMs = (this.#parts.random.next() * 2 - 1) * WALL_JUMP_MS_MAX
    this.#parts.faults.fired('wall-clock-jumped')
  }

  /** Whether the cluster can bear the loss of this member's log: no other is lost, flipped or to be replaced. */
  #mayLose(node: Node): boolean {
    const { cluster } = this.#parts
    const { voters } = cluster.configuration()
    if (this.#flipped !== undefined || voters.length < 3) return false
    return [...cluster.nodes.values()].every(other => other === node || other.standing !== 'lost')
  }

  #flip(): void {
    const node = this.#any()
    if (node === undefined || !this.#mayLose(node)) return
    const where = node.machine.disk.flipBit()
    if (where === undefined) return
    this.#flipped = node
    this.#parts.log(() => `${node.id}: a bit flips in ${where}`)
    // It is felt when it is read, at the next start.
    this.#later(this.#parts.options.downMsMean, () => this.#down('process', node))
  }

  #loseDisk(): void {
    const node = this.#any()
    if (node === undefined || !this.#mayLose(node)) return
    this.#parts.log(() => `${node.id}: disk lost`)
    this.#parts.faults.fired('member-replaced')
    this.#parts.cluster.lose(node)
  }

  /** Takes away members whose removal is done, and replaces those that are lost. */
  #tidy(): void {
    const { cluster } = this.#parts
    const { voters, learners } = cluster.configuration()
    const members = new Set([...voters, ...learners])
    for (const node of cluster.nodes.values()) {
      if (node === this.#flipped && node.standing !== 'running' && node.standing !== 'down')
        this.#flipped = undefined
      if (node.standing === 'lost' && members.has(node.id)) this.#ask({ kind: 'member-remove', id: node.id })
      if (node.standing === 'lost' && !members.has(node.id)) node.standing = 'removed'
      // Not every member hears of its own removal; one that was just added does not know of itself yet.
      const was = node.seen !== undefined && [...node.seen.voters, ...node.seen.learners].includes(node.id)
      if (was && node.standing !== 'lost' && node.standing !== 'removed' && !members.has(node.id)) {
        cluster.retire(node)
        if (node === this.#flipped) this.#flipped = undefined
      }
    }
  }

  #change(): void {
    const { cluster, random, options } = this.#parts
    const { voters, learners } = cluster.configuration()
    const waiting = [...cluster.nodes.values()].filter(
      ({ id, standing, seen, founders }) =>
        founders.length === 0 &&
        (standing === 'running' || standing === 'down') &&
        !voters.includes(id) &&
        !learners.includes(id) &&
        !(seen !== undefined && [...seen.voters, ...seen.learners].includes(id)),
    )
    const size = voters.length + learners.length
    const actions: (() => void)[] = []
    if (learners.length > 0)
      actions.push(() => this.#ask({ kind: 'member-promote', id: random.pick(learners) }))
    if (size < options.membersMax)
      actions.push(() => {
        const node = waiting[0] ?? cluster.add([])
        cluster.start(node)
        this.#ask({ kind: 'member-add', id: node.id, learner: random.chance(0.5) })
      })
    // As the strict check of the original: not while a member is lost.
    const whole = cluster.standing('lost').length === 0
    if (whole && voters.length > 1 && size > Math.min(2, options.founders - 1))
      actions.push(() => this.#ask({ kind: 'member-remove', id: random.pick([...voters, ...learners]) }))
    if (actions.length > 0) random.pick(actions)()
  }

  #transfer(): void {
    const { cluster, random } = this.#parts
    const leader = cluster.leader()
    const { voters } = cluster.configuration()
    if (leader !== undefined && voters.length > 0)
      this.#ask({ kind: 'transfer', to: random.pick(voters) }, leader)
  }

  #compact(): void {
    const node = this.#any()
    if (node !== undefined) this.#ask({ kind: 'compact' }, node)
  }

  #ask(request: Request, node = this.#any()): void {
    if (node === undefined) return
    this.#parts.log(() => `operator asks ${node.id} for ${JSON.stringify(request)}`)
    this.#parts.cluster.request(node, request, () => {})
  }
}
