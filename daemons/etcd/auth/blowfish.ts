/**
 * Blowfish (Schneier 1993), as far as bcrypt needs it: the state, the mixing in of keys, and one block.
 */

const ROUNDS = 16
const SUBKEYS = ROUNDS + 2
const BOX = 256
const BOXES = 4
const WORDS = SUBKEYS + BOXES * BOX
const WORD_BITS = 32n
/** Beyond the bits that are used, so that rounding does not reach them. */
const GUARD_BITS = 64n

let initial: Uint32Array | undefined

/** The state before any key: the fraction of pi in words of 32 bits. Reckoned once, as 4 kB of digits would only look so. */
function initialWords(): Uint32Array {
  if (initial !== undefined) return initial
  const bits = BigInt(WORDS) * WORD_BITS + GUARD_BITS
  const one = 1n << bits
  // Machin: pi = 16 arctan(1/5) - 4 arctan(1/239).
  const pi = 16n * arctanOfInverse(5n, one) - 4n * arctanOfInverse(239n, one)
  const fraction = (pi - 3n * one) >> GUARD_BITS
  const digits = fraction.toString(16).padStart(WORDS * 8, '0')
  initial = Uint32Array.from({ length: WORDS }, (_, at) =>
    Number.parseInt(digits.slice(at * 8, at * 8 + 8), 16),
  )
  return initial
}

function arctanOfInverse(x: bigint, one: bigint): bigint {
  const square = x * x
  let sum = 0n
  let sign = 1n
  for (let power = one / x, n = 1n; power !== 0n; power /= square, n += 2n) {
    sum += sign * (power / n)
    sign = -sign
  }
  return sum
}

/** The state: 18 subkeys, then four boxes of 256 words. */
export class Blowfish {
  readonly #words = initialWords().slice()
  #left = 0
  #right = 0

  /** The halves of the last block. */
  get left(): number {
    return this.#left
  }

  get right(): number {
    return this.#right
  }

  /** Encrypts a block: the result is in `left` and `right`. */
  encrypt(left: number, right: number): void {
    const words = this.#words
    let l = left ^ words[0]!
    let r = right
    for (let round = 1; round <= ROUNDS; round += 2) {
      r ^= mix(words, l) ^ words[round]!
      l ^= mix(words, r) ^ words[round + 1]!
    }
    this.#left = (r ^ words[SUBKEYS - 1]!) >>> 0
    this.#right = l >>> 0
  }

  /**
   * Mixes a key into the state (`ExpandKey` of bcrypt's paper).
   *
   * @param key words that are taken in turn
   * @param salt four words that are mixed into the blocks in turn, or undefined for zeros
   */
  expand(key: Uint32Array, salt: Uint32Array | undefined): void {
    const words = this.#words
    for (let at = 0; at < SUBKEYS; at++) words[at]! ^= key[at % key.length]!
    let [left, right] = [0, 0]
    for (let at = 0; at < WORDS; at += 2) {
      if (salt !== undefined) {
        left ^= salt[at % 4]!
        right ^= salt[(at + 1) % 4]!
      }
      this.encrypt(left, right)
      left = this.#left
      right = this.#right
      words[at] = left
      words[at + 1] = right
    }
  }
}

function mix(words: Uint32Array, half: number): number {
  const a = words[SUBKEYS + (half >>> 24)]!
  const b = words[SUBKEYS + BOX + ((half >>> 16) & 0xff)]!
  const c = words[SUBKEYS + 2 * BOX + ((half >>> 8) & 0xff)]!
  return (((a + b) ^ c) + words[SUBKEYS + 3 * BOX + (half & 0xff)]!) | 0
}
