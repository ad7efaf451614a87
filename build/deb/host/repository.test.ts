import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { formatLock, packagesOf } from '../lock.ts'
import { readKeyFolder, readLock, readRequest } from './repository.ts'

const root = resolve(import.meta.dirname, '../../..')

t.test('what the repository holds fits together', async t => {
  const lock = await readLock(root)
  t.same(Object.keys(lock.groups).sort(), Object.keys((await readRequest(root)).groups).sort())
  t.equal(
    readFileSync(join(root, 'image/packages.lock.json'), 'utf8'),
    formatLock(lock),
    'no hand has changed the lock',
  )
  t.equal(packagesOf(lock, 'kernel').length, 1, 'one kernel')
  for (const name of ['libc-bin', 'ncurses-base', 'bsdutils', 'liblzma5', 'liblz4-1']) {
    // Nothing depends on these, but systemd, kmod and shells fail without them.
    t.ok(lock.groups['root']?.includes(name), `${name} is wanted`)
  }
})

t.test('keys', async t => {
  const keys = await readKeyFolder(root)
  t.equal(keys.length, 5)
  for (const key of keys)
    t.ok(!key.isPrivate() && Number(await key.getExpirationTime()) > Date.parse('2030-01-01'))
  await t.rejects(readKeyFolder(t.testdir({ image: { keys: {} } })), /image\/keys holds no keys/)
})

t.test('a repository without a lock, and with an outdated one', async t => {
  const request = readFileSync(join(root, 'image/packages.json'), 'utf8')
  await t.rejects(readLock(t.testdir({ image: { 'packages.json': request } })), {
    name: 'UserError',
    message: 'image/packages.lock.json is missing',
    hint: /npm run orlop -- lock/,
  })
  const lock = readFileSync(join(root, 'image/packages.lock.json'), 'utf8')
  const other = request.replace('"bash",', '')
  await t.rejects(readLock(t.testdir({ image: { 'packages.json': other, 'packages.lock.json': lock } })), {
    message: /packages.lock.json: was made for another list/,
  })
})
