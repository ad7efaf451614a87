import { Safety } from './check/safety.ts'
import { Violation } from './check/violation.ts'
import type { Identity, Inspection, Member, Reply, Request, Subject } from './subject.ts'
import type { DiskOptions } from './world/disk.ts'
import type { FaultCounts } from './world/faults.ts'
import { Machine } from './world/machine.ts'
import type { Network } from './world/network.ts'
import type { Random } from './world/random.ts'
import { type Schedule, US_PER_MS } from './world/schedule.ts'

/** Milliseconds until a process that ended itself is started again. */
const RESTART_MS_MIN = 200
const RESTART_MS_MEAN = 1000

/** Where a member stands in its life; `lost` and `removed` are for ever. */
export type Standing = 'running' | 'down' | 'lost' | 'removed'

/** A member with its machine. */
export interface Node {
  readonly id: string
  readonly machine: Machine
  readonly founders: readonly string[]
  /** Known to one that was added later. */
  readonly peers: readonly string[]
  member: Member | undefined
  standing: Standing
  /** As it was after its last event. */
  seen: Inspection | undefined
}

/** What a cluster is made of. */
export interface ClusterParts {
  schedule: Schedule
  random: Random
  network: Network
  faults: FaultCounts
  subject: Subject
  disk: DiskOptions
  /** Clocks go faster or slower by up to this part, e.g. 0.1. */
  clockDrift: number
  log: (line: () => string) => void
}

/** The members and their machines; checkers look at each after every event of its own. */
export class Cluster {
  readonly nodes = new Map<string, Node>()
  readonly safety = new Safety()
  readonly #parts: ClusterParts
  /** Called when a member leads a new term. */
  onElected: (node: Node) => void = () => {}
  /** By the number of their machine. */
  readonly #byNumber: Node[] = []
  /** Started again only when somebody says so. */
  #restarts = true

  constructor(parts: ClusterParts) {
    this.#parts = parts
  }

  /** A new machine with a member that is not started yet. */
  add(founders: readonly string[], id = this.#newId()): Node {
    const { schedule, random, faults, disk, clockDrift } = this.#parts
    const rate = 1 + (random.next() * 2 - 1) * clockDrift
    const number = this.#byNumber.length
    const machine = new Machine(number, id, { schedule, random, faults, disk, clockRate: rate })
    machine.disk.makeDurableFolder('/member')
    machine.disk.mayFail = () => this.#parts.faults.isEnabled('sync-failed')
    const isThere = ({ standing }: Node): boolean => standing === 'running' || standing === 'down'
    const peers = founders.length > 0 ? [] : [...this.nodes.values()].filter(isThere).map(other => other.id)
    const node: Node = { id, machine, founders, peers, member: undefined, standing: 'down', seen: undefined }
    this.nodes.set(id, node)
    this.#byNumber.push(node)
    if (clockDrift > 0) faults.fired('clock-skewed')
    return node
  }

  /** The ids that the next machines get, e.g. of those who found the cluster together. */
  nextIds(count: number): string[] {
    return Array.from({ length: count }, (_, at) => this.#newId(at))
  }

  start(node: Node): void {
    if (node.standing !== 'down') return
    const { network, subject } = this.#parts
    const env = node.machine.start()
    const { process } = node.machine
    const alive = () => node.machine.process === process
    const identity: Identity = { id: node.id, folder: '/member', founders: node.founders, peers: node.peers }
    node.standing = 'running'
    this.#parts.log(() => `${node.id} starts`)
    node.member = subject.start(env, identity, {
      send: (to, bytes) => {
        if (alive()) network.send(node.id, to, bytes)
      },
      exit: (reason, message) => {
        if (!alive()) return
        this.#parts.log(() => `${node.id} ends itself: ${message}`)
        this.stop(node, 'process')
        if (reason === 'corrupt' && !node.machine.disk.wasFlipped)
          throw new Violation(
            'needless-refusal',
            `${node.id} refuses a disk on which no bit was flipped: ${message}`,
          )
        if (reason === 'disk') this.#restartLater(node)
        else node.standing = reason === 'removed' ? 'removed' : 'lost'
      },
      applied: (index, stateHash) => {
        if (alive()) this.safety.applied(node.id, index, stateHash())
      },
    })
    const { member } = node
    network.attach(node.id, (from, bytes) => {
      // On the machine, so that a process that stands still gets it when it goes on.
      if (alive()) this.#parts.schedule.after(0, process, 'receive', () => member.receive(from, bytes))
    })
  }

  /** The process ends, or the whole machine does. */
  stop(node: Node, what: 'process' | 'machine'): void {
    if (node.standing !== 'running') return
    this.#parts.network.detach(node.id)
    node.machine.stop(what)
    node.member = undefined
    node.standing = 'down'
    this.safety.ended(node.id)
  }

  /** The disk is gone; the member never comes back. */
  lose(node: Node): void {
    this.stop(node, 'machine')
    node.standing = 'lost'
  }

  /** The member is no part of the cluster any more. */
  retire(node: Node): void {
    this.stop(node, 'process')
    node.standing = 'removed'
  }

  /** What ended itself stays down, or is started again after a while. */
  setRestarts(on: boolean): void {
    this.#restarts = on
  }

  /** Asks a member; it answers on its machine. */
  request(node: Node, request: Request, done: (reply: Reply) => void): void {
    const { process } = node.machine
    const { member } = node
    if (process === undefined || member === undefined) return
    this.#parts.schedule.after(0, process, 'request', () => member.request(request, done))
  }

  /** Looks at the member whose event it was last. */
  check(): void {
    const owner = this.#parts.schedule.touched
    const node = owner === undefined ? undefined : this.#byNumber[owner.number]
    const now = node?.member?.inspect()
    if (node === undefined || now === undefined) return
    const { seen } = node
    if (seen?.voters.length !== now.voters.length || seen.learners.length !== now.learners.length)
      this.#parts.log(
        () => `${node.id} has voters ${now.voters.join()} learners ${now.learners.join()} at ${now.applied}`,
      )
    if (now.leading && (seen?.leading !== true || seen.term !== now.term)) {
      this.#parts.log(() => `${node.id} leads term ${now.term}`)
      this.onElected(node)
    }
    node.seen = now
    this.safety.look(node.id, now)
  }

  /** The member that leads in the highest term, of those that run. */
  leader(): Node | undefined {
    let best: Node | undefined
    for (const node of this.nodes.values()) {
      if (node.standing !== 'running' || node.seen?.leading !== true) continue
      if (best === undefined || node.seen.term > best.seen!.term) best = node
    }
    return best
  }

  /** The configuration of whoever has applied most. */
  configuration(): { voters: readonly string[]; learners: readonly string[] } {
    let best: Inspection | undefined
    for (const { seen } of this.nodes.values())
      if (seen !== undefined && (best === undefined || seen.applied > best.applied)) best = seen
    return best ?? { voters: [...this.nodes.values()][0]?.founders ?? [], learners: [] }
  }

  /** Members of that standing, in the order in which they came. */
  standing(standing: Standing): Node[] {
    return [...this.nodes.values()].filter(node => node.standing === standing)
  }

  #restartLater(node: Node): void {
    const delayMs = RESTART_MS_MIN + this.#parts.random.exponential(RESTART_MS_MEAN)
    this.#parts.schedule.after(delayMs * US_PER_MS, undefined, 'restart', () => {
      if (this.#restarts) this.start(node)
    })
  }

  #newId(after = 0): string {
    return (0xa1 + this.#byNumber.length + after).toString(16)
  }
}
