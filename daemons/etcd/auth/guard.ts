import type { Request } from '#lib/http/request.ts'
import type { Accounts } from './accounts.ts'
import type { Passwords } from './passwords.ts'
import { allows, GUEST, ROOT, readBasic, rolesOf, type User } from './rules.ts'

/** Judges who may do what (specification §5). Answers at once where no password has to be hashed. */
export class Guard {
  readonly #accounts: Accounts
  readonly #passwords: Passwords
  /** A client's certificate names a user. */
  readonly #certificates: boolean

  constructor(accounts: Accounts, passwords: Passwords, certificates: boolean) {
    this.#accounts = accounts
    this.#passwords = passwords
    this.#certificates = certificates
  }

  /** Whether everybody may do everything. */
  get isOpen(): boolean {
    return !this.#accounts.isEnabled
  }

  /** Whether a request may read or write a key, given as the path after `/v2/keys`. */
  mayUse(
    request: Request,
    key: string,
    isWrite: boolean,
    recursive: boolean,
    done: (may: boolean) => void,
  ): void {
    if (this.isOpen) {
      done(true)
      return
    }
    this.#whoIs(request, user => {
      if (user === 'guest') {
        const role = this.#accounts.role(GUEST)
        done(role !== undefined && allows(role, key, isWrite, false))
      } else if (user === undefined) done(false)
      else
        done(
          rolesOf(user).some(name => {
            const role = this.#accounts.role(name)
            return role !== undefined && allows(role, key, isWrite, recursive)
          }),
        )
    })
  }

  /** Whether a request comes from somebody with the role root. */
  mayManage(request: Request, done: (may: boolean) => void): void {
    if (this.isOpen) {
      done(true)
      return
    }
    this.#whoIs(request, user => {
      done(user !== undefined && user !== 'guest' && rolesOf(user).includes(ROOT))
    })
  }

  /** Who asks: a user who has proved it, a guest who names nobody, or undefined for a proof that failed. */
  #whoIs(request: Request, done: (user: User | 'guest' | undefined) => void): void {
    const header = request.header('authorization')
    if (header === undefined) {
      const name = this.#certificates ? (request.clientCertificate?.commonName ?? '') : ''
      const user = name === '' ? undefined : this.#accounts.user(name)
      done(user ?? 'guest')
      return
    }
    const claim = readBasic(header)
    const user = claim === undefined ? undefined : this.#accounts.user(claim.user)
    if (claim === undefined || user === undefined) done(undefined)
    else this.#passwords.check(claim.password, user.password, isRight => done(isRight ? user : undefined))
  }
}
