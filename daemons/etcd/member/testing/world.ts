import { decodeMessage, encodeMessage } from '../../raft/codec.ts'
import type { Message } from '../../raft/message.ts'
import type { MemberId } from '../../raft/types.ts'
import type { Operation } from '../../store/operation.ts'
import { seeded } from '../../wal/testing/harness.ts'
import { MemoryDisk } from '../../wal/testing/memory-disk.ts'
import type { DiskError, Env } from '../env.ts'
import { type Member, startMember } from '../member.ts'
import type { Network } from '../network.ts'
import type { MemberOptions } from '../options.ts'
import type { WriteResult } from '../proposals.ts'
import type { PeerStatistics } from '../service.ts'

interface Timer {
  atMs: number
  isOff: boolean
  callback: () => void
}

/** A process of a member in the world of a test. */
export interface Node {
  id: MemberId
  disk: MemoryDisk
  member: Member | undefined
  error: DiskError | undefined
  exit: string | undefined
  isAlive: boolean
  /** How far its wall clock is ahead of the world's, in milliseconds; below 0 it is behind. */
  aheadMs: number
  lines: string[]
}

const LATENCY_MS = 1
/** What a member has seen of the others when the test does not care: long connected. */
const LONG_AGO_MS = 1
/** The wall clock when a world begins. */
export const WALL_MS = 1_700_000_000_000

/** Members in one process with a clock, disks and a network of their own. */
export class World {
  readonly nodes = new Map<MemberId, Node>()
  readonly random = seeded(7)
  nowMs = 0
  #timers: Timer[] = []
  /** Whether a message is lost. */
  loses: (message: Message) => boolean = () => false

  /** Starts a member, on the disk that one of that id has left. */
  start(id: MemberId, founders: readonly MemberId[], set: Partial<MemberOptions> = {}): Node {
    const disk = this.nodes.get(id)?.disk ?? new MemoryDisk()
    const node: Node = {
      id,
      disk,
      member: undefined,
      error: undefined,
      exit: undefined,
      isAlive: true,
      aheadMs: 0,
      lines: [],
    }
    this.nodes.set(id, node)
    const options: MemberOptions = {
      id,
      clusterId: 'c1',
      name: `name-${id}`,
      walFolder: 'data/member/wal',
      snapFolder: 'data/member/snap',
      founders: founders.map(id => ({ id, name: `name-${id}`, peerUrls: [`http://${id}:2380`] })),
      clientUrls: [`http://${id}:2379`],
      log: line => void node.lines.push(line),
      onExit: (reason, message) => {
        node.exit = `${reason}: ${message}`
        node.isAlive = false
      },
      logOptions: { segmentBytesFirst: 16 * 1024, segmentBytesMax: 16 * 1024 },
      ...set,
    }
    startMember(
      options,
      this.#env(node),
      () => this.#network(node),
      (error, member) => {
        node.error = error
        node.member = member
      },
    )
    return node
  }

  /** The process ends without a word; its disk stays. */
  kill(id: MemberId): void {
    this.nodes.get(id)!.isAlive = false
  }

  /** Lets time pass. */
  run(ms: number): void {
    const untilMs = this.nowMs + ms
    for (;;) {
      this.#runDisks()
      const next = this.#next(untilMs)
      if (next === undefined) break
      this.nowMs = Math.max(this.nowMs, next.atMs)
      next.callback()
    }
    this.nowMs = untilMs
  }

  /** Lets time pass until something is so; throws when it is not within so many milliseconds. */
  until(what: string, reached: () => boolean, ms = 20_000): void {
    for (let passedMs = 0; !reached(); passedMs += 10) {
      if (passedMs >= ms) throw new Error(`not within ${ms} ms: ${what}`)
      this.run(10)
    }
  }

  /** The member that leads, once all that are alive agree on it. */
  leader(): Node {
    let found: Node | undefined
    this.until('a leader', () => {
      const alive = [...this.nodes.values()].filter(node => node.isAlive)
      const leaders = new Set(alive.map(node => node.member?.leader ?? ''))
      const [id] = leaders
      if (leaders.size !== 1 || id === undefined || id === '') return false
      found = this.nodes.get(id)
      return found?.isAlive === true
    })
    return found!
  }

  /** Writes and waits for the answer. */
  write(node: Node, operation: Operation): WriteResult {
    let result: { value: WriteResult } | undefined
    node.member!.write(operation, value => {
      result = { value }
    })
    this.until('an answer', () => result !== undefined)
    return result!.value
  }

  #runDisks(): void {
    for (let isBusy = true; isBusy; ) {
      isBusy = false
      for (const node of this.nodes.values()) while (node.disk.step()) isBusy = true
    }
  }

  /** The earliest timer, of several the one that was set first. */
  #next(untilMs: number): Timer | undefined {
    let best: Timer | undefined
    this.#timers = this.#timers.filter(timer => !timer.isOff)
    for (const timer of this.#timers)
      if (timer.atMs <= untilMs && (best === undefined || timer.atMs < best.atMs)) best = timer
    if (best !== undefined) best.isOff = true
    return best
  }

  #after(delayMs: number, callback: () => void): Timer {
    const timer: Timer = { atMs: this.nowMs + delayMs, isOff: false, callback }
    this.#timers.push(timer)
    return timer
  }

  #env(node: Node): Env {
    return {
      now: () => this.nowMs,
      wallClock: () => WALL_MS + this.nowMs + node.aheadMs,
      setTimer: (delayMs, callback) => {
        const timer = this.#after(delayMs, () => {
          if (node.isAlive) callback()
        })
        return () => {
          timer.isOff = true
        }
      },
      random: this.random,
      disk: node.disk,
    }
  }

  #network(node: Node): Network {
    let peers: readonly MemberId[] = []
    const deliver = (message: Message, arrive: (to: Member) => void): void => {
      if (!node.isAlive || !peers.includes(message.to) || this.loses(message)) return
      this.#after(LATENCY_MS, () => {
        const to = this.nodes.get(message.to)
        if (to?.isAlive && to.member !== undefined) arrive(to.member)
      })
    }
    return {
      send: message => {
        const bytes = encodeMessage(message)
        deliver(message, to => to.received(decodeMessage(bytes)))
      },
      sendSnapshot: (message, chunks, done) => {
        const all: Uint8Array[] = []
        for (let next = chunks.next(); next.done !== true; next = chunks.next()) all.push(next.value.slice())
        deliver(message, to => {
          const sink = to.snapshotOffered(message, message.snapshot!.meta)
          for (const chunk of all) sink?.chunk(chunk)
          if (sink === undefined) done(false)
          else sink.done(accepted => this.#after(LATENCY_MS, () => done(accepted)))
        })
      },
      setPeers: map => {
        peers = [...map.keys()]
      },
      statistics: () => peers.map(id => statisticsOf(id, this.nodes.get(id))),
    }
  }
}

/** Puts a file below the user's keys. */
export function set(key: string, value: string): Operation {
  return { type: 'set', path: `/1/${key}`, dir: false, value, expiresAtMs: 0, refresh: false }
}

function statisticsOf(id: MemberId, node: Node | undefined): PeerStatistics {
  const isActive = node?.isAlive === true
  return {
    id,
    isActive,
    activeSinceMs: isActive ? LONG_AGO_MS : 0,
    clockAheadMs: node === undefined ? undefined : WALL_MS + node.aheadMs,
    bytesSent: 0,
    bytesReceived: 0,
    sendFailures: 0,
    latency: { current: 0, average: 0, standardDeviation: 0, minimum: 0, maximum: 0 },
    failures: 0,
    successes: 0,
  }
}
