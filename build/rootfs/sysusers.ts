import { UserError } from '#lib/errors.ts'
import { type Accounts, parseId, parseName } from './accounts.ts'

/**
 * One line of sysusers.d(5). `id` undefined means: any. A user's primary group is its own name's unless `group`
 * names or numbers another.
 */
export type SysusersLine =
  | {
      type: 'user'
      name: string
      id: number | undefined
      group: string | number | undefined
      gecos: string
      home: string
      shell: string
      place: string
    }
  | { type: 'group'; name: string; id: number | undefined; place: string }
  | { type: 'member'; name: string; group: string; place: string }

const NO_LOGIN = '/usr/sbin/nologin'

/**
 * Parses one sysusers.d file. `u! … ` (locked) means the same here: nobody has a password anyway. Ranges (`r`)
 * are ignored, ids come from our own table.
 */
export function parseSysusers(text: string, file: string): SysusersLine[] {
  return text.split('\n').flatMap((line, index): SysusersLine[] => {
    const place = `${file}:${index + 1}`
    const words = splitWords(line)
    if (words.length === 0) return []
    const [type, name, id, gecos, home, shell] = words.map(word => (word === '-' ? undefined : word))
    switch (type) {
      case 'u':
      case 'u!': {
        const [uid, group] = id === undefined ? [] : id.split(':')
        return [
          {
            type: 'user',
            name: parseName(name ?? '', place),
            id: uid === undefined || uid === '-' ? undefined : parseId(uid, place),
            group: group === undefined ? undefined : /^\d+$/.test(group) ? parseId(group, place) : group,
            gecos: gecos ?? '',
            home: home ?? '/',
            shell: shell ?? NO_LOGIN,
            place,
          },
        ]
      }
      case 'g':
        return [
          {
            type: 'group',
            name: parseName(name ?? '', place),
            id: id === undefined ? undefined : parseId(id, place),
            place,
          },
        ]
      case 'm':
        return [
          { type: 'member', name: parseName(name ?? '', place), group: parseName(id ?? '', place), place },
        ]
      case 'r':
        return []
      default:
        throw new UserError(`${place}: "${type}" is not a type of line that is known here (u, u!, g, m, r)`)
    }
  })
}

/** Our table of ids that were given out once and never move, since files on a machine's disk carry them. */
export interface FixedIds {
  users: Map<string, number>
  groups: Map<string, number>
}

/**
 * Adds what the lines ask for. An account that exists already stays as it is: the first definition counts.
 *
 * @param idsFile name of the id table for messages
 * @throws UserError when an account without a number of its own is missing in the id table
 */
export function applySysusers(
  accounts: Accounts,
  lines: SysusersLine[],
  ids: FixedIds,
  idsFile: string,
): void {
  const { users, groups } = accounts
  const addGroup = (name: string, id: number | undefined, place: string) => {
    if (!groups.has(name))
      groups.set(name, { name, gid: id ?? fixedId('groups', name, place, ids, idsFile), members: [] })
  }
  // groups before users, members last: as systemd does, whatever the order of the files
  for (const line of lines) if (line.type === 'group') addGroup(line.name, line.id, line.place)
  for (const line of lines) {
    if (line.type !== 'user' || users.has(line.name)) continue
    const { name, gecos, home, shell, place } = line
    const uid = line.id ?? fixedId('users', name, place, ids, idsFile)
    if (line.group === undefined) addGroup(name, uid, place)
    const gid = typeof line.group === 'number' ? line.group : groups.get(line.group ?? name)?.gid
    if (gid === undefined) throw new UserError(`${place}: there is no group ${line.group}`)
    users.set(name, { name, uid, gid, gecos, home, shell })
  }
  for (const line of lines) if (line.type === 'member') addMember(accounts, line.name, line.group, line.place)
}

/** Puts a user into a group; both must be there. */
export function addMember(accounts: Accounts, user: string, group: string, place: string): void {
  const found = accounts.groups.get(group)
  if (found === undefined) throw new UserError(`${place}: there is no group ${group}`)
  if (!accounts.users.has(user)) throw new UserError(`${place}: there is no user ${user}`)
  if (!found.members.includes(user)) found.members.push(user)
}

function fixedId(
  kind: 'users' | 'groups',
  name: string,
  place: string,
  ids: FixedIds,
  idsFile: string,
): number {
  const id = ids[kind].get(name) ?? (kind === 'groups' ? ids.users.get(name) : undefined)
  if (id !== undefined) return id
  throw new UserError(
    `${place} asks for ${kind === 'users' ? 'the user' : 'the group'} ${name}, which has no number in ${idsFile}`,
    `add "${name}": ${nextFree(ids)} to its "${kind}"; a number once released must never change`,
  )
}

/** The number to give out next: one above the highest given. */
function nextFree(ids: FixedIds): number {
  return Math.max(99, ...ids.users.values(), ...ids.groups.values()) + 1
}

/** Accounts as sysusers.d text with every number fixed, so that a machine that adds them later uses the same. */
export function formatSysusers(accounts: Accounts): string {
  const groups = [...accounts.groups.values()].sort((a, b) => a.gid - b.gid)
  const users = [...accounts.users.values()].sort((a, b) => a.uid - b.uid)
  return [
    '# Made by the image builder: every account with its fixed number.',
    ...groups.map(group => `g ${group.name} ${group.gid}`),
    ...users.map(u => `u ${u.name} ${u.uid}:${u.gid} "${u.gecos}" ${u.home} ${u.shell}`),
    ...groups.flatMap(group => group.members.toSorted().map(member => `m ${member} ${group.name}`)),
    '',
  ].join('\n')
}

/** The words of a line; double or single quotes hold words together, `#` starts a comment line. */
function splitWords(line: string): string[] {
  if (/^\s*(#|$)/.test(line)) return []
  const words = line.match(/"[^"]*"|'[^']*'|\S+/g) ?? []
  return words.map(word => (/^["']/.test(word) ? word.slice(1, -1) : word))
}
