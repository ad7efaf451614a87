/** What a role allows: patterns of keys to read and to write. `null` where the client has given none. */
export interface Permissions {
  kv: { read: string[] | null; write: string[] | null }
}

/** A role as it is stored and shown. */
export interface Role {
  role: string
  permissions: Permissions
}

/** A user as it is stored: with the hash of the password. */
export interface User {
  user: string
  password: string
  roles: string[] | null
}

/** Why a change of users or roles is refused: what the client is told, after `auth: `. */
export class AuthError {
  readonly status: number
  readonly text: string

  constructor(status: number, text: string) {
    this.status = status
    this.text = text
  }
}

/** The name of the user and of the role that may do everything. */
export const ROOT = 'root'
/** The role of those who do not say who they are. */
export const GUEST = 'guest'

/** The role that may do everything; it is not stored. */
export const ROOT_ROLE: Role = { role: ROOT, permissions: { kv: { read: ['/*'], write: ['/*'] } } }
/** What guests may when nobody has said otherwise. */
export const GUEST_ROLE: Role = { role: GUEST, permissions: { kv: { read: ['/*'], write: ['/*'] } } }

/**
 * Whether a role lets a key be read or written (specification §5). A pattern that ends in `*` allows all that begins like
 * it; any other the key that it is.
 *
 * @param recursive wants all below: only a pattern with `*` that covers the key will do
 */
export function allows(role: Role, key: string, isWrite: boolean, recursive: boolean): boolean {
  if (role.role === ROOT) return true
  const patterns = isWrite ? role.permissions.kv.write : role.permissions.kv.read
  return (patterns ?? []).some(pattern => {
    if (pattern.endsWith('*')) return key.startsWith(pattern.slice(0, -1))
    return !recursive && pattern === key
  })
}

/** A user with all its roles: the user root always has the role root. */
export function rolesOf(user: User): string[] {
  const roles = user.roles ?? []
  return user.user === ROOT && !roles.includes(ROOT) ? [...roles, ROOT].toSorted() : roles
}

/** What is to become of a user. */
export interface UserChange {
  /** Hash of the new password; '' leaves it. */
  password: string
  grant: readonly string[]
  revoke: readonly string[]
}

/** The user after a change. */
export function changeUser(user: User, change: UserChange): User | AuthError {
  const roles = new Set(user.roles ?? [])
  for (const role of change.grant) {
    if (roles.has(role)) return new AuthError(409, `Granting duplicate role ${role} for user ${user.user}`)
    roles.add(role)
  }
  for (const role of change.revoke) {
    if (!roles.delete(role))
      return new AuthError(409, `Revoking ungranted role ${role} for user ${user.user}`)
  }
  if (change.password === '' && change.grant.length === 0 && change.revoke.length === 0)
    return new AuthError(400, 'User not updated. Use grant/revoke/password to update the user.')
  const password = change.password === '' ? user.password : change.password
  return { user: user.user, password, roles: [...roles].toSorted() }
}

/** The role after patterns were granted and revoked; one that was not granted is revoked without a word. */
export function changeRole(role: Role, grant: Permissions, revoke: Permissions): Role | AuthError {
  const merged: Permissions = { kv: { read: null, write: null } }
  for (const kind of ['read', 'write'] as const) {
    const patterns = new Set(role.permissions.kv[kind] ?? [])
    for (const pattern of grant.kv[kind] ?? []) {
      if (patterns.has(pattern)) return new AuthError(409, `Granting duplicate ${kind} permission ${pattern}`)
      patterns.add(pattern)
    }
    for (const pattern of revoke.kv[kind] ?? []) patterns.delete(pattern)
    merged.kv[kind] = [...patterns].toSorted()
  }
  const isSame = (['read', 'write'] as const).every(
    kind => JSON.stringify(merged.kv[kind]) === JSON.stringify((role.permissions.kv[kind] ?? []).toSorted()),
  )
  if (isSame) return new AuthError(400, 'Role not updated. Use grant/revoke to update the role.')
  return { role: role.role, permissions: merged }
}

/** Name and password of `Authorization: Basic …`; undefined for anything else. */
export function readBasic(header: string): { user: string; password: string } | undefined {
  const parts = /^basic ([a-z0-9+/]+=*)$/i.exec(header)
  if (parts === null) return undefined
  const text = Buffer.from(parts[1]!, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon < 0 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) }
}
