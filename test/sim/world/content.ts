import type { Random } from './random.ts'

/** What a disk writes as a whole or not at all, in bytes. */
export const SECTOR_BYTES = 512

const ZEROS = new Uint8Array(SECTOR_BYTES)

interface Version {
  /** The write that made it; 0 is what is synced. */
  generation: number
  bytes: Uint8Array | undefined
}

interface LengthVersion {
  generation: number
  length: number
}

/** What a crash did to a file. */
export interface Loss {
  sectorsLost: number
  /** Of one write some sectors are there and some are not. */
  torn: boolean
}

/**
 * What is in a file, in two layers: what reads see, and for every sector that has been written since the last sync all
 * that the platter may hold for it. A sector that was never written reads as zeros and takes no room.
 */
export class Content {
  length = 0
  /** Counts writes; a sync makes durable what was written up to the count of its start. */
  generation = 0
  readonly #sectors: (Uint8Array | undefined)[] = []
  /** Older versions of each dirty sector, the synced one first; the current one is in `#sectors`. */
  readonly #dirty = new Map<number, Version[]>()
  readonly #current = new Map<number, number>()
  #lengths: LengthVersion[] = [{ generation: 0, length: 0 }]
  /** Bytes that a platter gives back wrong: position to the mask of flipped bits. */
  readonly #rot = new Map<number, number>()

  /** Sectors that are not synced. */
  get dirtySectors(): number {
    return this.#dirty.size
  }

  /** Bytes that it takes on the disk. */
  get usedBytes(): number {
    let used = 0
    for (const sector of this.#sectors) if (sector !== undefined) used += SECTOR_BYTES
    return used
  }

  /** Whether that sector takes room. */
  hasSector(sector: number): boolean {
    return this.#sectors[sector] !== undefined
  }

  read(offset: number, length: number): Uint8Array {
    const end = Math.min(this.length, offset + length)
    const bytes = new Uint8Array(Math.max(0, end - offset))
    for (let at = offset; at < end; ) {
      const sector = Math.floor(at / SECTOR_BYTES)
      const from = at - sector * SECTOR_BYTES
      const count = Math.min(SECTOR_BYTES - from, end - at)
      const stored = this.#sectors[sector]
      if (stored !== undefined) bytes.set(stored.subarray(from, from + count), at - offset)
      at += count
    }
    for (const [at, mask] of this.#rot)
      if (at >= offset && at < end) bytes[at - offset] = bytes[at - offset]! ^ mask
    return bytes
  }

  /** True when a read of that range gives back wrong bits. */
  isRotten(offset: number, length: number): boolean {
    for (const at of this.#rot.keys()) if (at >= offset && at < offset + length) return true
    return false
  }

  write(offset: number, bytes: Uint8Array): void {
    this.generation += 1
    for (let at = 0; at < bytes.length; ) {
      const sector = Math.floor((offset + at) / SECTOR_BYTES)
      const from = offset + at - sector * SECTOR_BYTES
      const count = Math.min(SECTOR_BYTES - from, bytes.length - at)
      const changed = this.#touch(sector)
      changed.set(bytes.subarray(at, at + count), from)
      at += count
    }
    if (offset + bytes.length > this.length) this.#setLength(offset + bytes.length)
  }

  truncate(length: number): void {
    this.generation += 1
    const kept = Math.ceil(length / SECTOR_BYTES)
    if (length < this.length) {
      for (let sector = kept; sector < this.#sectors.length; sector++) {
        if (this.#sectors[sector] === undefined) continue
        this.#touch(sector)
        this.#sectors[sector] = undefined
      }
      const rest = length % SECTOR_BYTES
      if (rest > 0 && this.#sectors[kept - 1] !== undefined) this.#touch(kept - 1).fill(0, rest)
    }
    this.#setLength(length)
  }

  /** All that was written up to `generation` is durable now. */
  sync(generation: number): void {
    for (const [sector, versions] of this.#dirty) {
      if (this.#current.get(sector)! <= generation) {
        this.#dirty.delete(sector)
        this.#current.delete(sector)
        continue
      }
      while (versions.length > 1 && versions[1]!.generation <= generation) versions.shift()
    }
    while (this.#lengths.length > 1 && this.#lengths[1]!.generation <= generation) this.#lengths.shift()
  }

  /** The machine stops: of what was not synced some sectors, each in some version, are left. */
  crash(random: Random): Loss {
    let lost = 0
    let kept = 0
    const dirty = [...this.#dirty].toSorted(([a], [b]) => a - b)
    for (const [sector, versions] of dirty) {
      const choice = random.chance(0.5) ? versions.length : random.below(versions.length)
      if (choice === versions.length) {
        kept += 1
        continue
      }
      lost += 1
      this.#sectors[sector] = versions[choice]!.bytes
    }
    const length = random.pick(this.#lengths).length
    this.length = length
    for (let sector = Math.ceil(length / SECTOR_BYTES); sector < this.#sectors.length; sector++)
      this.#sectors[sector] = undefined
    const rest = length % SECTOR_BYTES
    const last = this.#sectors[Math.floor(length / SECTOR_BYTES)]
    // What lies beyond the end of the file comes back as zeros when the file grows again.
    if (rest > 0 && last !== undefined) {
      const copy = last.slice()
      copy.fill(0, rest)
      this.#sectors[Math.floor(length / SECTOR_BYTES)] = copy
    }
    this.#dirty.clear()
    this.#current.clear()
    this.#lengths = [{ generation: 0, length }]
    this.generation = 0
    return { sectorsLost: lost, torn: lost > 0 && kept > 0 }
  }

  /**
   * Flips one bit of what is durable, below `limit` bytes. Returns its position, or undefined when nothing is there.
   */
  flip(random: Random, limit: number): number | undefined {
    const end = Math.min(limit, this.length)
    if (end <= 0) return undefined
    const at = random.below(end)
    const sector = Math.floor(at / SECTOR_BYTES)
    if (this.#dirty.has(sector) || this.#sectors[sector] === undefined) return undefined
    this.#rot.set(at, 1 << random.below(8))
    return at
  }

  /** Takes back all flipped bits. */
  mend(): void {
    this.#rot.clear()
  }

  /** The first byte that is not synced; what lies before it stays as it is. */
  get cleanBytes(): number {
    let first = this.length
    for (const sector of this.#dirty.keys()) first = Math.min(first, sector * SECTOR_BYTES)
    return first
  }

  #setLength(length: number): void {
    this.length = length
    this.#lengths.push({ generation: this.generation, length })
  }

  /** A sector to write into; what it held is kept for the crash. */
  #touch(sector: number): Uint8Array {
    const old = this.#sectors[sector]
    const versions = this.#dirty.get(sector)
    const generation = this.#current.get(sector) ?? 0
    if (versions === undefined) this.#dirty.set(sector, [{ generation: 0, bytes: old }])
    // Pieces of one write are one version.
    else if (generation !== this.generation) versions.push({ generation, bytes: old })
    this.#current.set(sector, this.generation)
    const copy = (old ?? ZEROS).slice()
    this.#sectors[sector] = copy
    for (const at of this.#rot.keys()) if (Math.floor(at / SECTOR_BYTES) === sector) this.#rot.delete(at)
    return copy
  }
}
