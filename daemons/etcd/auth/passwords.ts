import { createHash } from 'node:crypto'
import { areEqual, Bcrypt, readHash, SALT_BYTES } from './bcrypt.ts'

/** Passwords that were right are remembered, as hashing takes longer than all else together. */
const REMEMBERED_MAX = 1024
/** Rounds of bcrypt in one turn of the event loop: a few milliseconds. */
const ROUNDS_PER_TURN = 16
/** Hashes that are reckoned at once; each keeps others waiting. */
const AT_ONCE_MAX = 64

/** What passwords need of the outside. */
export interface PasswordEnv {
  randomBytes(length: number): Uint8Array
  /** Calls back in another turn. */
  later(callback: () => void): void
}

/** Hashes passwords and compares them, without keeping others from their turn. */
export class Passwords {
  readonly #env: PasswordEnv
  readonly #cost: number
  /** What was right: digest of hash and password. */
  readonly #right = new Set<string>()
  #atOnce = 0

  constructor(env: PasswordEnv, cost: number) {
    this.#env = env
    this.#cost = cost
  }

  /** A hash to be stored; undefined when too many are asked for at once. */
  hash(password: string, done: (hash: string | undefined) => void): void {
    this.#run(password, this.#env.randomBytes(SALT_BYTES), this.#cost, done)
  }

  /** Whether a password is the one that a hash was made of. */
  check(password: string, hash: string, done: (isRight: boolean) => void): void {
    // A changed password has another hash, so what was right of the old one is never found again.
    const key = createHash('sha256').update(`${hash}\0${password}`).digest('base64')
    if (this.#right.has(key)) {
      done(true)
      return
    }
    const parts = readHash(hash)
    if (parts === undefined) {
      done(false)
      return
    }
    this.#run(password, parts.salt, parts.cost, found => {
      const isRight = found !== undefined && areEqual(found, hash)
      if (isRight) this.#remember(key)
      done(isRight)
    })
  }

  #remember(key: string): void {
    if (this.#right.size >= REMEMBERED_MAX) this.#right.delete(this.#right.values().next().value!)
    this.#right.add(key)
  }

  #run(password: string, salt: Uint8Array, cost: number, done: (hash: string | undefined) => void): void {
    if (this.#atOnce >= AT_ONCE_MAX) {
      this.#env.later(() => done(undefined))
      return
    }
    this.#atOnce += 1
    const work = new Bcrypt(password, salt, cost)
    const go = (): void => {
      if (!work.step(ROUNDS_PER_TURN)) {
        this.#env.later(go)
        return
      }
      this.#atOnce -= 1
      done(work.result())
    }
    this.#env.later(go)
  }
}
