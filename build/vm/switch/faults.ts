/** Which way frames of an isolated port are lost: from it, to it, or both. */
export type Direction = 'both' | 'in' | 'out'

/** What happens to frames from one port to another. A link without a rule is perfect. */
export interface LinkRule {
  from: string
  to: string
  /** Milliseconds that each frame takes. */
  delayMs: number
  /** Each frame takes so much more or less, evenly. The order of frames stays. */
  jitterMs: number
  /** How many frames are lost, from 0 (none) to 1 (all). */
  dropRatio: number
}

/** All rules, as JSON. */
export interface FaultState {
  /** Ports of different groups do not reach each other. A port in no group reaches, and is reached by, all. */
  groups: string[][]
  /** Ports that are cut off from all others. */
  isolated: { port: string; direction: Direction }[]
  /** Ways that are cut, each in one direction only. */
  cuts: { from: string; to: string }[]
  links: LinkRule[]
  /** Where the generator of chance stands: an unsigned number of 32 bits. */
  random: number
}

/** What becomes of a frame: it passes, is lost for a reason, or comes after so many milliseconds. */
export type Verdict = 'pass' | 'cut' | 'lost' | number

/** No rules. `seed` decides what chance will do. */
export function noFaults(seed: number): FaultState {
  return { groups: [], isolated: [], cuts: [], links: [], random: seed >>> 0 }
}

/** What is broken between ports, and how. Chance comes from the seed: the same frames meet the same fate. */
export class Faults {
  #state: FaultState
  /** Verdicts and rules by way, from then to, since the last change. */
  #ways = new Map<string, Map<string, 'pass' | 'cut' | LinkRule>>()
  #perfect: boolean

  constructor(state: FaultState) {
    this.#state = structuredClone(state)
    this.#perfect = isPerfect(this.#state)
  }

  /** The rules, for JSON. */
  state(): FaultState {
    return structuredClone(this.#state)
  }

  /** Decides about the next frame. */
  judge(from: string, to: string): Verdict {
    if (this.#perfect) return 'pass'
    const rule = this.#rule(from, to)
    if (rule === 'pass' || rule === 'cut') return rule
    if (rule.dropRatio > 0 && this.#random() < rule.dropRatio) return 'lost'
    if (rule.jitterMs === 0) return rule.delayMs === 0 ? 'pass' : rule.delayMs
    return Math.max(0, rule.delayMs + (2 * this.#random() - 1) * rule.jitterMs)
  }

  /** Whether nothing passes that way, whatever chance says. */
  isCut(from: string, to: string): boolean {
    return !this.#perfect && this.#rule(from, to) === 'cut'
  }

  /** Parts the ports into groups that do not reach each other, in place of the groups that were. */
  partition(groups: readonly (readonly string[])[]): void {
    this.#change({ groups: groups.map(group => [...group]) })
  }

  /** Cuts a port off from all others, also from those that come later. */
  isolate(port: string, direction: Direction): void {
    const others = this.#state.isolated.filter(rule => rule.port !== port)
    this.#change({ isolated: [...others, { port, direction }] })
  }

  /** Cuts one way only: `to` hears no more of `from`. */
  cut(from: string, to: string): void {
    const others = this.#state.cuts.filter(way => way.from !== from || way.to !== to)
    this.#change({ cuts: [...others, { from, to }] })
  }

  /** Makes a way slow or lossy, in place of the rule that it had. One without faults takes that away. */
  link(rule: LinkRule): void {
    const others = this.#state.links.filter(way => way.from !== rule.from || way.to !== rule.to)
    const isPlain = rule.delayMs === 0 && rule.jitterMs === 0 && rule.dropRatio === 0
    this.#change({ links: isPlain ? others : [...others, { ...rule }] })
  }

  /** Takes every rule away. Chance goes on from where it is. */
  heal(): void {
    this.#change({ groups: [], isolated: [], cuts: [], links: [] })
  }

  /** Takes the rules of one port away: it is gone. */
  forget(port: string): void {
    const { groups, isolated, cuts, links } = this.#state
    const isOther = (way: { from: string; to: string }) => way.from !== port && way.to !== port
    this.#change({
      groups: groups.map(group => group.filter(member => member !== port)).filter(group => group.length > 0),
      isolated: isolated.filter(rule => rule.port !== port),
      cuts: cuts.filter(isOther),
      links: links.filter(isOther),
    })
  }

  #change(rules: Partial<FaultState>): void {
    this.#state = { ...this.#state, ...rules }
    this.#perfect = isPerfect(this.#state)
    this.#ways = new Map()
  }

  #rule(from: string, to: string): 'pass' | 'cut' | LinkRule {
    let ways = this.#ways.get(from)
    if (ways === undefined) {
      ways = new Map()
      this.#ways.set(from, ways)
    }
    let rule = ways.get(to)
    if (rule === undefined) {
      rule = findRule(this.#state, from, to)
      ways.set(to, rule)
    }
    return rule
  }

  /** From 0 up to but not including 1 (mulberry32): small, and its state is one number. */
  #random(): number {
    this.#state.random = (this.#state.random + 0x6d2b79f5) >>> 0
    let mixed = this.#state.random
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function isPerfect({ groups, isolated, cuts, links }: FaultState): boolean {
  return groups.length + isolated.length + cuts.length + links.length === 0
}

function findRule(state: FaultState, from: string, to: string): 'pass' | 'cut' | LinkRule {
  const isApart = (port: string, direction: Direction) =>
    state.isolated.some(
      rule => rule.port === port && (rule.direction === 'both' || rule.direction === direction),
    )
  if (isApart(from, 'out') || isApart(to, 'in')) return 'cut'
  const isWay = (way: { from: string; to: string }) => way.from === from && way.to === to
  if (state.cuts.some(isWay)) return 'cut'
  const groupOf = (port: string) => state.groups.findIndex(group => group.includes(port))
  const groups = [groupOf(from), groupOf(to)]
  if (!groups.includes(-1) && groups[0] !== groups[1]) return 'cut'
  return state.links.find(isWay) ?? 'pass'
}
