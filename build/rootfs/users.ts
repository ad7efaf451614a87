import { UserError } from '#lib/errors.ts'
import { type Accounts, formatAccounts, parseGroup, parseName, parsePasswd } from './accounts.ts'
import { readText } from './content.ts'
import { parseStrict } from './strict.ts'
import { addMember, applySysusers, type FixedIds, formatSysusers, parseSysusers } from './sysusers.ts'
import type { Tree } from './tree.ts'

const MASTER_FOLDER = 'usr/share/base-passwd'
const SYSUSERS_FOLDER = 'usr/lib/sysusers.d'

/** image/accounts.json: who is on the machine beyond what packages bring, and the numbers given out. */
export interface AccountsFile {
  ids: FixedIds
  /** Groups of our own, by the id table's number. */
  groups: string[]
  users: { name: string; gecos: string; home: string; shell: string; groups: string[] }[]
}

/** Parses image/accounts.json. */
export function parseAccountsFile(text: string, file: string): AccountsFile {
  const top = parseStrict(text, file)
  const ids = top.object('ids')
  const parsed: AccountsFile = {
    ids: { users: ids.object('users').integers(), groups: ids.object('groups').integers() },
    groups: top.texts('groups', { optional: true }).map(name => parseName(name, `${file}: groups`)),
    users: top.objects('users').map(user => {
      const one = {
        name: user.text('name', /./, 'a user name'),
        gecos: user.text('gecos', /^[^:"\n]*$/, 'a text without colons'),
        home: user.text('home', /^\//, 'an absolute path'),
        shell: user.text('shell', /^\//, 'an absolute path'),
        groups: user.texts('groups', { optional: true }),
      }
      user.end()
      return one
    }),
  }
  ids.end()
  top.end()
  checkUnique(parsed.ids.users, `${file}: ids.users`)
  checkUnique(parsed.ids.groups, `${file}: ids.groups`)
  return parsed
}

/** The accounts of an image: base-passwd's, those of all sysusers.d files in the tree, and ours. */
export function composeAccounts(tree: Tree, own: AccountsFile, file: string): Accounts {
  const accounts: Accounts = { users: new Map(), groups: new Map() }
  for (const group of parseGroup(textAt(tree, `${MASTER_FOLDER}/group.master`), 'group.master'))
    accounts.groups.set(group.name, group)
  for (const user of parsePasswd(textAt(tree, `${MASTER_FOLDER}/passwd.master`), 'passwd.master'))
    accounts.users.set(user.name, user)
  const lines = tree
    .children(SYSUSERS_FOLDER)
    .flatMap(entry => (entry.type === 'file' ? parseSysusers(readText(entry.content), entry.path) : []))
  applySysusers(accounts, [...lines, ...ownLines(own, file)], own.ids, file)
  for (const user of own.users) for (const group of user.groups) addMember(accounts, user.name, group, file)
  checkUnique(new Map([...accounts.users].map(([name, user]) => [name, user.uid])), 'users')
  checkUnique(new Map([...accounts.groups].map(([name, group]) => [name, group.gid])), 'groups')
  return accounts
}

function ownLines(own: AccountsFile, place: string) {
  return [
    ...own.groups.map(name => ({ type: 'group' as const, name, id: undefined, place })),
    ...own.users.map(({ name, gecos, home, shell }) => ({
      type: 'user' as const,
      name,
      id: undefined,
      group: undefined,
      gecos,
      home,
      shell,
      place,
    })),
  ]
}

/** Puts the account files into the tree, and one sysusers.d file with all numbers fixed. */
export function putAccounts(tree: Tree, accounts: Accounts, mtime: number): void {
  const texts = formatAccounts(accounts)
  const shadowGroup = accounts.groups.get('shadow')?.gid ?? 0
  const put = (path: string, text: string, secret: boolean) =>
    tree.put({
      type: 'file',
      path,
      mode: secret ? 0o640 : 0o644,
      uid: 0,
      gid: secret ? shadowGroup : 0,
      mtime,
      origin: 'orlop',
      content: { kind: 'bytes', bytes: Buffer.from(text) },
    })
  put('etc/passwd', texts.passwd, false)
  put('etc/group', texts.group, false)
  put('etc/shadow', texts.shadow, true)
  put('etc/gshadow', texts.gshadow, true)
  tree.remove(SYSUSERS_FOLDER)
  put(`${SYSUSERS_FOLDER}/orlop.conf`, formatSysusers(accounts), false)
}

function textAt(tree: Tree, path: string): string {
  const entry = tree.get(path)
  if (entry?.type !== 'file')
    throw new UserError(`the packages bring no ${path}`, 'is base-passwd in the list?')
  return readText(entry.content)
}

function checkUnique(ids: Map<string, number>, what: string): void {
  const seen = new Map<number, string>()
  for (const [name, id] of ids) {
    const other = seen.get(id)
    if (other !== undefined) throw new UserError(`${what}: ${other} and ${name} share the number ${id}`)
    seen.set(id, name)
  }
}
