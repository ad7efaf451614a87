import type { Fault, FaultCounts } from './faults.ts'
import { hashBytes, type Random } from './random.ts'
import { type Schedule, US_PER_MS } from './schedule.ts'

/** How the network treats what is sent over it. All times in milliseconds, all probabilities from 0 to 1. */
export interface NetworkOptions {
  delayMsMin: number
  /** Mean of what comes on top of the minimum, exponentially distributed: this is what reorders. */
  delayMsMean: number
  lossProbability: number
  duplicateProbability: number
  /** Messages that a path holds; one more pushes out one of them. */
  pathMessagesMax: number
  /** A path stops for a while with that probability at each message. */
  clogProbability: number
  clogMsMean: number
  /** How the members may be divided; empty for never. */
  partitions: readonly PartitionMode[]
  /** How long the network stays whole, and how long divided, at least and beyond that on average. */
  wholeMsMin: number
  wholeMsMean: number
  dividedMsMin: number
  dividedMsMean: number
}

/** One member alone, two groups, or two groups of which only one reaches the other. */
export type PartitionMode = 'isolate' | 'split' | 'one-way'

/** Decides about one message; false drops it. */
export type LinkFilter = (from: string, to: string, bytes: Uint8Array) => boolean

/** Takes a message that has arrived. */
export type Receiver = (from: string, bytes: Uint8Array) => void

interface Path {
  inFlight: Packet[]
  cloggedUntilUs: number
  sent: number
  /** The last one that arrived, by its number on the path. */
  arrived: number
}

interface Packet {
  bytes: Uint8Array
  number: number
  dropped: boolean
}

/** A network that does nothing to messages but carry them. */
export const CALM_NETWORK: NetworkOptions = {
  delayMsMin: 1,
  delayMsMean: 0,
  lossProbability: 0,
  duplicateProbability: 0,
  pathMessagesMax: 1000,
  clogProbability: 0,
  clogMsMean: 0,
  partitions: [],
  wholeMsMin: 0,
  wholeMsMean: 0,
  dividedMsMin: 0,
  dividedMsMean: 0,
}

/**
 * Carries messages between members: each on its own, so that they arrive late, twice, in another order or never.
 * A path is one direction between two members.
 *
 * Source: the packet simulator of TigerBeetle (options), testing.md T2.
 */
export class Network {
  readonly #schedule: Schedule
  readonly #random: Random
  readonly #faults: FaultCounts
  #options: NetworkOptions
  readonly #receivers = new Map<string, Receiver>()
  readonly #paths = new Map<string, Path>()
  /** Paths that carry nothing, as `from>to`. */
  readonly #cut = new Set<string>()
  #mode: PartitionMode | undefined
  #filter: LinkFilter | undefined
  #enabled: boolean

  constructor(schedule: Schedule, random: Random, faults: FaultCounts, options: NetworkOptions) {
    this.#schedule = schedule
    this.#random = random
    this.#faults = faults
    this.#options = options
    this.#enabled = true
    for (const fault of faultsOf(options)) faults.enable(fault)
    if (options.partitions.length > 0) this.#planPartition()
  }

  /** Messages to `name` go there from now on. */
  attach(name: string, receiver: Receiver): void {
    this.#receivers.set(name, receiver)
  }

  /** What arrives for `name` is lost from now on, and some of what it has sent last, as when a connection breaks. */
  detach(name: string): void {
    this.#receivers.delete(name)
    for (const [key, path] of this.#paths) {
      if (!key.startsWith(`${name}>`)) continue
      for (const packet of path.inFlight) {
        if (!this.#random.chance(0.5)) continue
        packet.dropped = true
        this.#faults.fired('message-lost')
      }
      path.inFlight = path.inFlight.filter(({ dropped }) => !dropped)
    }
  }

  /** Each message is shown to the filter first; undefined takes it off. */
  setFilter(filter: LinkFilter | undefined): void {
    this.#filter = filter
  }

  /** Nothing goes from the first to the second any more; the other way is another path. */
  cut(from: string, to: string): void {
    this.#cut.add(`${from}>${to}`)
  }

  /** The path carries again, unless a partition is between. */
  join(from: string, to: string): void {
    this.#cut.delete(`${from}>${to}`)
  }

  /** Ends every partition and clog and does no harm from now on. */
  heal(): void {
    this.#enabled = false
    this.#options = { ...CALM_NETWORK, delayMsMin: this.#options.delayMsMin }
    this.#cut.clear()
    this.#filter = undefined
    for (const path of this.#paths.values()) path.cloggedUntilUs = 0
  }

  /** Sends a copy: what the sender does with its bytes afterwards changes nothing. */
  send(from: string, to: string, bytes: Uint8Array): void {
    if (this.#filter !== undefined && !this.#filter(from, to, bytes)) return
    if (this.#cut.has(`${from}>${to}`)) {
      this.#faults.fired(this.#cutFault())
      return
    }
    const options = this.#options
    const random = this.#random
    if (random.chance(options.lossProbability)) {
      this.#faults.fired('message-lost')
      return
    }
    const path = this.#path(`${from}>${to}`)
    if (random.chance(options.clogProbability)) {
      this.#faults.fired('path-clogged')
      path.cloggedUntilUs = this.#schedule.nowUs + random.exponential(options.clogMsMean) * US_PER_MS
    }
    const number = ++path.sent
    this.#carry(path, from, to, { bytes: bytes.slice(), number, dropped: false })
    if (random.chance(options.duplicateProbability)) {
      this.#faults.fired('message-duplicated')
      this.#carry(path, from, to, { bytes: bytes.slice(), number, dropped: false })
    }
  }

  #carry(path: Path, from: string, to: string, packet: Packet): void {
    const { delayMsMin, delayMsMean, pathMessagesMax } = this.#options
    if (path.inFlight.length >= pathMessagesMax) {
      this.#faults.fired('path-full')
      const [victim] = path.inFlight.splice(this.#random.below(path.inFlight.length), 1)
      victim!.dropped = true
    }
    path.inFlight.push(packet)
    const clogUs = Math.max(0, path.cloggedUntilUs - this.#schedule.nowUs)
    const delayMs = delayMsMin + this.#random.exponential(delayMsMean)
    this.#schedule.after(clogUs + delayMs * US_PER_MS, undefined, 'message', () =>
      this.#deliver(path, from, to, packet),
    )
  }

  #deliver(path: Path, from: string, to: string, packet: Packet): void {
    if (packet.dropped) return
    path.inFlight.splice(path.inFlight.indexOf(packet), 1)
    if (this.#cut.has(`${from}>${to}`)) {
      this.#faults.fired(this.#cutFault())
      return
    }
    if (packet.number < path.arrived) this.#faults.fired('message-reordered')
    path.arrived = Math.max(path.arrived, packet.number)
    const receiver = this.#receivers.get(to)
    if (receiver === undefined) return
    this.#schedule.note(hashBytes(packet.bytes))
    receiver(from, packet.bytes)
  }

  #path(key: string): Path {
    let path = this.#paths.get(key)
    if (path === undefined) {
      path = { inFlight: [], cloggedUntilUs: 0, sent: 0, arrived: 0 }
      this.#paths.set(key, path)
    }
    return path
  }

  #planPartition(): void {
    const { wholeMsMin, wholeMsMean } = this.#options
    const delayMs = wholeMsMin + this.#random.exponential(wholeMsMean)
    this.#schedule.after(delayMs * US_PER_MS, undefined, 'partition', () => {
      if (!this.#enabled) return
      this.#divide(this.#random.pick(this.#options.partitions))
      const { dividedMsMin, dividedMsMean } = this.#options
      const lastsMs = dividedMsMin + this.#random.exponential(dividedMsMean)
      this.#schedule.after(lastsMs * US_PER_MS, undefined, 'heal', () => {
        this.#cut.clear()
        if (this.#enabled) this.#planPartition()
      })
    })
  }

  #divide(mode: PartitionMode): void {
    const names = this.#random.shuffle([...this.#receivers.keys()])
    const size = mode === 'isolate' ? 1 : this.#random.between(1, Math.max(1, names.length - 1))
    const group = new Set(names.slice(0, size))
    this.#mode = mode
    const deaf = this.#random.chance(0.5)
    for (const a of names) {
      for (const b of names) {
        if (a === b || group.has(a) === group.has(b)) continue
        if (mode !== 'one-way' || group.has(a) === deaf) this.#cut.add(`${a}>${b}`)
      }
    }
  }

  #cutFault(): Fault {
    if (this.#mode === 'one-way') return 'partition-asymmetric'
    return this.#mode === 'isolate' ? 'isolated-one' : 'partition-symmetric'
  }
}

function faultsOf(options: NetworkOptions): Fault[] {
  const faults: Fault[] = []
  if (options.lossProbability > 0) faults.push('message-lost')
  if (options.duplicateProbability > 0) faults.push('message-duplicated')
  if (options.delayMsMean > 0) faults.push('message-reordered')
  if (options.clogProbability > 0) faults.push('path-clogged')
  if (options.partitions.includes('isolate')) faults.push('isolated-one')
  if (options.partitions.includes('split')) faults.push('partition-symmetric')
  if (options.partitions.includes('one-way')) faults.push('partition-asymmetric')
  return faults
}
