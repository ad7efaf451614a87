/**
 * Numbers that a seed repeats: xoshiro128** by Blackman and Vigna, filled from the seed by SplitMix32. Streams with
 * names are independent of one another, so that one more draw for the network does not change what the disk does.
 */
export class Random {
  readonly #seed: number
  readonly #name: string
  #a: number
  #b: number
  #c: number
  #d: number

  /** @param seed a whole number from 0 to 2^53 − 1 */
  constructor(seed: number, name = '') {
    if (!Number.isSafeInteger(seed) || seed < 0) throw new RangeError(`a seed is a whole number, not ${seed}`)
    this.#seed = seed
    this.#name = name
    let state = (hashText(name) ^ (seed >>> 0) ^ Math.imul(Math.floor(seed / 2 ** 32), 0x9e3779b1)) >>> 0
    const next = () => {
      state = (state + 0x9e3779b9) >>> 0
      let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
      return (mixed ^ (mixed >>> 15)) >>> 0
    }
    this.#a = next()
    this.#b = next()
    this.#c = next()
    this.#d = next() | 1
  }

  /** The stream of that name: the same whatever has been drawn from this one. */
  stream(name: string): Random {
    return new Random(this.#seed, `${this.#name}/${name}`)
  }

  /** 32 even bits. */
  bits(): number {
    const product = Math.imul(this.#b, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = (this.#d << 11) | (this.#d >>> 21)
    return result
  }

  /** Evenly from 0 up to but not including 1. */
  next(): number {
    return this.bits() / 2 ** 32
  }

  /** A whole number from 0 to `end` − 1. */
  below(end: number): number {
    return Math.floor(this.next() * end)
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  /** True with that probability. Draws also when it is 0 or 1, so that options do not shift the stream. */
  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** Exponentially distributed around `mean`. */
  exponential(mean: number): number {
    return -Math.log(1 - this.next()) * mean
  }

  /** One of the items. */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('nothing to pick from')
    return items[this.below(items.length)]!
  }

  /** The items in another order. */
  shuffle<T>(items: readonly T[]): T[] {
    const mixed = items.slice()
    for (let at = mixed.length - 1; at > 0; at--) {
      const other = this.below(at + 1)
      const kept = mixed[at]!
      mixed[at] = mixed[other]!
      mixed[other] = kept
    }
    return mixed
  }
}

/** 32 bits of a text: FNV-1a. */
export function hashText(text: string, start = 0x811c9dc5): number {
  let hash = start
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash >>> 0
}

/** 32 bits of bytes: FNV-1a. */
export function hashBytes(bytes: Uint8Array, start = 0x811c9dc5): number {
  let hash = start
  for (let at = 0; at < bytes.length; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193)
  return hash >>> 0
}

/** 32 bits of two numbers. */
export function mix(hash: number, value: number): number {
  let mixed = Math.imul(hash ^ (value >>> 0) ^ Math.imul(Math.floor(value / 2 ** 32), 0x85ebca6b), 0x9e3779b1)
  mixed ^= mixed >>> 15
  return Math.imul(mixed, 0x2c1b3c6d) >>> 0
}
