import { hashUnit, parseUnit } from '#lib/fleet/unit/file.ts'
import type { Random } from '../../sim/world/random.ts'

/** What a unit asks for, as the test meant it; the engine has to find it out from the text. */
export interface Wish {
  readonly text: string
  readonly isGlobal: boolean
  /** Names, or beginnings of names with a star. */
  readonly conflicts: readonly string[]
  readonly replaces: readonly string[]
  readonly peers: readonly string[]
  /** Value that the machine's metadata `z` must have. */
  readonly zone: string | undefined
  readonly memoryMb: number
  readonly cores: number
}

/** Units of one run. Few, so that they get in one another's way. */
export const UNITS = 12
/** Memory of each machine that units may reserve. */
export const MACHINE_MB = 300
/** Cores of each machine that units may reserve. */
export const MACHINE_CORES = 2
/** The unit that others drive away. */
const DRIVEN = 'u3.service'
const PEER = 'u4.service'
/** These reserve memory, in any version of their text: a reservation that grows is no reason to move. */
const HEAVY: ReadonlyMap<string, Pick<Wish, 'memoryMb' | 'cores'>> = new Map([
  ['u5.service', { memoryMb: 150, cores: 0.5 }],
  ['u6.service', { memoryMb: 100, cores: 1.5 }],
  ['u7.service', { memoryMb: 200, cores: 0 }],
  ['u8.service', { memoryMb: 150, cores: 0 }],
  ['u9.service', { memoryMb: 100, cores: 1 }],
  ['u10.service', { memoryMb: 200, cores: 1.5 }],
])

const LIGHT = { memoryMb: 0, cores: 0 }

type Kind = Partial<Omit<Wish, 'text' | 'memoryMb' | 'cores'>>

const KINDS = {
  conflictsMany: { conflicts: ['u1*'] },
  conflictsOne: { conflicts: ['u2.service'] },
  replaces: { replaces: [DRIVEN] },
  together: { peers: [PEER] },
  zone: { zone: '0' },
  global: { isGlobal: true },
  globalZone: { isGlobal: true, zone: '1' },
  globalConflicts: { isGlobal: true, conflicts: ['u5.service'] },
} satisfies Record<string, Kind>
const KINDS_OF_RUN = 3

/** What a unit may ask for, by name. */
export type KindName = keyof typeof KINDS

/** Wishes by the hash of their text. */
export class Wishes {
  readonly #kinds: readonly Kind[]
  readonly #byHash = new Map<string, Wish>()

  /** Each run has some kinds only, so that they meet one another: the given ones, or any. */
  constructor(random: Random, wanted: readonly KindName[] | undefined) {
    const all = Object.keys(KINDS) as KindName[]
    const kinds = wanted ?? random.shuffle(all).slice(0, KINDS_OF_RUN)
    this.#kinds = [{}, ...kinds.map(kind => KINDS[kind])]
  }

  /** Some text for a unit. */
  choose(name: string, random: Random): Wish {
    const kind = random.pick(this.#kinds)
    const reserved = kind.isGlobal === true ? LIGHT : (HEAVY.get(name) ?? LIGHT)
    return this.#add(kind, reserved, random.below(3))
  }

  /** A text that asks for nothing. */
  plain(version: number): Wish {
    return this.#add({}, LIGHT, version)
  }

  /** A text that asks for each machine with this metadata. */
  everywhere(zone: string): Wish {
    return this.#add({ isGlobal: true, zone }, LIGHT, 0)
  }

  /** What the text of a hash asks for. */
  of(hash: string): Wish {
    return this.#byHash.get(hash)!
  }

  #add(kind: Kind, { memoryMb, cores }: Pick<Wish, 'memoryMb' | 'cores'>, version: number): Wish {
    const { isGlobal = false, conflicts = [], replaces = [], peers = [], zone } = kind
    const lines = [
      ...(isGlobal ? ['Global=true'] : []),
      ...conflicts.map(pattern => `Conflicts=${pattern}`),
      ...replaces.map(pattern => `Replaces=${pattern}`),
      ...peers.map(peer => `MachineOf=${peer}`),
      ...(zone === undefined ? [] : [`MachineMetadata=z=${zone}`]),
      ...(memoryMb === 0 ? [] : [`MemoryReservation=${memoryMb}M`]),
      ...(cores === 0 ? [] : [`CPUReservation=${cores}`]),
    ]
    const text = `[Service]\nExecStart=/bin/sleep ${version}\n\n[X-Fleet]\n${lines.join('\n')}\n`
    const wish = { text, isGlobal, conflicts, replaces, peers, zone, memoryMb, cores }
    this.#byHash.set(hashOfText(text), wish)
    return wish
  }
}

/** The hash by which the registry names a text. */
export function hashOfText(text: string): string {
  return hashUnit(parseUnit(text))
}

/** Whether one of the patterns names a unit. */
export function names(patterns: readonly string[], name: string): boolean {
  return patterns.some(pattern =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name,
  )
}
