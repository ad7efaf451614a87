import { UserError } from '#lib/errors.ts'

/** A user as /etc/passwd tells it. */
export interface User {
  name: string
  uid: number
  gid: number
  gecos: string
  home: string
  shell: string
}

/** A group as /etc/group tells it. */
export interface Group {
  name: string
  gid: number
  members: string[]
}

/** The users and groups of an image, each by name. */
export interface Accounts {
  users: Map<string, User>
  groups: Map<string, Group>
}

/** The highest id: 65535 means "no change" to the kernel's 16-bit calls. */
const ID_MAX = 65534

/** What a name may be: systemd's strict rule, so that every tool takes it. */
const NAME = /^[a-z_][a-z0-9_-]{0,30}$/i

/** Parses a passwd file; passwords in it are ignored. */
export function parsePasswd(text: string, file: string): User[] {
  return fieldLines(text, file, 7).map(({ fields, place }) => ({
    name: parseName(fields[0]!, place),
    uid: parseId(fields[2]!, place),
    gid: parseId(fields[3]!, place),
    gecos: fields[4]!,
    home: fields[5]!,
    shell: fields[6]!,
  }))
}

/** Parses a group file. base-passwd's master leaves out the last colon, which is allowed here too. */
export function parseGroup(text: string, file: string): Group[] {
  return fieldLines(text, file, 4).map(({ fields, place }) => ({
    name: parseName(fields[0]!, place),
    gid: parseId(fields[2]!, place),
    members: fields[3]!.split(',').filter(member => member !== ''),
  }))
}

/**
 * The four account files as bytes of text, sorted by id. Nobody has a password: `*` never matches, and unlike `!`
 * it does not stop a login by key.
 */
export function formatAccounts(accounts: Accounts): {
  passwd: string
  group: string
  shadow: string
  gshadow: string
} {
  const users = [...accounts.users.values()].sort((a, b) => a.uid - b.uid)
  const groups = [...accounts.groups.values()].sort((a, b) => a.gid - b.gid)
  const lines = <T>(items: T[], line: (item: T) => string) => items.map(item => `${line(item)}\n`).join('')
  return {
    passwd: lines(users, u => [u.name, 'x', u.uid, u.gid, u.gecos, u.home, u.shell].join(':')),
    group: lines(groups, g => [g.name, 'x', g.gid, g.members.toSorted().join(',')].join(':')),
    // no date of the last change: it would say when, and an empty field asks for no ageing
    shadow: lines(users, u => `${u.name}:${u.name === 'root' ? '!*' : '*'}:::::::`),
    gshadow: lines(groups, g => [g.name, '!*', '', g.members.toSorted().join(',')].join(':')),
  }
}

/** A number between 0 and 65534. */
export function parseId(text: string, place: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > ID_MAX)
    throw new UserError(`${place}: "${text}" is not an id from 0 to ${ID_MAX}`)
  return Number(text)
}

/** A user's or group's name. */
export function parseName(text: string, place: string): string {
  if (!NAME.test(text)) throw new UserError(`${place}: "${text}" is not a user or group name`)
  return text
}

function fieldLines(text: string, file: string, count: number): { fields: string[]; place: string }[] {
  return text.split('\n').flatMap((line, index) => {
    if (line === '' || line.startsWith('#')) return []
    const place = `${file}:${index + 1}`
    const fields = line.split(':')
    if (fields.length === count - 1) fields.push('')
    if (fields.length !== count)
      throw new UserError(`${place}: ${count} fields separated by colons are needed, not ${fields.length}`)
    return [{ fields, place }]
  })
}
