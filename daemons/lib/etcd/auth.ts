import type { Perform } from './client.ts'
import { ApiError } from './errors.ts'
import { type EtcdRequest, jsonRequest } from './request.ts'
import { decodeApiError, decodeRole, decodeUser, listUnder, parse, type Reply } from './response.ts'
import type { Role, User } from './types.ts'

/** Which access a pattern is granted for. */
export type Access = 'read' | 'write' | 'readwrite'

const AUTH = '/v2/auth'
const NONE = { kv: { read: null, write: null } }

/** Users and roles. Each call may throw ApiError, ProtocolError and what `EtcdClient.perform` throws. */
export class AuthClient {
  readonly #perform: Perform

  constructor(perform: Perform) {
    this.#perform = perform
  }

  /** From now on the cluster asks who somebody is. */
  async enable(signal?: AbortSignal): Promise<void> {
    await this.#send(jsonRequest('PUT', `${AUTH}/enable`), signal)
  }

  /** From now on everybody may do everything. */
  async disable(signal?: AbortSignal): Promise<void> {
    await this.#send(jsonRequest('DELETE', `${AUTH}/enable`), signal)
  }

  /** Names of the users. */
  async listUsers(signal?: AbortSignal): Promise<string[]> {
    const reply = await this.#send(jsonRequest('GET', `${AUTH}/users`), signal)
    return listUnder(parse(reply.body), 'users').map(user => decodeUser(user).user)
  }

  /** One user. */
  async getUser(name: string, signal?: AbortSignal): Promise<User> {
    return decodeUser(parse((await this.#send(jsonRequest('GET', userPath(name)), signal)).body))
  }

  /** Makes a user; one that exists gets the new password. */
  async addUser(name: string, password: string, signal?: AbortSignal): Promise<void> {
    // An empty password is left out, and the server then names the fault.
    const user = { user: name, password: password || undefined, roles: null }
    await this.#send(jsonRequest('PUT', userPath(name), user), signal)
  }

  /**
   * Gives a user a new password. A user that does not exist is made by the server; that is told as an error, since
   * nobody meant it (the original fails with an empty message).
   */
  async changePassword(name: string, password: string, signal?: AbortSignal): Promise<void> {
    const user = { user: name, password: password || undefined, roles: null }
    const { status } = await this.#send(jsonRequest('PUT', userPath(name), user), signal)
    if (status === 201) throw new ApiError(status, `auth: User ${name} did not exist and was created.`)
  }

  /** Forgets a user. */
  async removeUser(name: string, signal?: AbortSignal): Promise<void> {
    await this.#send(jsonRequest('DELETE', userPath(name)), signal)
  }

  /** Gives a user roles, or takes them. */
  async changeRoles(
    change: 'grant' | 'revoke',
    name: string,
    roles: readonly string[],
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#send(jsonRequest('PUT', userPath(name), { user: name, roles: null, [change]: roles }), signal)
  }

  /** Names of the roles. */
  async listRoles(signal?: AbortSignal): Promise<string[]> {
    const reply = await this.#send(jsonRequest('GET', `${AUTH}/roles`), signal)
    return listUnder(parse(reply.body), 'roles').map(role => decodeRole(role).role)
  }

  /** One role. */
  async getRole(name: string, signal?: AbortSignal): Promise<Role> {
    return decodeRole(parse((await this.#send(jsonRequest('GET', rolePath(name)), signal)).body))
  }

  /** Makes a role that may do nothing. */
  async addRole(name: string, signal?: AbortSignal): Promise<void> {
    await this.#send(jsonRequest('PUT', rolePath(name), { role: name, permissions: NONE }), signal)
  }

  /** Forgets a role. */
  async removeRole(name: string, signal?: AbortSignal): Promise<void> {
    await this.#send(jsonRequest('DELETE', rolePath(name)), signal)
  }

  /** Lets a role reach keys that match a pattern, or no more. */
  async changeAccess(
    change: 'grant' | 'revoke',
    name: string,
    pattern: string,
    access: Access,
    signal?: AbortSignal,
  ): Promise<Role> {
    const read = access === 'write' ? null : [pattern]
    const write = access === 'read' ? null : [pattern]
    const content = { role: name, permissions: NONE, [change]: { kv: { read, write } } }
    return decodeRole(parse((await this.#send(jsonRequest('PUT', rolePath(name), content), signal)).body))
  }

  async #send(request: EtcdRequest, signal: AbortSignal | undefined): Promise<Reply> {
    const reply = await this.#perform(request, signal)
    if (reply.status !== 200 && reply.status !== 201) throw decodeApiError(reply)
    return reply
  }
}

function userPath(name: string): string {
  return `${AUTH}/users/${name}`
}

function rolePath(name: string): string {
  return `${AUTH}/roles/${name}`
}
