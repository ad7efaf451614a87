import { isGroup, MAC_BYTES, readMac } from './address.ts'

/** Addresses that are remembered. Beyond it new ones are not learnt, so that a flood of them displaces nobody. */
export const ENTRIES_MAX = 4096
/** How long a silent address is remembered: the recommendation of IEEE 802.1D. */
export const AGE_MAX_MS = 300_000
/** How often, at most, a full table is searched for addresses that are too old. */
const SWEEP_INTERVAL_MS = 1000

/** Where a frame goes: to a port, to all others, or to none. */
export type Route = { to: string } | 'flood' | 'none'

/** An address and the port behind which it was last seen. */
export interface Entry {
  mac: number
  port: string
  ageMs: number
}

interface Seen {
  /** The same object for every frame to this port: routes are made once. */
  route: { to: string }
  lastMs: number
}

/** What a switch knows of who is where. Times are milliseconds of any clock that does not go back. */
export class Forwarding {
  readonly #entries = new Map<number, Seen>()
  readonly #entriesMax: number
  readonly #ageMaxMs: number
  #sweptMs = Number.NEGATIVE_INFINITY

  /** @param bounds others than the usual */
  constructor(bounds: { entriesMax?: number; ageMaxMs?: number } = {}) {
    this.#entriesMax = bounds.entriesMax ?? ENTRIES_MAX
    this.#ageMaxMs = bounds.ageMaxMs ?? AGE_MAX_MS
  }

  /**
   * Learns from whom a frame is, and decides where it goes.
   *
   * @param frame at least 14 bytes
   * @param from the port that it came by
   */
  route(frame: Uint8Array, from: string, nowMs: number): Route {
    // A group sends nothing: such a source is an error, or an attempt to draw a group's frames to one port.
    if (!isGroup(frame, MAC_BYTES)) this.#learn(readMac(frame, MAC_BYTES), from, nowMs)
    if (isGroup(frame, 0)) return isLinkLocal(frame) ? 'none' : 'flood'
    const seen = this.#entries.get(readMac(frame, 0))
    if (seen === undefined || nowMs - seen.lastMs > this.#ageMaxMs) return 'flood'
    return seen.route.to === from ? 'none' : seen.route
  }

  /** Forgets what is behind a port: it was unplugged. */
  forget(port: string): void {
    for (const [mac, { route }] of this.#entries) if (route.to === port) this.#entries.delete(mac)
  }

  /** What is known at this time. */
  entries(nowMs: number): Entry[] {
    return [...this.#entries]
      .map(([mac, { route, lastMs }]) => ({ mac, port: route.to, ageMs: nowMs - lastMs }))
      .filter(({ ageMs }) => ageMs <= this.#ageMaxMs)
  }

  #learn(mac: number, port: string, nowMs: number): void {
    const seen = this.#entries.get(mac)
    if (seen !== undefined) {
      seen.lastMs = nowMs
      if (seen.route.to !== port) seen.route = { to: port }
      return
    }
    if (this.#entries.size >= this.#entriesMax) this.#sweep(nowMs)
    if (this.#entries.size < this.#entriesMax) this.#entries.set(mac, { route: { to: port }, lastMs: nowMs })
  }

  #sweep(nowMs: number): void {
    if (nowMs - this.#sweptMs < SWEEP_INTERVAL_MS) return
    this.#sweptMs = nowMs
    for (const [mac, { lastMs }] of this.#entries)
      if (nowMs - lastMs > this.#ageMaxMs) this.#entries.delete(mac)
  }
}

/** 01-80-C2-00-00-00 to -0F: between neighbours on a cable, never passed on (IEEE 802.1D, 7.12.6). */
function isLinkLocal(frame: Uint8Array): boolean {
  return (
    frame[0] === 0x01 &&
    frame[1] === 0x80 &&
    frame[2] === 0xc2 &&
    frame[3] === 0 &&
    frame[4] === 0 &&
    frame[5]! <= 0x0f
  )
}
