import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from '../../sim/world/random.ts'
import type { Cluster } from './cluster.ts'
import type { Member } from './member.ts'

/** What can go wrong. */
export const FAULTS = [
  'kill leader',
  'kill follower',
  'kill all',
  'pause leader',
  'pause follower',
  'isolate leader',
  'isolate follower',
  'mute leader',
  'deafen leader',
  'slow network',
] as const
/** One of them. */
export type Fault = (typeof FAULTS)[number]

/** How long a fault lasts, and how long nothing is wrong between two. */
const FAULT_MS = { low: 500, high: 3_000 } as const
const CALM_MS = { low: 200, high: 900 } as const
/** Two way, of heartbeats that come every 100 ms and elections that begin after a second. */
const SLOW_MS = { low: 20, high: 150 } as const

/** One fault as it happened. */
export interface Strike {
  fault: Fault
  member: string
  /** Milliseconds since the beginning, and for how long. */
  atMs: number
  lastedMs: number
  /** It was felt: the process is gone or stands still, or something was stopped or late on its way. */
  wasFelt: boolean
}

/**
 * Breaks one thing after the other and mends it again, as its seed says: first every kind of fault once, then all of
 * them again in another order. After each the cluster has to become healthy.
 */
export class Nemesis {
  readonly strikes: Strike[] = []
  readonly #cluster: Cluster
  readonly #random: Random
  readonly #started = performance.now()

  constructor(cluster: Cluster, random: Random) {
    this.#cluster = cluster
    this.#random = random
  }

  /** Rejects when the cluster does not recover. */
  async rage(durationMs: number): Promise<void> {
    const end = performance.now() + durationMs
    while (performance.now() < end) {
      for (const fault of this.#random.shuffle(FAULTS)) {
        if (performance.now() >= end) break
        await this.#strike(fault)
        await pause(this.#random.between(CALM_MS.low, CALM_MS.high))
      }
    }
  }

  /** For people. */
  get report(): string[] {
    return this.strikes.map(({ fault, member, atMs, lastedMs, wasFelt }) => {
      const time = `${(atMs / 1000).toFixed(1)} s`
      return `${time}: ${fault} (${member}) for ${Math.round(lastedMs)} ms${wasFelt ? '' : ', not felt'}`
    })
  }

  async #strike(fault: Fault): Promise<void> {
    const random = this.#random
    const lastsMs = random.between(FAULT_MS.low, FAULT_MS.high)
    const other = random.below(this.#cluster.members.length - 1)
    const { leader, followers } = await this.#cluster.roles()
    const member = fault.endsWith('follower') ? followers[other]! : leader
    const begun = performance.now()
    const wasFelt = await this.#cause(fault, member, lastsMs)
    const ended = performance.now()
    this.strikes.push({
      fault,
      member: member.name,
      atMs: begun - this.#started,
      lastedMs: ended - begun,
      wasFelt,
    })
    await Promise.all(this.#cluster.members.map(each => each.ready()))
    await this.#cluster.leader()
  }

  async #cause(fault: Fault, member: Member, lastsMs: number): Promise<boolean> {
    switch (fault) {
      case 'kill leader':
      case 'kill follower':
        return await this.#kill([member], lastsMs)
      case 'kill all':
        return await this.#kill(this.#cluster.members, lastsMs)
      case 'pause leader':
      case 'pause follower':
        await member.pause()
        await pause(lastsMs)
        member.resume()
        return true
      case 'slow network': {
        const { bytes } = this.#cluster.links.totals()
        this.#cluster.links.slow(this.#random.between(SLOW_MS.low, SLOW_MS.high))
        await pause(lastsMs)
        this.#cluster.links.heal({ reset: false })
        return this.#cluster.links.totals().bytes > bytes
      }
      default:
        return await this.#part(fault, member, lastsMs)
    }
  }

  async #kill(members: readonly Member[], lastsMs: number): Promise<boolean> {
    const exits = await Promise.all(members.map(member => member.kill()))
    await pause(lastsMs)
    await Promise.all(members.map(member => member.start()))
    return exits.every(({ signal }) => signal === 'SIGKILL')
  }

  async #part(fault: Fault, member: Member, lastsMs: number): Promise<boolean> {
    const { links, members } = this.#cluster
    const at = members.indexOf(member)
    const before = links.totals().stopped
    for (const other of members.keys()) {
      if (other === at) continue
      if (fault !== 'deafen leader') links.block(at, other)
      if (fault !== 'mute leader') links.block(other, at)
    }
    await pause(lastsMs)
    const { stopped } = links.totals()
    links.heal({ reset: this.#random.chance(0.5) })
    return stopped > before
  }
}
