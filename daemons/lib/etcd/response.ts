import { ApiError, EtcdError, ProtocolError } from './errors.ts'
import type { EtcdNode, KeysResponse, Member, Role, User } from './types.ts'

/** An answer as it came. */
export interface Reply {
  status: number
  /** Header by its lower-case name, or undefined. */
  header(name: string): string | undefined
  body: string
}

type Fields = Readonly<Record<string, unknown>>

/** Whether the member ended a watch without an event: it stops, or the watcher was too slow. Ask again. */
export function isEmptyAnswer(reply: Reply): boolean {
  return isSuccess(reply.status) && reply.body.length === 0
}

/**
 * Reads the answer to an operation on keys.
 *
 * @throws EtcdError what the member answered
 * @throws ProtocolError for what is no answer of etcd
 */
export function decodeKeys(reply: Reply): KeysResponse {
  if (isSuccess(reply.status) && reply.body.length === 0)
    throw new ProtocolError('client: response body is empty')
  const fields = objectOf(parse(reply.body))
  if (!isSuccess(reply.status)) {
    const { errorCode, message, cause, index } = fields
    throw new EtcdError(numberOf(errorCode), textOf(message), textOf(cause), numberOf(index))
  }
  return {
    action: textOf(fields['action']),
    node: decodeNode(fields['node']),
    prevNode: isMissing(fields['prevNode']) ? null : decodeNode(fields['prevNode']),
    index: indexOf(reply.header('x-etcd-index')),
  }
}

/**
 * Reads a member or a list of them.
 *
 * @throws ProtocolError for what is none
 */
export function decodeMembers(reply: Reply): Member[] {
  expectStatus(reply, 200)
  const { members } = objectOf(parse(reply.body))
  return listOf(members).map(decodeMember)
}

/** As `decodeMembers`, for an answer that holds one. */
export function decodeMember(value: unknown): Member {
  const { id, name, peerURLs, clientURLs } = objectOf(value)
  return {
    id: textOf(id),
    name: textOf(name),
    peerURLs: listOf(peerURLs).map(textOf),
    clientURLs: listOf(clientURLs).map(textOf),
  }
}

/**
 * Demands one of some statuses.
 *
 * @throws ProtocolError naming the status that came
 */
export function expectStatus(reply: Reply, ...statuses: number[]): void {
  if (!statuses.includes(reply.status)) throw new ProtocolError(`unexpected status code ${reply.status}`)
}

/**
 * The error that the members or auth API put into words.
 *
 * @throws ProtocolError when there are none
 */
export function decodeApiError(reply: Reply): ApiError {
  return new ApiError(reply.status, textOf(objectOf(parse(reply.body))['message']))
}

/** Reads any JSON body. @throws ProtocolError when it is none */
export function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    throw new ProtocolError()
  }
}

/** Reads a user; its roles come as names or as role objects. */
export function decodeUser(value: unknown): User {
  const { user, roles } = objectOf(value)
  const names = listOf(roles).map(role => textOf(typeof role === 'string' ? role : objectOf(role)['role']))
  return { user: textOf(user), roles: names }
}

/** Reads a role. */
export function decodeRole(value: unknown): Role {
  const { role, permissions } = objectOf(value)
  const { kv } = objectOf(permissions ?? {})
  const { read, write } = objectOf(kv ?? {})
  const patterns = (list: unknown): string[] | null => (isMissing(list) ? null : listOf(list).map(textOf))
  return { role: textOf(role), read: patterns(read), write: patterns(write) }
}

/** The list behind a name of an object; empty when absent or null. */
export function listUnder(value: unknown, name: string): readonly unknown[] {
  return listOf(objectOf(value)[name])
}

function decodeNode(value: unknown): EtcdNode {
  const fields = objectOf(value ?? {})
  const { nodes, expiration } = fields
  return {
    key: textOf(fields['key']),
    dir: fields['dir'] === true,
    value: textOf(fields['value']),
    nodes: isMissing(nodes) ? null : listOf(nodes).map(decodeNode),
    createdIndex: numberOf(fields['createdIndex']),
    modifiedIndex: numberOf(fields['modifiedIndex']),
    expiration: isMissing(expiration) ? undefined : textOf(expiration),
    ttl: numberOf(fields['ttl']),
  }
}

function isSuccess(status: number): boolean {
  return status === 200 || status === 201
}

function isMissing(value: unknown): value is null | undefined {
  return value === null || value === undefined
}

function objectOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ProtocolError()
  return value as Fields
}

function listOf(value: unknown): readonly unknown[] {
  if (isMissing(value)) return []
  if (!Array.isArray(value)) throw new ProtocolError()
  return value
}

function textOf(value: unknown): string {
  if (isMissing(value)) return ''
  if (typeof value !== 'string') throw new ProtocolError()
  return value
}

function numberOf(value: unknown): number {
  if (isMissing(value)) return 0
  if (typeof value !== 'number') throw new ProtocolError()
  return value
}

function indexOf(header: string | undefined): number {
  if (header === undefined || header === '') return 0
  if (!/^\d{1,20}$/.test(header)) throw new ProtocolError(`client: bad X-Etcd-Index header: ${header}`)
  return Number(header)
}
