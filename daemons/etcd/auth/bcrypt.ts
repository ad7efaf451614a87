import { timingSafeEqual } from 'node:crypto'
import { Blowfish } from './blowfish.ts'

/** Bytes of a password that count, its ending zero included. */
export const PASSWORD_BYTES_MAX = 72
export const SALT_BYTES = 16
const COST_MIN = 4
const COST_MAX = 31
const ALPHABET = './ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const HASH = /^\$2[aby]\$(\d\d)\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/
const HASH_BYTES = 23
/** `OrpheanBeholderScryDoubt`, encrypted so many times. */
const TEXT = [0x4f727068, 0x65616e42, 0x65686f6c, 0x64657253, 0x63727944, 0x6f756274]
const TEXT_ROUNDS = 64

/**
 * bcrypt (Provos and Mazières 1999), `$2a$`, as a machine that is driven step by step: it is slow on purpose, and who
 * drives it lets others have their turn between two steps.
 */
export class Bcrypt {
  readonly #salt: Uint8Array
  readonly #cost: number
  readonly #cipher = new Blowfish()
  readonly #keyWords: Uint32Array
  readonly #saltWords: Uint32Array
  #left: number

  /** @param cost logarithm of the number of rounds, 4 to 31 */
  constructor(password: string, salt: Uint8Array, cost: number) {
    if (salt.length !== SALT_BYTES) throw new RangeError(`a salt has ${SALT_BYTES} bytes`)
    if (!(cost >= COST_MIN && cost <= COST_MAX)) throw new RangeError(`a cost is ${COST_MIN} to ${COST_MAX}`)
    const key = Buffer.from(`${password}\0`, 'utf8').subarray(0, PASSWORD_BYTES_MAX)
    this.#salt = salt
    this.#cost = cost
    this.#keyWords = wordsOf(key, 18)
    this.#saltWords = wordsOf(salt, 4)
    this.#left = 2 ** cost
    this.#cipher.expand(this.#keyWords, this.#saltWords)
  }

  /** Does so many rounds; whether it is done. */
  step(rounds: number): boolean {
    for (let round = 0; round < rounds && this.#left > 0; round++) {
      this.#cipher.expand(this.#keyWords, undefined)
      this.#cipher.expand(this.#saltWords, undefined)
      this.#left -= 1
    }
    return this.#left === 0
  }

  /** The hash in its usual form, when it is done. */
  result(): string {
    const bytes = Buffer.alloc(TEXT.length * 4)
    for (let at = 0; at < TEXT.length; at += 2) {
      let [left, right] = [TEXT[at]!, TEXT[at + 1]!]
      for (let round = 0; round < TEXT_ROUNDS; round++) {
        this.#cipher.encrypt(left, right)
        left = this.#cipher.left
        right = this.#cipher.right
      }
      bytes.writeUInt32BE(left, at * 4)
      bytes.writeUInt32BE(right, at * 4 + 4)
    }
    const cost = String(this.#cost).padStart(2, '0')
    return `$2a$${cost}$${encode64(this.#salt)}${encode64(bytes.subarray(0, HASH_BYTES))}`
  }
}

/** What is needed to hash again as a hash was made; undefined for what is no hash. */
export function readHash(hash: string): { cost: number; salt: Uint8Array } | undefined {
  const parts = HASH.exec(hash)
  const cost = Number(parts?.[1])
  if (parts === null || cost < COST_MIN || cost > COST_MAX) return undefined
  return { cost, salt: decode64(parts[2]!, SALT_BYTES) }
}

/** Whether two hashes are of the same password and salt, in a time that tells nothing. */
export function areEqual(a: string, b: string): boolean {
  const [left, right] = [HASH.exec(a), HASH.exec(b)]
  if (left === null || right === null) return false
  return timingSafeEqual(Buffer.from(left.slice(1).join('$')), Buffer.from(right.slice(1).join('$')))
}

/** Words of four bytes, the first byte the highest; from the front again where bytes are lacking. */
function wordsOf(bytes: Uint8Array, count: number): Uint32Array {
  const words = new Uint32Array(count)
  for (let at = 0; at < count * 4; at++)
    words[at >> 2] = ((words[at >> 2]! << 8) | bytes[at % bytes.length]!) >>> 0
  return words
}

function encode64(bytes: Uint8Array): string {
  let text = ''
  let [held, bits] = [0, 0]
  for (const byte of bytes) {
    held = (held << 8) | byte
    bits += 8
    while (bits >= 6) {
      bits -= 6
      text += ALPHABET[(held >> bits) & 63]
    }
    held &= 0xff
  }
  return bits === 0 ? text : text + ALPHABET[(held << (6 - bits)) & 63]
}

function decode64(text: string, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let [held, bits, at] = [0, 0, 0]
  for (const char of text) {
    held = ((held << 6) | ALPHABET.indexOf(char)) & 0xffff
    bits += 6
    if (bits < 8 || at === length) continue
    bits -= 8
    bytes[at++] = (held >> bits) & 0xff
  }
  return bytes
}
