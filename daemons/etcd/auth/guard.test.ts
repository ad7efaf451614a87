// Who may do what, by a table (specification §5).

import t from 'tap'
import type { Request } from '#lib/http/request.ts'
import { TestService } from '../api/testing/service.ts'
import { Accounts } from './accounts.ts'
import { Guard } from './guard.ts'
import { Passwords } from './passwords.ts'
import { AuthError, allows, changeRole, changeUser, type Role, readBasic, type User } from './rules.ts'

/** Low, for the time of the tests; still several turns. */
const COST = 6

/** Work for later turns, done when it is asked for. */
class Turns {
  #waiting: (() => void)[] = []
  /** Turns taken so far. */
  count = 0
  readonly later = (callback: () => void): void => void this.#waiting.push(callback)

  run(): void {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      this.count += 1
      next()
    }
  }
}

function passwordsWith(turns: Turns): Passwords {
  return new Passwords({ randomBytes: length => new Uint8Array(length).fill(7), later: turns.later }, COST)
}

function hashed(turns: Turns, passwords: Passwords, password: string): string {
  let hash: string | undefined
  passwords.hash(password, found => {
    hash = found
  })
  turns.run()
  return hash!
}

interface Claim {
  name: string
  password: string
}

function asking(claim: Claim | string | undefined, commonName?: string): Request {
  const header =
    typeof claim === 'object'
      ? `Basic ${Buffer.from(`${claim.name}:${claim.password}`).toString('base64')}`
      : claim
  return {
    header: (name: string) => (name === 'authorization' ? header : undefined),
    clientCertificate: commonName === undefined ? undefined : { commonName },
  } as unknown as Request
}

async function cluster(isEnabled = true) {
  const service = new TestService()
  const accounts = new Accounts(service)
  const turns = new Turns()
  const passwords = passwordsWith(turns)
  const hash = hashed(turns, passwords, 'secret')
  const roles: Role[] = [
    { role: 'reader', permissions: { kv: { read: ['/pub/*', '/one'], write: null } } },
    { role: 'writer', permissions: { kv: { read: [], write: ['/pub/*'] } } },
    { role: 'all', permissions: { kv: { read: ['/*'], write: ['/*'] } } },
  ]
  for (const role of roles) t.equal(await accounts.addRole(role), undefined)
  const users: User[] = [
    { user: 'root', password: hash, roles: null },
    { user: 'ann', password: hash, roles: ['reader'] },
    { user: 'bob', password: hash, roles: ['reader', 'writer'] },
    { user: 'eve', password: hash, roles: ['gone'] },
    { user: 'nil', password: hash, roles: null },
  ]
  for (const user of users) t.equal(await accounts.addUser(user), undefined)
  if (isEnabled) t.equal(await accounts.enable(), undefined)
  return { accounts, passwords, turns }
}

t.test('keys', async t => {
  const { accounts, passwords, turns } = await cluster()
  const guard = new Guard(accounts, passwords, false)
  const may = (who: string, key: string, isWrite: boolean, isRecursive: boolean): boolean | undefined => {
    let answer: boolean | undefined
    const claim = who === '' ? undefined : { name: who, password: 'secret' }
    guard.mayUse(asking(claim), key, isWrite, isRecursive, is => {
      answer = is
    })
    turns.run()
    return answer
  }
  const table: [who: string, key: string, wants: 'r' | 'w' | 'rr' | 'ww', may: boolean][] = [
    ['root', '/any', 'w', true],
    ['root', '/', 'ww', true],
    ['ann', '/one', 'r', true],
    ['ann', '/one', 'rr', false],
    ['ann', '/one/', 'r', false],
    ['ann', '/one', 'w', false],
    ['ann', '/two', 'r', false],
    ['ann', '/pub', 'r', false],
    ['ann', '/pub/', 'rr', true],
    ['ann', '/pub/a/b', 'rr', true],
    ['ann', '/public', 'r', false],
    ['ann', '/', 'rr', false],
    ['bob', '/pub/a', 'w', true],
    ['bob', '/pub/a', 'ww', true],
    ['bob', '/one', 'r', true],
    ['bob', '/one', 'w', false],
    ['eve', '/one', 'r', false],
    ['nil', '/one', 'r', false],
    ['', '/one', 'r', true],
    ['', '/any', 'w', true],
    ['', '/', 'rr', true],
    ['nobody', '/one', 'r', false],
  ]
  for (const [who, key, wants, expected] of table) {
    const answer = may(who, key, wants.startsWith('w'), wants.length === 2)
    t.equal(answer, expected, `${who || 'guest'} ${wants} ${key}`)
  }
  const guest = changeRole(
    accounts.role('guest')!,
    { kv: { read: ['/open'], write: [] } },
    { kv: { read: ['/*'], write: ['/*'] } },
  )
  t.equal(await accounts.putRole(guest as Role), undefined)
  t.equal(may('', '/open', false, false), true)
  t.equal(may('', '/one', false, false), false)
  t.equal(may('', '/open', true, false), false)
})

t.test('proofs: wrong, malformed, of a certificate', async t => {
  const { accounts, passwords, turns } = await cluster()
  const ask = (isByCertificate: boolean, request: Request): boolean | undefined => {
    let answer: boolean | undefined
    new Guard(accounts, passwords, isByCertificate).mayManage(request, is => {
      answer = is
    })
    turns.run()
    return answer
  }
  t.equal(ask(false, asking({ name: 'root', password: 'secret' })), true)
  t.equal(ask(false, asking({ name: 'root', password: 'Secret' })), false)
  t.equal(ask(false, asking({ name: 'root', password: '' })), false)
  t.equal(ask(false, asking({ name: 'bob', password: 'secret' })), false)
  t.equal(ask(false, asking(undefined)), false)
  t.equal(ask(false, asking('Bearer x')), false)
  t.equal(ask(false, asking('Basic !!')), false)
  t.equal(ask(true, asking(undefined, 'root')), true)
  t.equal(ask(false, asking(undefined, 'root')), false, 'only where certificates name users')
  t.equal(ask(true, asking(undefined, 'bob')), false)
  t.equal(ask(true, asking(undefined, 'stranger')), false)
  t.equal(
    ask(true, asking({ name: 'root', password: 'no' }, 'root')),
    false,
    'a wrong password is not helped',
  )
})

t.test('off: everything is open, and on needs a user root', async t => {
  const { accounts, passwords } = await cluster(false)
  const guard = new Guard(accounts, passwords, false)
  t.equal(guard.isOpen, true)
  let answer: boolean | undefined
  guard.mayUse(asking({ name: 'ann', password: 'wrong' }), '/x', true, true, is => {
    answer = is
  })
  t.equal(answer, true)
  t.match(await accounts.disable(), { status: 409, text: 'already disabled' })
  t.equal(await accounts.removeUser('root'), undefined)
  t.match(await accounts.enable(), { status: 409, text: 'No root user available, please create one' })
})

t.test(
  'passwords: many rounds never hold up a turn, what was right is remembered, and there is a bound',
  t => {
    const turns = new Turns()
    const passwords = passwordsWith(turns)
    const hash = hashed(turns, passwords, 'secret')
    const check = (password: string): boolean | undefined => {
      let answer: boolean | undefined
      passwords.check(password, hash, isRight => {
        answer = isRight
      })
      turns.run()
      return answer
    }
    const before = turns.count
    t.equal(check('secret'), true)
    const first = turns.count - before
    t.ok(first >= 2, 'in several turns')
    t.equal(check('secret'), true)
    t.equal(turns.count - before, first, 'the second time without work')
    t.equal(check('wrong'), false)
    t.equal(check('wrong'), false)
    t.ok(turns.count - before > 2 * first, 'what was wrong is reckoned again')
    const answers: (boolean | undefined)[] = []
    for (let at = 0; at < 100; at++) passwords.check(`guess ${at}`, hash, isRight => answers.push(isRight))
    turns.run()
    t.equal(answers.length, 100, 'all are answered, those beyond the bound without work')
    t.notOk(answers.some(Boolean))
    t.end()
  },
)

t.test('changes of users and roles', t => {
  const user: User = { user: 'ann', password: 'h', roles: ['a'] }
  const change = { password: '', grant: [] as string[], revoke: [] as string[] }
  t.same(changeUser(user, { ...change, grant: ['b', '0'] }), { ...user, roles: ['0', 'a', 'b'] })
  t.same(changeUser(user, { ...change, revoke: ['a'] }), { ...user, roles: [] })
  t.same(changeUser(user, { ...change, password: 'new' }), { ...user, password: 'new' })
  for (const [wrong, text] of [
    [{ ...change, grant: ['a'] }, 'Granting duplicate role a for user ann'],
    [{ ...change, revoke: ['b'] }, 'Revoking ungranted role b for user ann'],
    [change, 'User not updated. Use grant/revoke/password to update the user.'],
  ] as const)
    t.match(changeUser(user, wrong), new AuthError(wrong === change ? 400 : 409, text))
  const role: Role = { role: 'r', permissions: { kv: { read: ['/b'], write: null } } }
  const none = { kv: { read: null, write: null } }
  const one = { kv: { read: ['/a'], write: ['/c'] } }
  t.same(changeRole(role, one, none), {
    role: 'r',
    permissions: { kv: { read: ['/a', '/b'], write: ['/c'] } },
  })
  t.match(changeRole(role, { kv: { read: ['/b'], write: null } }, none), { status: 409 })
  t.match(changeRole(role, none, one), { status: 400 })
  t.ok(allows({ role: 'root', permissions: none }, '/x', true, true))
  t.same(readBasic('basic YTpiOmM='), { user: 'a', password: 'b:c' })
  t.equal(readBasic('Basic YWI='), undefined, 'no colon')
  t.end()
})
