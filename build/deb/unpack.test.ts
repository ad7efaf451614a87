import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { UserError } from '#lib/errors.ts'
import { silent } from '#lib/progress.ts'
import { Cache } from '../cache/cache.ts'
import type { TreeEntry } from '../rootfs/entry.ts'
import type { LockedPackage } from './lock.ts'
import { lockedAs, makeDeb, type TarItem } from './testing/deb.ts'
import { unpackPackages } from './unpack.ts'

const LONG = `usr/share/${'very-long-folder-name/'.repeat(12)}file`

const ITEMS: TarItem[] = [
  { name: './', type: 'directory' },
  { name: './usr/', type: 'directory', mode: 0o755 },
  { name: './usr/bin/tool', mode: 0o755, content: 'a tool' },
  { name: './usr/bin/also', type: 'link', linkname: './usr/bin/tool' },
  { name: './usr/bin/sudo', mode: 0o4755, uid: 3, gid: 4, content: 'setuid' },
  { name: './usr/bin/short', type: 'symlink', linkname: '/usr/bin/tool' },
  { name: './etc/empty', content: '', pax: { 'SCHILY.xattr.user.note': 'hello' } } as TarItem,
  { name: './dev/null', type: 'character-device', devmajor: 1, devminor: 3 },
  { name: `./${LONG}`, content: 'deep', mtime: new Date(1_600_000_000_500) },
]

/** Packages in files, as `fetchPackages` leaves them. */
async function setUp(test: Test, debs: Record<string, Uint8Array>) {
  const cache = await Cache.open(test.testdir())
  const packages: LockedPackage[] = []
  const paths = new Map<string, string>()
  for (const [name, bytes] of Object.entries(debs)) {
    const item = lockedAs(name, bytes)
    const path = join(cache.root, `${name}.deb`)
    writeFileSync(path, bytes)
    packages.push(item)
    paths.set(item.sha256, path)
  }
  const context = { cache, progress: silent }
  return { cache, packages, paths, context, unpack: () => unpackPackages(packages, paths, context) }
}

function contentOf(entry: TreeEntry | undefined): string {
  if (entry?.type !== 'file' || entry.content.kind !== 'blob') throw new Error('no file')
  const bytes = readFileSync(entry.content.path)
  if (createHash('sha256').update(bytes).digest('hex') !== entry.content.sha256) throw new Error('wrong hash')
  if (bytes.length !== entry.content.size) throw new Error('wrong size')
  return bytes.toString()
}

t.test('every kind of entry, in every compression, fresh and from the cache', async t => {
  const debs: Record<string, Uint8Array> = {}
  for (const compression of ['xz', 'zst', 'gz', 'none'] as const) {
    debs[compression] = await makeDeb({
      name: compression,
      items: ITEMS,
      compression,
      conffiles: '/etc/empty\nremove-on-upgrade /etc/old\n',
    })
  }
  const { cache, packages, unpack } = await setUp(t, debs)
  const fresh = await unpack()
  const warm = await unpack()
  t.same(warm, fresh)
  t.same(
    warm.map(contents => contents.package),
    packages,
    'in the order given',
  )
  for (const { entries, control, conffiles, package: item } of warm) {
    const byPath = new Map(entries.map(entry => [entry.path, entry]))
    t.same(control, { Package: item.name, Version: '1', Description: 'short\nlong' })
    t.same(conffiles, ['etc/empty'])
    t.notOk(byPath.has(''), 'no entry for the root')
    t.match(byPath.get('usr'), { type: 'directory', mode: 0o755, origin: item.name })
    t.match(byPath.get('usr/bin/tool'), { mode: 0o755, uid: 0, gid: 0, mtime: 1_700_000_000 })
    t.equal(contentOf(byPath.get('usr/bin/tool')), 'a tool')
    t.equal(contentOf(byPath.get('usr/bin/also')), 'a tool', 'a hard link')
    t.match(byPath.get('usr/bin/also'), { mode: 0o755 })
    t.match(byPath.get('usr/bin/sudo'), { mode: 0o4755, uid: 3, gid: 4 })
    t.match(byPath.get('usr/bin/short'), { type: 'symlink', target: '/usr/bin/tool' })
    t.equal(contentOf(byPath.get('etc/empty')), '')
    t.same(byPath.get('etc/empty')!.xattrs, { 'user.note': new TextEncoder().encode('hello') })
    t.match(byPath.get('dev/null'), { type: 'character', major: 1, minor: 3 })
    t.equal(contentOf(byPath.get(LONG)), 'deep')
    t.equal(byPath.get(LONG)!.mtime, 1_600_000_000)
  }
  t.same(readdirSync(join(cache.root, 'partial')), [])
})

t.test('a blob that vanished or was cut short is made again', async t => {
  const { unpack, paths } = await setUp(t, { a: await makeDeb({ name: 'a', items: ITEMS }) })
  const find = async () => (await unpack())[0]!.entries.find(entry => entry.path === 'usr/bin/tool')!
  const entry = await find()
  if (entry.type !== 'file' || entry.content.kind !== 'blob') throw new Error('no blob')
  t.equal(statSync(entry.content.path).mode & 0o777, 0o444)
  rmSync(entry.content.path)
  t.equal(contentOf(await find()), 'a tool')
  chmodSync(entry.content.path, 0o644)
  truncateSync(entry.content.path, 2)
  t.equal(contentOf(await find()), 'a tool')
  for (const path of paths.values()) rmSync(path)
  t.equal(contentOf(await find()), 'a tool', 'a package that is unpacked is not needed any more')
})

t.test('an index that was cut short is made again', async t => {
  const { cache, unpack } = await setUp(t, { a: await makeDeb({ name: 'a', items: ITEMS }) })
  const fresh = await unpack()
  const folder = join(cache.root, 'unpacked')
  for (const name of readdirSync(folder)) truncateSync(join(folder, name), 100)
  t.same(await unpack(), fresh)
})

t.test('a package that changed in the cache', async t => {
  const { cache, paths, packages, unpack } = await setUp(t, { a: await makeDeb({ name: 'a', items: ITEMS }) })
  const path = paths.get(packages[0]!.sha256)!
  const bytes = readFileSync(path)
  bytes[bytes.length >> 1]! ^= 1
  writeFileSync(path, bytes)
  await t.rejects(unpack(), {
    name: 'UserError',
    message: /package a 1: the copy in the cache is damaged: its SHA-256 is [0-9a-f]{64}, the lock says/,
    hint: /removed/,
  })
  t.notOk(existsSync(path))
  t.notOk(existsSync(join(cache.root, 'unpacked')))
})

t.test('a package that is broken in itself is named', async t => {
  const { cache, unpack } = await setUp(t, { broken: Buffer.from('<html>sorry</html>') })
  await t.rejects(unpack(), { name: 'UserError', message: /^package broken 1: .*: it is no ar archive/ })
  t.notOk(existsSync(join(cache.root, 'unpacked')), 'no index')
})

t.test('an interruption', async t => {
  const { context, packages, paths } = await setUp(t, { a: await makeDeb({ name: 'a', items: ITEMS }) })
  const signal = AbortSignal.abort(new UserError('interrupted'))
  await t.rejects(unpackPackages(packages, paths, { ...context, signal }), { message: 'interrupted' })
})

t.test('who is told of an interruption finds no work under way', async t => {
  const debs: Record<string, Uint8Array> = {}
  for (let number = 0; number < 6; number++)
    debs[`package${number}`] = await makeDeb({ name: `package${number}`, items: ITEMS, compression: 'none' })
  const { cache, packages, paths, context } = await setUp(t, debs)
  const controller = new AbortController()
  const entry = cache.entry.bind(cache)
  let begun = 0
  let ended = 0
  cache.entry = async (kind, key, make) => {
    const number = ++begun
    controller.abort(new UserError('interrupted'))
    return await entry(kind, key, async path => {
      await make(path)
      // One after the other, so that the first to end finds another one still at work.
      await new Promise(resolve => setTimeout(resolve, 100 * number))
    }).finally(() => ended++)
  }
  await t.rejects(unpackPackages(packages, paths, { ...context, signal: controller.signal }), {
    message: 'interrupted',
  })
  t.ok(begun > 0)
  t.equal(ended, begun, 'what was begun has ended')
  t.same(readdirSync(join(cache.root, 'partial')), [])
})

t.test('a cache that cannot be written to', async t => {
  const { cache, unpack } = await setUp(t, { a: await makeDeb({ name: 'a', items: ITEMS }) })
  rmSync(join(cache.root, 'partial'), { recursive: true })
  await t.rejects(unpack(), { name: 'UserError', message: /package a 1: cannot unpack to .*partial/ })
})
