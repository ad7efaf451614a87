import { Failure, type MemberService } from '../member/service.ts'
import { KEY_EXISTS, KEY_NOT_FOUND, StoreError } from '../store/errors.ts'
import type { Event } from '../store/event.ts'
import type { Operation } from '../store/operation.ts'
import { AUTH_PREFIX } from '../store/path.ts'
import { AuthError, GUEST, GUEST_ROLE, ROOT, ROOT_ROLE, type Role, rolesOf, type User } from './rules.ts'

/** What a change led to; undefined: it is made. */
export type Outcome = AuthError | Failure | StoreError | undefined

const USERS = `${AUTH_PREFIX}/users`
const ROLES = `${AUTH_PREFIX}/roles`
const ENABLED = `${AUTH_PREFIX}/enabled`

/**
 * Users and roles, kept in the store like the original keeps them: as JSON below `/2`, in folders that the first change
 * makes. So they are replicated like all else, and take their share of the indexes.
 */
export class Accounts {
  readonly #service: MemberService
  #isPrepared = false

  constructor(service: MemberService) {
    this.#service = service
  }

  /** Whether users are asked for. Looked up for every request, as another member may have changed it. */
  get isEnabled(): boolean {
    return this.#find(ENABLED)?.value === 'true'
  }

  /** A user with all its roles. */
  user(name: string): User | undefined {
    const text = this.#find(`${USERS}/${name}`)?.value
    if (text === undefined) return undefined
    const user = JSON.parse(text) as User
    return { ...user, roles: user.user === ROOT ? rolesOf(user) : user.roles }
  }

  role(name: string): Role | undefined {
    if (name === ROOT) return ROOT_ROLE
    const text = this.#find(`${ROLES}/${name}`)?.value
    return text === undefined ? undefined : (JSON.parse(text) as Role)
  }

  /** Names of the users, sorted. */
  userNames(): string[] {
    return this.#names(USERS)
  }

  /** Names of the roles, sorted; root is always among them. */
  roleNames(): string[] {
    return [...new Set([...this.#names(ROLES), ROOT])].toSorted()
  }

  async addUser(user: User): Promise<Outcome> {
    const made = await this.#create(`${USERS}/${user.user}`, user)
    return isCode(made, KEY_EXISTS) ? new AuthError(409, `User ${user.user} already exists.`) : made
  }

  async putUser(user: User): Promise<Outcome> {
    return await this.#update(`${USERS}/${user.user}`, JSON.stringify(user))
  }

  async removeUser(name: string): Promise<Outcome> {
    if (this.isEnabled && name === ROOT)
      return new AuthError(403, 'Cannot delete root user while auth is enabled.')
    const gone = await this.#remove(`${USERS}/${name}`)
    return isCode(gone, KEY_NOT_FOUND) ? new AuthError(404, `User ${name} does not exist`) : gone
  }

  async addRole(role: Role): Promise<Outcome> {
    if (role.role === ROOT) return isRootRole()
    const made = await this.#create(`${ROLES}/${role.role}`, role)
    return isCode(made, KEY_EXISTS) ? new AuthError(409, `Role ${role.role} already exists.`) : made
  }

  async putRole(role: Role): Promise<Outcome> {
    return await this.#update(`${ROLES}/${role.role}`, JSON.stringify(role))
  }

  async removeRole(name: string): Promise<Outcome> {
    if (name === ROOT) return isRootRole()
    const gone = await this.#remove(`${ROLES}/${name}`)
    return isCode(gone, KEY_NOT_FOUND) ? new AuthError(404, `Role ${name} doesn't exist.`) : gone
  }

  async enable(): Promise<Outcome> {
    if (this.isEnabled) return new AuthError(409, 'already enabled')
    await this.#prepare()
    if (this.user(ROOT) === undefined) return new AuthError(409, 'No root user available, please create one')
    if (this.role(GUEST) === undefined) {
      const made = await this.addRole(GUEST_ROLE)
      if (made !== undefined && !(made instanceof AuthError)) return made
    }
    return await this.#update(ENABLED, 'true')
  }

  async disable(): Promise<Outcome> {
    if (!this.isEnabled) return new AuthError(409, 'already disabled')
    return await this.#update(ENABLED, 'false')
  }

  /** Makes the folders, the first time that something is kept in them. */
  async #prepare(): Promise<void> {
    if (this.#isPrepared) return
    for (const path of [AUTH_PREFIX, USERS, ROLES]) await this.#make(path, true, '')
    await this.#make(ENABLED, false, 'false')
    this.#isPrepared = true
  }

  async #create(path: string, content: object): Promise<Outcome> {
    await this.#prepare()
    return await this.#make(path, false, JSON.stringify(content))
  }

  async #make(path: string, dir: boolean, value: string): Promise<Outcome> {
    if (this.#find(path) !== undefined) return new StoreError(KEY_EXISTS, path, this.#service.store.index)
    return await this.#change({ type: 'create', path, dir, value, expiresAtMs: 0, unique: false })
  }

  async #update(path: string, value: string): Promise<Outcome> {
    return await this.#change({ type: 'update', path, value, expiresAtMs: 0, refresh: false })
  }

  async #remove(path: string): Promise<Outcome> {
    await this.#prepare()
    return await this.#change({ type: 'delete', path, dir: false, recursive: false })
  }

  async #change(operation: Operation): Promise<Outcome> {
    const result = await new Promise<Event | StoreError | Failure | undefined>(done =>
      this.#service.write(operation, done),
    )
    return result instanceof StoreError || result instanceof Failure ? result : undefined
  }

  #find(path: string) {
    return this.#service.store.state.tree.find(path)
  }

  #names(path: string): string[] {
    return [...(this.#find(path)?.children?.keys() ?? [])].toSorted()
  }
}

function isRootRole(): AuthError {
  return new AuthError(403, 'Cannot modify role root: is root role.')
}

function isCode(outcome: Outcome, code: number): boolean {
  return outcome instanceof StoreError && outcome.code === code
}
