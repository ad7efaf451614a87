import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, symlinkSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { UserError } from '#lib/errors.ts'
import { type Progress, silent } from '#lib/progress.ts'
import { Cache } from '../cache/cache.ts'
import { type FetchContext, fetchPackages, SupersededError } from './fetch.ts'
import type { LockedPackage } from './lock.ts'
import { lockedAs } from './testing/deb.ts'
import { FakeMirror } from './testing/mirror.ts'
import { Transport } from './transport.ts'

const STALL_MS = 100

/** A mirror with some packages of 100 kB, and what fetching them needs. */
async function setUp(test: Test, names = ['alpha', 'beta', 'gamma']) {
  const mirror = await FakeMirror.start()
  const transport = new Transport({
    environment: {},
    retries: { attempts: 3, backoffMs: 1 },
    stallMs: STALL_MS,
  })
  test.teardown(() => {
    transport.close()
    mirror.stop()
  })
  const packages: LockedPackage[] = []
  for (const name of names) {
    const bytes = Buffer.from(createHash('sha256').update(name).digest('hex').repeat(1600))
    const item = lockedAs(name, bytes)
    mirror.files.set(`/${item.path}`, bytes)
    packages.push(item)
  }
  const context: FetchContext = {
    cache: await Cache.open(test.testdir()),
    mirrors: { main: mirror.url, security: `${mirror.url}/security` },
    progress: silent,
    transport,
  }
  return { mirror, packages, context }
}

/** Fails the test if anything but whole packages is in the cache. */
function checkCache(test: Test, context: FetchContext, whole: LockedPackage[]): void {
  const folder = join(context.cache.root, 'debs')
  const names = existsSync(folder) ? readdirSync(folder).sort() : []
  test.same(names, whole.map(item => item.sha256).sort())
  for (const item of whole) test.equal(readFileSync(join(folder, item.sha256)).length, item.size)
  test.same(readdirSync(join(context.cache.root, 'partial')), [])
}

t.test('fetches each once', async t => {
  const { mirror, packages, context } = await setUp(t)
  const paths = await fetchPackages(packages, context)
  for (const item of packages) {
    t.same(readFileSync(paths.get(item.sha256)!), mirror.files.get(`/${item.path}`))
  }
  checkCache(t, context, packages)
  const asked = mirror.requests.length
  const unreachable = () => Promise.reject(new Error('a full cache needs no mirror'))
  t.same(await fetchPackages(packages, { ...context, mirrors: unreachable }), paths)
  t.equal(mirror.requests.length, asked)
})

t.test('tells how far it is, never more than all', async t => {
  const { mirror, packages, context } = await setUp(t)
  let done = 0
  let total: number | undefined
  let summary: string | undefined
  const progress: Progress = {
    ...silent,
    begin: (_title, options) => {
      total = options?.total
      const advance = (amount: number) => {
        done += amount
      }
      const end = (text?: string) => {
        summary = text
      }
      return { advance, end }
    },
  }
  let cut = true
  mirror.trick = (_request, response, bytes) => {
    if (!cut || bytes === undefined) return false
    cut = false
    response.writeHead(200, { 'content-length': bytes.length })
    response.write(bytes.subarray(0, 5000), () => response.destroy())
    return true
  }
  await fetchPackages(packages, { ...context, progress })
  t.equal(total, packages.length * packages[0]!.size)
  t.equal(done, total)
  t.equal(summary, '3 packages')
})

t.test('a transfer that breaks is continued', async t => {
  const { mirror, packages, context } = await setUp(t, ['alpha'])
  let cuts = 2
  mirror.trick = (request, response, bytes) => {
    if (cuts === 0 || bytes === undefined) return false
    cuts -= 1
    const from = Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0)
    const range = { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }
    response.writeHead(from === 0 ? 200 : 206, {
      'content-length': bytes.length - from,
      ...(from === 0 ? {} : range),
    })
    response.write(bytes.subarray(from, from + 30_000), () => setTimeout(() => response.destroy(), 5))
    return true
  }
  await fetchPackages(packages, context)
  checkCache(t, context, packages)
  t.match(mirror.requests[1], / bytes=[1-9]/)
  t.match(mirror.requests[2], / bytes=[1-9]/)
})

t.test('a server that falls silent is left', async t => {
  const { mirror, packages, context } = await setUp(t, ['alpha'])
  let stalls = 1
  mirror.trick = (_request, response, bytes) => {
    if (stalls === 0 || bytes === undefined) return false
    stalls -= 1
    response.writeHead(200, { 'content-length': bytes.length })
    response.write(bytes.subarray(0, 30_000)) // and no more
    return true
  }
  await fetchPackages(packages, context)
  checkCache(t, context, packages)
  stalls = 99
  const [other] = (await setUp(t, ['delta'])).packages
  mirror.files.set(`/${other!.path}`, Buffer.alloc(other!.size))
  await t.rejects(fetchPackages([other!], context), {
    name: 'UserError',
    message: /sent nothing for 0.1 s \(tried 3 times\)/,
  })
})

t.test('what was fetched before an interruption is used by the next run', async t => {
  const { mirror, packages, context } = await setUp(t, ['alpha'])
  const stop = new AbortController()
  mirror.trick = (_request, response, bytes) => {
    response.writeHead(200, { 'content-length': bytes!.length })
    response.write(bytes!.subarray(0, 40_000), () =>
      setTimeout(() => stop.abort(new UserError('interrupted')), 20),
    )
    return true
  }
  await t.rejects(fetchPackages(packages, { ...context, signal: stop.signal }), { message: 'interrupted' })
  checkCache(t, context, [])
  mirror.trick = undefined
  await fetchPackages(packages, context)
  checkCache(t, context, packages)
  t.match(mirror.requests.at(-1), / bytes=40000-/)
})

t.test('a kept part that is wrong does no harm', async t => {
  const { mirror, packages, context } = await setUp(t, ['alpha'])
  let wrong = true
  mirror.trick = (_request, response, bytes) => {
    if (!wrong) return false
    wrong = false
    response.writeHead(200, { 'content-length': bytes!.length })
    response.write(Buffer.alloc(40_000), () => setTimeout(() => response.destroy(), 5))
    return true
  }
  await fetchPackages(packages, context)
  checkCache(t, context, packages)
  t.equal(mirror.requests.at(-1), `/${packages[0]!.path}`, 'fetched again as a whole')
})

t.test('a server that knows no ranges', async t => {
  const { mirror, packages, context } = await setUp(t, ['alpha'])
  let cut = true
  mirror.trick = (_request, response, bytes) => {
    response.writeHead(200, { 'content-length': bytes!.length })
    if (cut) response.write(bytes!.subarray(0, 40_000), () => setTimeout(() => response.destroy(), 5))
    else response.end(bytes)
    cut = false
    return true
  }
  await fetchPackages(packages, context)
  checkCache(t, context, packages)
})

t.test('content that is not what was locked', async t => {
  const { mirror, packages, context } = await setUp(t)
  const bad = packages[1]!
  const bytes = Buffer.from(mirror.files.get(`/${bad.path}`)!)
  bytes[500]! ^= 1
  mirror.files.set(`/${bad.path}`, bytes)
  await t.rejects(fetchPackages([bad], context), {
    name: 'UserError',
    message: new RegExp(`package beta 1: its SHA-256 is [0-9a-f]{64}, the lock says ${bad.sha256}`),
  })
  checkCache(t, context, [])
  t.same(readdirSync(join(context.cache.root, 'debs-partial')), [])
})

t.test('content that is too short or too long', async t => {
  const { mirror, packages, context } = await setUp(t)
  for (const [item, size] of [
    [packages[0]!, 100],
    [packages[1]!, 200_000],
  ] as const) {
    mirror.files.set(`/${item.path}`, Buffer.alloc(size))
    await t.rejects(fetchPackages([item], context), { name: 'UserError' })
    checkCache(t, context, [])
  }
})

t.test('superseded packages are told all at once', async t => {
  const { mirror, packages, context } = await setUp(t)
  mirror.files.delete(`/${packages[2]!.path}`)
  mirror.files.delete(`/${packages[0]!.path}`)
  const error = await fetchPackages(packages, context).catch(error => error)
  t.ok(error instanceof SupersededError)
  t.equal(error.code, 'SUPERSEDED')
  t.equal(error.message, 'alpha 1, gamma 1 have left the mirror (superseded)')
  t.match(error.hint, /run `npm run orlop -- lock` to refresh/)
  t.same(error.packages, [packages[0], packages[2]])
  checkCache(t, context, [packages[1]!])
})

t.test('a security update that a point release has taken over', async t => {
  const { mirror, packages, context } = await setUp(t, ['alpha'])
  const item = {
    ...packages[0]!,
    suite: 'trixie-security',
    path: packages[0]!.path.replace('pool/', 'pool/updates/'),
  }
  await fetchPackages([item], context)
  t.same(mirror.requests, [`/security/${item.path}`, `/${packages[0]!.path}`])
})

t.test('names with characters that a URL treats specially', async t => {
  const { mirror, context } = await setUp(t, [])
  const bytes = Buffer.from('content')
  const item = {
    ...lockedAs('libstdc++6', bytes),
    path: 'pool/main/g/gcc/libstdc++6_14.2.0-19~deb13+b1_amd64.deb',
  }
  mirror.files.set(`/${item.path}`, bytes)
  await fetchPackages([item], context)
  checkCache(t, context, [item])
})

t.test('redirects are followed', async t => {
  const { mirror, packages, context } = await setUp(t, ['alpha'])
  const path = `/${packages[0]!.path}`
  mirror.files.set('/elsewhere', mirror.files.get(path)!)
  mirror.trick = (request, response) => {
    if (request.url !== path) return false
    response.writeHead(302, { location: '/elsewhere' }).end()
    return true
  }
  await fetchPackages(packages, context)
  checkCache(t, context, packages)
  mirror.trick = (_request, response) => {
    response.writeHead(302, { location: path }).end()
    return true
  }
  await t.rejects(
    fetchPackages([{ ...packages[0]!, sha256: '0'.repeat(64) }], context),
    /more than 5 redirects/,
  )
})

t.test('through a proxy', async t => {
  const { mirror, packages, context } = await setUp(t, ['alpha'])
  const item = packages[0]!
  mirror.files.set(`http://mirror.test/${item.path}`, mirror.files.get(`/${item.path}`)!)
  const transport = new Transport({
    environment: {},
    proxy: mirror.url,
    retries: { attempts: 1, backoffMs: 1 },
  })
  t.teardown(() => transport.close())
  await fetchPackages(packages, {
    ...context,
    transport,
    mirrors: { main: 'http://mirror.test', security: '' },
  })
  checkCache(t, context, packages)
})

t.test('a disk that is full', async t => {
  const { packages, context } = await setUp(t, ['alpha'])
  // Every write to this device fails with ENOSPC, as one to a full file system does. By a link, which may be removed.
  const link = join(context.cache.root, 'partial', 'link')
  symlinkSync('/dev/full', link)
  const cache = Object.assign(Object.create(context.cache), { partialPath: () => link })
  await t.rejects(fetchPackages(packages, { ...context, cache }), {
    name: 'UserError',
    message: /no space left for package alpha \(102400 bytes\)/,
    hint: /ORLOP_CACHE/,
  })
  checkCache(t, context, [])
})

t.test('a package in the cache that a power cut left short is fetched again', async t => {
  const { packages, context } = await setUp(t, ['alpha'])
  const path = (await fetchPackages(packages, context)).get(packages[0]!.sha256)!
  truncateSync(path, 10)
  await fetchPackages(packages, context)
  checkCache(t, context, packages)
})
