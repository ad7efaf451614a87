import type { Access, AuthClient } from '#lib/etcd/auth.ts'
import { canonicalPath } from '#lib/etcd/url.ts'
import { boolFlag, type Call, type Command, textFlag } from '../command.ts'
import { splitUser, withClient } from '../connect.ts'
import { ExitCode, messageOf, plainFailure } from '../exit.ts'

const ROLES = textFlag('roles', 'names of roles, separated by commas')
const ACCESS = [
  textFlag('path', 'key, or beginning of keys when it ends in *'),
  boolFlag('read', 'to read'),
  boolFlag('write', 'to write'),
  boolFlag('readwrite', 'to read and write', 'rw'),
]

/** Commands on users. */
export const USER_COMMANDS: Command = {
  name: 'user',
  usage: 'add, show, change and remove users',
  commands: [
    { name: 'add', usage: 'add a user', operands: '<user>[:password]', run: addUser },
    { name: 'get', usage: 'show the roles of a user', operands: '<user>', run: getUser },
    { name: 'list', usage: 'list the users', run: call => listing(call, (auth, s) => auth.listUsers(s)) },
    { name: 'remove', usage: 'remove a user', operands: '<user>', run: removeUser },
    {
      name: 'grant',
      usage: 'give a user roles',
      operands: '<user>',
      flags: [ROLES],
      run: c => roles(c, 'grant'),
    },
    {
      name: 'revoke',
      usage: 'take roles from a user',
      operands: '<user>',
      flags: [ROLES],
      run: c => roles(c, 'revoke'),
    },
    { name: 'passwd', usage: 'change the password of a user', operands: '<user>', run: passwd },
  ],
}

/** Commands on roles. */
export const ROLE_COMMANDS: Command = {
  name: 'role',
  usage: 'add, show, change and remove roles',
  commands: [
    { name: 'add', usage: 'add a role', operands: '<role>', run: addRole },
    { name: 'get', usage: 'show what a role may do', operands: '<role>', run: getRole },
    { name: 'list', usage: 'list the roles', run: call => listing(call, (auth, s) => auth.listRoles(s)) },
    { name: 'remove', usage: 'remove a role', operands: '<role>', run: removeRole },
    {
      name: 'grant',
      usage: 'let a role reach keys',
      operands: '<role>',
      flags: ACCESS,
      run: c => access(c, 'grant'),
    },
    {
      name: 'revoke',
      usage: 'no longer let a role reach keys',
      operands: '<role>',
      flags: ACCESS,
      run: c => access(c, 'revoke'),
    },
  ],
}

/** Commands on the check of users as a whole. */
export const AUTH_COMMANDS: Command = {
  name: 'auth',
  usage: 'switch the check of users on and off',
  commands: [
    { name: 'enable', usage: 'ask everybody who he is', run: call => toggle(call, true) },
    { name: 'disable', usage: 'let everybody do everything', run: call => toggle(call, false) },
  ],
}

type Use = (auth: AuthClient, deadline: () => AbortSignal | undefined) => Promise<string>

/** Runs a part that gives the text to show; whatever goes wrong is a plain message. */
function withAuth(call: Call, use: Use): Promise<number> {
  return withClient(
    call,
    async ({ client, deadline }) => {
      try {
        call.io.out(await use(client.auth, deadline))
      } catch (error) {
        throw plainFailure(error)
      }
      return ExitCode.success
    },
    { announce: 2 },
  )
}

async function toggle(call: Call, enable: boolean): Promise<number> {
  refuseWords(call)
  return await withAuth(call, async (auth, deadline) => {
    await (enable ? auth.enable(deadline()) : auth.disable(deadline()))
    return `Authentication ${enable ? 'Enabled' : 'Disabled'}\n`
  })
}

async function listing(
  call: Call,
  list: (auth: AuthClient, signal: AbortSignal | undefined) => Promise<string[]>,
): Promise<number> {
  refuseWords(call)
  return await withAuth(call, async (auth, deadline) => {
    const names = await list(auth, deadline())
    return names.map(name => `${name}\n`).join('')
  })
}

async function addUser(call: Call): Promise<number> {
  const word = oneWord(call, 'Please provide a username')
  return await withAuth(call, async (auth, deadline) => {
    const { username, password } = await askNew(word, call)
    await auth.addUser(username, password, deadline())
    return `User ${username} created\n`
  })
}

async function passwd(call: Call): Promise<number> {
  const user = oneWord(call, 'Please provide a username')
  return await withAuth(call, async (auth, deadline) => {
    const password = await call.io.askPassword('New password: ').catch(readFailure)
    await auth.changePassword(user, password, deadline())
    return 'Password updated\n'
  })
}

async function getUser(call: Call): Promise<number> {
  const name = oneWord(call, 'Please provide a username')
  return await withAuth(call, async (auth, deadline) => {
    const { user, roles: names } = await auth.getUser(name, deadline())
    return `User: ${user}\nRoles: ${names.map(role => ` ${role}`).join('')}\n`
  })
}

async function removeUser(call: Call): Promise<number> {
  const name = oneWord(call, 'Please provide a username')
  return await withAuth(call, async (auth, deadline) => {
    await auth.removeUser(name, deadline())
    return `User ${name} removed\n`
  })
}

/** The original takes `a,b` for the name of one role, against its own help; here it is two. */
async function roles(call: Call, change: 'grant' | 'revoke'): Promise<number> {
  const names = call.flags.text('roles')
  if (names === '') throw plainFailure('No roles specified; please use `--roles`')
  const user = oneWord(call, 'Please provide a username')
  return await withAuth(call, async (auth, deadline) => {
    await auth.changeRoles(change, user, names.split(','), deadline())
    return `User ${user} updated\n`
  })
}

async function addRole(call: Call): Promise<number> {
  const name = oneWord(call, 'Please provide a role name')
  return await withAuth(call, async (auth, deadline) => {
    // Asked before, since the answer to adding one that exists has other words.
    const exists = await auth.getRole(name, deadline()).then(
      () => true,
      () => false,
    )
    if (exists) throw new Error(`Role ${name} already exists`)
    await auth.addRole(name, deadline())
    return `Role ${name} created\n`
  })
}

async function getRole(call: Call): Promise<number> {
  const name = oneWord(call, 'Please provide a role name')
  return await withAuth(call, async (auth, deadline) => {
    const { role, read, write } = await auth.getRole(name, deadline())
    const block = (title: string, patterns: string[] | null): string =>
      [`${title}:`, ...(patterns ?? []).map(pattern => `\t${pattern}`), ''].join('\n')
    return `Role: ${role}\n${block('KV Read', read)}${block('KV Write', write)}`
  })
}

async function removeRole(call: Call): Promise<number> {
  const name = oneWord(call, 'Please provide a role name')
  return await withAuth(call, async (auth, deadline) => {
    await auth.removeRole(name, deadline())
    return `Role ${name} removed\n`
  })
}

async function access(call: Call, change: 'grant' | 'revoke'): Promise<number> {
  const { flags } = call
  const path = flags.text('path')
  if (path === '') throw plainFailure('No path specified; please use `--path`')
  if (canonicalPath(path) !== path)
    throw plainFailure(`Not canonical path; please use \`--path=${canonicalPath(path)}\``)
  const kinds = (['read', 'write', 'readwrite'] satisfies Access[]).filter(kind => flags.on(kind))
  if (kinds.length !== 1) throw plainFailure('Please specify exactly one of --read, --write or --readwrite')
  const name = oneWord(call, 'Please provide a role name')
  return await withAuth(call, async (auth, deadline) => {
    const old = await auth.getRole(name, deadline())
    const updated = await auth.changeAccess(change, name, path, kinds[0]!, deadline())
    const same = JSON.stringify(old) === JSON.stringify(updated)
    const note = same ? `Role unchanged; already ${change === 'grant' ? 'granted' : 'revoked'}` : ''
    return `${note}Role ${name} updated\n`
  })
}

async function askNew(word: string, { io }: Call): Promise<{ username: string; password: string }> {
  return await splitUser(word, 'New password: ', io).catch(readFailure)
}

function readFailure(error: unknown): never {
  throw new Error(`Error reading password: ${messageOf(error)}`)
}

function oneWord({ words }: Call, message: string): string {
  const [word] = words
  if (word === undefined || words.length > 1) throw plainFailure(message)
  return word
}

function refuseWords({ words }: Call): void {
  if (words.length > 0) throw plainFailure('No arguments accepted')
}
