import { DelayLines } from './delay.ts'
import type { Faults } from './faults.ts'
import type { Entry, Forwarding } from './forwarding.ts'
import { ETHERNET_BYTES } from './frame.ts'

/** What became of a frame that was given to a port: nobody may be there, or its queue be full. */
export type Outcome = 'sent' | 'down' | 'full'
/** Takes a frame for a port; it has to be done with the bytes when it returns. */
export type Output = (frame: Buffer) => Outcome

/** Why frames were lost. */
export interface Dropped {
  /** From the port: shorter than the head of a frame. */
  runt: number
  /** From the port: for somebody on the same port, or for neighbours on one cable only. */
  filtered: number
  /** To the port: nobody was connected. */
  down: number
  /** To the port: too much was waiting. */
  full: number
  /** To the port: the way was cut. */
  cut: number
  /** To the port: chance had it so (`dropRatio`). */
  lost: number
  /** To the port: too much was on its way over a slow link. */
  held: number
}

/** What went through a port since it is there. Bytes are those of frames, without their headers. */
export interface Counters {
  /** From the machine. */
  in: { frames: number; bytes: number }
  /** To the machine. */
  out: { frames: number; bytes: number }
  dropped: Dropped
}

interface Port {
  name: string
  output: Output
  counters: Counters
}

/**
 * The switch without its sockets: ports by name, and what becomes of frames between them. Times are milliseconds of any
 * clock that does not go back.
 */
export class Fabric {
  readonly faults: Faults
  readonly #forwarding: Forwarding
  readonly #delays = new DelayLines()
  readonly #ports = new Map<string, Port>()

  constructor(faults: Faults, forwarding: Forwarding) {
    this.faults = faults
    this.#forwarding = forwarding
  }

  /** Adds a port; one of this name must not be there. */
  add(name: string, output: Output): void {
    if (this.#ports.has(name)) throw new Error(`the port ${name} is there`)
    this.#ports.set(name, { name, output, counters: newCounters() })
  }

  /** Takes a port away, with all that is known of it, its rules too. */
  remove(name: string): void {
    this.unplug(name)
    this.#ports.delete(name)
    this.#delays.forget(name)
    this.faults.forget(name)
  }

  /** The cable of a port was pulled: who was behind it may come back elsewhere. What it sent is on its way. */
  unplug(name: string): void {
    this.#forwarding.forget(name)
  }

  /** Whether there is such a port. */
  has(name: string): boolean {
    return this.#ports.has(name)
  }

  /** Takes a frame from a port and hands it on. */
  input(name: string, frame: Buffer, nowMs: number): void {
    const from = this.#ports.get(name)
    if (from === undefined) throw new Error(`there is no port ${name}`)
    const { counters } = from
    counters.in.frames++
    counters.in.bytes += frame.length
    if (frame.length < ETHERNET_BYTES) {
      counters.dropped.runt++
      return
    }
    const route = this.#forwarding.route(frame, name, nowMs)
    if (route === 'none') {
      counters.dropped.filtered++
    } else if (route === 'flood') {
      for (const to of this.#ports.values()) if (to !== from) this.#pass(from, to, frame, nowMs)
    } else {
      const to = this.#ports.get(route.to)
      if (to !== undefined) this.#pass(from, to, frame, nowMs)
    }
  }

  /** When `advance` has something to do; undefined when nothing is on its way. */
  get nextMs(): number | undefined {
    return this.#delays.nextMs
  }

  /** Lets the frames arrive that were slow, and whose time has come. */
  advance(nowMs: number): void {
    for (let due = this.#delays.take(nowMs); due !== undefined; due = this.#delays.take(nowMs)) {
      const to = this.#ports.get(due.to)
      if (to === undefined) continue
      if (this.faults.isCut(due.from, due.to)) to.counters.dropped.cut++
      else deliver(to, due.frame)
    }
  }

  /** What went through a port; undefined when there is none. */
  counters(name: string): Counters | undefined {
    const port = this.#ports.get(name)
    return port && structuredClone(port.counters)
  }

  /** Who is behind which port. */
  addresses(nowMs: number): Entry[] {
    return this.#forwarding.entries(nowMs)
  }

  #pass(from: Port, to: Port, frame: Buffer, nowMs: number): void {
    const verdict = this.faults.judge(from.name, to.name)
    if (verdict === 'cut' || verdict === 'lost') to.counters.dropped[verdict]++
    // Behind those that are still on their way, though the link has become fast.
    else if (verdict === 'pass' && !this.#delays.isBusy(from.name, to.name)) deliver(to, frame)
    else if (!this.#delays.push(from.name, to.name, frame, nowMs + (verdict === 'pass' ? 0 : verdict)))
      to.counters.dropped.held++
  }
}

function deliver({ output, counters }: Port, frame: Buffer): void {
  const outcome = output(frame)
  if (outcome !== 'sent') {
    counters.dropped[outcome]++
    return
  }
  counters.out.frames++
  counters.out.bytes += frame.length
}

function newCounters(): Counters {
  return {
    in: { frames: 0, bytes: 0 },
    out: { frames: 0, bytes: 0 },
    dropped: { runt: 0, filtered: 0, down: 0, full: 0, cut: 0, lost: 0, held: 0 },
  }
}
