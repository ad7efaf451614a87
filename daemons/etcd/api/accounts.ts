import { jsonMessage, methodNotAllowed, notFound, type Reply } from '#lib/http/reply.ts'
import type { Request } from '#lib/http/request.ts'
import type { Response } from '#lib/http/response.ts'
import type { Accounts, Outcome } from '../auth/accounts.ts'
import type { Guard } from '../auth/guard.ts'
import type { Passwords } from '../auth/passwords.ts'
import {
  AuthError,
  changeRole,
  changeUser,
  type Permissions,
  ROOT,
  type Role,
  rolesOf,
  type User,
} from '../auth/rules.ts'
import { StoreError } from '../store/errors.ts'
import { quote } from '../store/quote.ts'
import { type ApiContext, clusterHeader, jsonReply, send } from './context.ts'

/** Where users and roles are. */
export const AUTH = '/v2/auth'
const NO_PERMISSIONS: Permissions = { kv: { read: null, write: null } }
const DONE: Reply = { status: 200, headers: 'Content-Type: application/json\r\n', body: '' }
/** To whoever may not. */
export const INSUFFICIENT = jsonMessage(401, 'Insufficient credentials')

interface UserRequest {
  user?: string
  password?: string
  roles?: string[] | null
  grant?: string[] | null
  revoke?: string[] | null
}

interface RoleRequest {
  role?: string
  permissions?: Partial<Permissions>
  grant?: Partial<Permissions> | null
  revoke?: Partial<Permissions> | null
}

/** `/v2/auth` (specification §5): users, roles, and whether they are asked for. */
export class AccountsPart {
  readonly #accounts: Accounts
  readonly #passwords: Passwords
  readonly #guard: Guard
  readonly #head: string

  constructor({ service }: ApiContext, accounts: Accounts, passwords: Passwords, guard: Guard) {
    this.#accounts = accounts
    this.#passwords = passwords
    this.#guard = guard
    this.#head = clusterHeader(service)
  }

  answer(request: Request, response: Response, cors: string): void {
    const [kind = '', name, ...more] = request.path
      .slice(AUTH.length + 1)
      .replace(/\/$/, '')
      .split('/')
    const { method } = request
    if (kind === '' || more.length > 0) {
      send(response, cors, kind === '' ? notFound() : jsonMessage(400, 'Invalid path'))
      return
    }
    const isFree = kind === 'enable' && method === 'GET'
    const go = (may: boolean): void => {
      if (!may) send(response, cors, INSUFFICIENT)
      else
        void this.#reply(request, kind, name).then(reply =>
          send(response, cors, reply, reply.status === 405 ? '' : this.#head),
        )
    }
    if (isFree) go(true)
    else this.#guard.mayManage(request, go)
  }

  async #reply(request: Request, kind: string, name: string | undefined): Promise<Reply> {
    const { method } = request
    if (kind === 'enable' && name === undefined) return await this.#enable(method)
    if (kind === 'users') {
      if (name !== undefined) return await this.#user(request, name)
      return method === 'GET' ? this.#users() : methodNotAllowed(['GET'])
    }
    if (kind === 'roles') {
      if (name !== undefined) return await this.#role(request, name)
      return method === 'GET' ? this.#roles() : methodNotAllowed(['GET'])
    }
    return jsonMessage(400, 'Invalid path')
  }

  async #enable(method: string): Promise<Reply> {
    if (method === 'GET') return jsonReply(200, `{"enabled":${this.#accounts.isEnabled}}\n`)
    if (method !== 'PUT' && method !== 'DELETE') return methodNotAllowed(['GET', 'PUT', 'DELETE'])
    return replyOf(method === 'PUT' ? await this.#accounts.enable() : await this.#accounts.disable())
  }

  #users(): Reply {
    const users: string[] = []
    for (const name of this.#accounts.userNames()) {
      const user = this.#accounts.user(name)
      const shown = user === undefined ? undefined : this.#renderUser(user)
      if (shown instanceof AuthError) return replyOf(shown)
      if (shown !== undefined) users.push(shown)
    }
    return jsonReply(200, `{"users":${users.length === 0 ? 'null' : `[${users.join(',')}]`}}\n`)
  }

  #roles(): Reply {
    const roles = this.#accounts.roleNames().flatMap(name => this.#accounts.role(name) ?? [])
    return jsonReply(200, `{"roles":[${roles.map(renderRole).join(',')}]}\n`)
  }

  async #user(request: Request, name: string): Promise<Reply> {
    if (request.method === 'GET') {
      const user = this.#accounts.user(name)
      if (user === undefined) return replyOf(new AuthError(404, `User ${name} does not exist.`))
      const shown = this.#renderUser(user)
      return shown instanceof AuthError ? replyOf(shown) : jsonReply(200, `${shown}\n`)
    }
    if (request.method === 'DELETE') return replyOf(await this.#accounts.removeUser(name))
    if (request.method !== 'PUT') return methodNotAllowed(['GET', 'PUT', 'DELETE'])
    const wanted = readJson<UserRequest>(request)
    if (wanted === undefined) return jsonMessage(400, 'Invalid JSON in request body.')
    if (wanted.user !== name) return jsonMessage(400, 'User JSON name does not match the name in the URL')
    const isChange = (wanted.grant ?? wanted.revoke ?? undefined) !== undefined
    if (wanted.roles && isChange) return jsonMessage(400, 'User JSON contains both roles and grant/revoke')
    const known = this.#accounts.user(name)
    if (!isChange && (known === undefined || (wanted.roles ?? []).length > 0))
      return await this.#addUser(wanted, name, known)
    return await this.#changeUser(wanted, name, known)
  }

  async #addUser(wanted: UserRequest, name: string, known: User | undefined): Promise<Reply> {
    if (known !== undefined) return replyOf(new AuthError(409, `User ${name} already exists.`))
    if (!wanted.password)
      return replyOf(new AuthError(400, `Cannot create user ${name} with an empty password`))
    const password = await this.#hash(wanted.password)
    if (password === undefined) return jsonMessage(500, 'too many passwords are being hashed')
    const roles = wanted.roles ? [...wanted.roles].toSorted() : null
    const outcome = await this.#accounts.addUser({ user: name, password, roles })
    if (outcome !== undefined) return replyOf(outcome)
    return jsonReply(roles === null ? 201 : 200, renderStored({ user: name, password, roles }))
  }

  async #changeUser(wanted: UserRequest, name: string, known: User | undefined): Promise<Reply> {
    if (known === undefined) return replyOf(new AuthError(404, `User ${name} does not exist.`))
    const password = wanted.password ? await this.#hash(wanted.password) : ''
    if (password === undefined) return jsonMessage(500, 'too many passwords are being hashed')
    const { grant, revoke } = wanted
    const changed = changeUser(known, { password, grant: grant ?? [], revoke: revoke ?? [] })
    if (changed instanceof AuthError) return replyOf(changed)
    const outcome = await this.#accounts.putUser(changed)
    return outcome === undefined ? jsonReply(200, renderStored(changed)) : replyOf(outcome)
  }

  async #role(request: Request, name: string): Promise<Reply> {
    if (request.method === 'GET') {
      const role = this.#accounts.role(name)
      if (role === undefined) return replyOf(new AuthError(404, `Role ${name} does not exist.`))
      return jsonReply(200, `${renderRole(role)}\n`)
    }
    if (request.method === 'DELETE') return replyOf(await this.#accounts.removeRole(name))
    if (request.method !== 'PUT') return methodNotAllowed(['GET', 'PUT', 'DELETE'])
    const wanted = readJson<RoleRequest>(request)
    if (wanted === undefined) return jsonMessage(400, 'Invalid JSON in request body.')
    if (wanted.role !== name) return jsonMessage(400, 'Role JSON name does not match the name in the URL')
    const permissions = complete(wanted.permissions)
    if (wanted.grant || wanted.revoke) {
      if ((permissions.kv.read ?? []).length > 0 || (permissions.kv.write ?? []).length > 0)
        return jsonMessage(400, 'Role JSON contains both permissions and grant/revoke')
      return await this.#changeRole(name, complete(wanted.grant), complete(wanted.revoke))
    }
    const role = { role: name, permissions }
    const outcome = await this.#accounts.addRole(role)
    return outcome === undefined ? jsonReply(201, `${renderRole(role)}\n`) : replyOf(outcome)
  }

  async #changeRole(name: string, grant: Permissions, revoke: Permissions): Promise<Reply> {
    if (name === ROOT) return replyOf(new AuthError(403, 'Cannot modify role root: is root role.'))
    const known = this.#accounts.role(name)
    if (known === undefined) return replyOf(new AuthError(404, `Role ${name} does not exist.`))
    const changed = changeRole(known, grant, revoke)
    if (changed instanceof AuthError) return replyOf(changed)
    const outcome = await this.#accounts.putRole(changed)
    return outcome === undefined ? jsonReply(200, `${renderRole(changed)}\n`) : replyOf(outcome)
  }

  /** A user with what its roles allow. */
  #renderUser({ user, roles }: User): string | AuthError {
    const shown: string[] = []
    for (const name of roles ?? []) {
      const role = this.#accounts.role(name)
      if (role === undefined) return new AuthError(404, `Role ${name} does not exist.`)
      shown.push(renderRole(role))
    }
    return `{"user":${quote(user)}${shown.length === 0 ? '' : `,"roles":[${shown.join(',')}]`}}`
  }

  #hash(password: string): Promise<string | undefined> {
    return new Promise(done => this.#passwords.hash(password, done))
  }
}

function replyOf(outcome: Outcome): Reply {
  if (outcome === undefined) return DONE
  if (outcome instanceof AuthError) return jsonMessage(outcome.status, `auth: ${outcome.text}`)
  if (outcome instanceof StoreError) return jsonMessage(500, 'Internal Server Error')
  return jsonMessage(500, outcome.text)
}

function readJson<T>(request: Request): T | undefined {
  try {
    const value: unknown = JSON.parse(request.body.toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as T) : undefined
  } catch {
    return undefined
  }
}

function complete(permissions: Partial<Permissions> | null | undefined): Permissions {
  const { read = null, write = null } = permissions?.kv ?? NO_PERMISSIONS.kv
  return { kv: { read, write } }
}

function renderRole({ role, permissions }: Role): string {
  const list = (patterns: string[] | null) =>
    patterns === null ? 'null' : `[${patterns.map(quote).join(',')}]`
  const { read, write } = permissions.kv
  return `{"role":${quote(role)},"permissions":{"kv":{"read":${list(read)},"write":${list(write)}}}}`
}

function renderStored(of: User): string {
  const { user } = of
  const roles = user === ROOT ? rolesOf(of) : of.roles
  return `{"user":${quote(user)},"roles":${roles === null ? 'null' : `[${roles.map(quote).join(',')}]`}}\n`
}
