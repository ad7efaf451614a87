import type { KeysStep, Origin, UserStep } from '../plan/plan.ts'
import { shown } from '../source/shown.ts'
import type { Findings } from './findings.ts'
import { keyProblem } from './sshkey.ts'
import type { View } from './view.ts'

/** Whose the keys at the top level are. */
const CORE = 'core'
/** What may stand in a name (useradd(8)); it is a part of paths as well. */
const NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,30}\$?$/
/** Hashes of crypt(5), or none that anything equals. A colon would end the field of shadow(5). */
const HASH = /^([!*][^:]*|\$[A-Za-z0-9]+\$[^:\s]+|_[./A-Za-z0-9]{19}|[./A-Za-z0-9]{13})$/
/** Of a key, in a message. */
const SHOWN_CHARACTERS_MAX = 40

/** Keys beside those of the document. */
export interface KeyOptions {
  /** Name of the set. */
  set: string
  /** Of the platform, for `core`. */
  keys: readonly string[]
}

/**
 * The steps of `users` and `ssh_authorized_keys`. All keys of one user are one set: in the original those of the top
 * level replaced those that `users` gave to `core`.
 */
export function compilePeople(
  config: View,
  options: KeyOptions,
  findings: Findings,
): (UserStep | KeysStep)[] {
  const users = new Map<string, UserStep>()
  const keys = new Map<string, { lines: Set<string>; origin: Origin }>()
  const addKeys = (user: string, lines: readonly string[], origin: Origin) => {
    if (lines.length === 0) return
    const before = keys.get(user) ?? { lines: new Set(), origin }
    for (const line of lines) before.lines.add(line)
    keys.set(user, before)
  }
  for (const user of config.maps('users')) {
    const step = compileUser(user, findings)
    const lines = keysOf(user, findings)
    if (step === undefined) continue
    const before = users.get(step.name)
    if (before === undefined) users.set(step.name, step)
    else
      findings.error(
        user.at('name'),
        `user ${shown(step.name)} is there already in line ${before.origin.line}`,
      )
    addKeys(step.name, lines, user.at('ssh_authorized_keys'))
  }
  addKeys(CORE, keysOf(config, findings), config.at('ssh_authorized_keys'))
  addKeys(CORE, options.keys, { path: 'metadata', line: 0, column: 0 })
  return [
    ...users.values(),
    ...[...keys].map(([user, { lines, origin }]): KeysStep => {
      return { kind: 'keys', user, set: options.set, keys: [...lines], origin }
    }),
  ]
}

function compileUser(user: View, findings: Findings): UserStep | undefined {
  const name = user.line('name')
  if (name === undefined) {
    findings.warning(user.origin, 'a user without a name is passed over')
    return undefined
  }
  if (!NAME.test(name)) findings.error(user.at('name'), `'${shown(name)}' is no name of a user`)
  const hash = user.line('passwd')
  if (hash !== undefined && !HASH.test(hash))
    findings.error(
      user.at('passwd'),
      'passwd must be a hash of crypt(5), such as from `mkpasswd -m sha512crypt`',
    )
  for (const key of ['gecos', 'homedir', 'shell'])
    if (user.line(key)?.includes(':')) findings.error(user.at(key), `${key} can hold no colon`)
  for (const key of ['homedir', 'shell'])
    if (user.line(key)?.startsWith('/') === false) findings.error(user.at(key), `${key} must begin with /`)
  const groups = user.texts('groups').map(({ text, origin }) => ({ text: text.trim(), origin }))
  const primary = user.line('primary_group')
  if (primary !== undefined) groups.push({ text: primary, origin: user.at('primary_group') })
  for (const { text, origin } of groups)
    if (!NAME.test(text)) findings.error(origin, `'${shown(text)}' is no name of a group`)
  return {
    kind: 'user',
    name,
    ...optional('passwordHash', hash),
    ...optional('gecos', user.line('gecos')),
    ...optional('home', user.line('homedir')),
    ...optional('primaryGroup', primary),
    ...optional('shell', user.line('shell')),
    createHome: user.flag('no_create_home') !== true,
    ownGroup: user.flag('no_user_group') !== true,
    groups: user.texts('groups').map(({ text }) => text.trim()),
    system: user.flag('system') === true,
    present: true,
    existing: 'credentials',
    origin: user.at('name'),
  }
}

function optional<Key extends string>(key: Key, text: string | undefined): Partial<Record<Key, string>> {
  return (text === undefined ? {} : { [key]: text }) as Partial<Record<Key, string>>
}

/** Keys that sshd would pass over are told and left out: one that is damaged must not keep the others out. */
function keysOf(holder: View, findings: Findings): string[] {
  return holder.texts('ssh_authorized_keys').flatMap(({ text, origin }) => {
    const line = text.trim()
    const problem = line.includes('\n') ? 'is more than one line: each key is an item' : keyProblem(line)
    if (problem === undefined) return [line]
    findings.warning(origin, `'${shown(line.slice(0, SHOWN_CHARACTERS_MAX))}' ${problem}; it is left out`)
    return []
  })
}
