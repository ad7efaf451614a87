import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { silent } from '#lib/progress.ts'
import { Cache } from '../cache/cache.ts'
import { readTrustedKeys } from './release.ts'
import { makeLock, type RelockContext } from './relock.ts'
import { parseRequest, requestHash } from './request.ts'
import { FakeMirror, KEY_DATE, makeKey, publish, signRelease, stanza } from './testing/mirror.ts'
import { Transport } from './transport.ts'

const REQUEST = parseRequest(
  JSON.stringify({
    architecture: 'amd64',
    suites: [
      { name: 'trixie', archive: 'main', components: ['main'] },
      { name: 'trixie-security', archive: 'security', components: ['main'] },
    ],
    groups: {
      root: { wanted: ['bash'] },
      kernel: { wanted: ['linux'], closure: false, follow: ['linux-*'] },
    },
  }),
  'packages.json',
)
const MAIN = [
  stanza('bash', '5.2-1', { Depends: 'libc6' }),
  stanza('libc6', '2.41-1'),
  stanza('linux', '1', { Depends: 'linux-6' }),
  stanza('linux-6', '6', { Depends: 'initramfs' }),
].join('\n')
const SECURITY = stanza('libc6', '2.41-1+deb13u1')

const trusted = await makeKey()
const stranger = await makeKey()

/** A mirror with both suites, and what it takes to make a lock from it. */
async function setUp(test: Test, fields = ''): Promise<{ mirror: FakeMirror; context: RelockContext }> {
  const mirror = await FakeMirror.start()
  const transport = new Transport({ environment: {}, retries: { attempts: 2, backoffMs: 1 } })
  test.teardown(() => {
    transport.close()
    mirror.stop()
  })
  const secret = trusted.secret
  await publish(mirror, { suite: 'trixie', packages: MAIN, secret, byHash: true })
  await publish(mirror, { suite: 'trixie-security', packages: SECURITY, secret, fields })
  const context: RelockContext = {
    request: REQUEST,
    requestName: 'packages.json',
    keys: [trusted.key],
    mirrors: { main: mirror.url, security: mirror.url },
    cache: await Cache.open(test.testdir()),
    progress: silent,
    now: KEY_DATE + 1000,
    transport,
  }
  return { mirror, context }
}

const inRelease = '/dists/trixie-security/InRelease'
const validUntil = (seconds: number) => `Valid-Until: ${new Date((KEY_DATE + seconds) * 1000).toUTCString()}`

t.test('a lock of the newest versions', async t => {
  const { context } = await setUp(t, validUntil(2000))
  const lock = await makeLock(context)
  t.same(lock.groups, { root: ['bash', 'libc6'], kernel: ['linux-6'] })
  t.same(
    lock.packages.map(item => [item.name, item.version, item.suite]),
    [
      ['bash', '5.2-1', 'trixie'],
      ['libc6', '2.41-1+deb13u1', 'trixie-security'],
      ['linux-6', '6', 'trixie'],
    ],
  )
  t.equal(lock.date, KEY_DATE + 10)
  t.equal(lock.request, requestHash(REQUEST))
})

t.test('packages that a suite has to itself come from it alone, and nothing else of it does', async t => {
  const { mirror, context } = await setUp(t)
  const packages = [stanza('bash', '5.1-1', { Depends: 'libc6' }), stanza('libc6', '9')].join('\n')
  await publish(mirror, { suite: 'bookworm', packages, secret: trusted.secret })
  const suites = [
    ...REQUEST.suites,
    { name: 'bookworm', archive: 'main' as const, components: ['main'], packages: ['bash'] },
  ]
  const request = { ...REQUEST, suites }
  const lock = await makeLock({ ...context, request })
  t.same(
    lock.packages.map(item => [item.name, item.version, item.suite]),
    [
      ['bash', '5.1-1', 'bookworm'],
      ['libc6', '2.41-1+deb13u1', 'trixie-security'],
      ['linux-6', '6', 'trixie'],
    ],
  )
  t.not(lock.request, requestHash(REQUEST))
})

t.test('indexes come from the cache, unless they are damaged there', async t => {
  const { mirror, context } = await setUp(t)
  const lock = await makeLock(context)
  const fetched = mirror.requests.length
  t.same(await makeLock(context), lock)
  t.equal(mirror.requests.length, fetched + 2, 'only both InRelease again')
  const folder = join(context.cache.root, 'indexes')
  for (const name of readdirSync(folder)) writeFileSync(join(folder, name), 'rubbish')
  t.same(await makeLock(context), lock)
})

t.test('a stranger signed', async t => {
  const { mirror, context } = await setUp(t)
  await publish(mirror, { suite: 'trixie-security', packages: SECURITY, secret: stranger.secret })
  await t.rejects(makeLock(context), {
    name: 'UserError',
    message: /trixie-security\/InRelease: the signature .* not signed by any key in image\/keys/,
  })
})

t.test('one good signature among those of strangers is enough', async t => {
  const { mirror, context } = await setUp(t)
  const secret = [stranger.secret, trusted.secret]
  await publish(mirror, { suite: 'trixie-security', packages: SECURITY, secret })
  t.ok(await makeLock(context))
  await t.rejects(makeLock({ ...context, keys: [] }), /not signed by any key/)
})

t.test('the text was changed', async t => {
  const { mirror, context } = await setUp(t)
  const text = mirror.files.get(inRelease)!.toString()
  mirror.files.set(inRelease, Buffer.from(text.replace('Components: main', 'Components: evil')))
  await t.rejects(makeLock(context), /signature of the index is not valid: Signed digest did not match/)
})

t.test('text outside of the signature is not believed', async t => {
  const { mirror, context } = await setUp(t, validUntil(500))
  const text = mirror.files.get(inRelease)!.toString()
  mirror.files.set(inRelease, Buffer.from(`${validUntil(9000)}\n\n${text}`))
  await t.rejects(makeLock(context), /expired|not valid/)
})

t.test('no signature at all', async t => {
  const { mirror, context } = await setUp(t)
  for (const text of ['Codename: trixie-security\n', '', '<html>Hotel login</html>']) {
    mirror.files.set(inRelease, Buffer.from(text))
    await t.rejects(makeLock(context), { name: 'UserError', message: /signature of the index is not valid/ })
  }
})

t.test('expired', async t => {
  const { context } = await setUp(t, validUntil(500))
  await t.rejects(makeLock(context), { message: /InRelease: the index expired on/, hint: /clock/ })
  t.ok(await makeLock({ ...context, acceptExpired: true }))
  t.ok(await makeLock({ ...context, now: KEY_DATE + 400 }))
})

t.test('signed in the future', async t => {
  const { context } = await setUp(t)
  await t.rejects(
    makeLock({ ...context, now: KEY_DATE + 5 }),
    /signature of the index is not valid: .*future/,
  )
})

t.test('the index of another suite', async t => {
  const { mirror, context } = await setUp(t)
  mirror.files.set(inRelease, mirror.files.get('/dists/trixie/InRelease')!)
  await t.rejects(makeLock(context), /is the index of 'trixie', not of 'trixie-security'/)
})

t.test('an index that is not what was signed', async t => {
  const { mirror, context } = await setUp(t)
  const path = '/dists/trixie-security/main/binary-amd64/Packages.xz'
  const bytes = Buffer.from(mirror.files.get(path)!)
  bytes[bytes.length - 30]! ^= 1
  mirror.files.set(path, bytes)
  await t.rejects(makeLock(context), /Packages.xz: its SHA-256 is [0-9a-f]{64}, the signed index says/)
  t.same(readdirSync(join(context.cache.root, 'partial')), [])
  t.notOk(readdirSync(join(context.cache.root, 'indexes')).length > 1, 'it is not kept')
})

t.test('an index or a suite that is not there', async t => {
  const { mirror, context } = await setUp(t)
  mirror.files.delete('/dists/trixie-security/main/binary-amd64/Packages.xz')
  await t.rejects(makeLock(context), { name: 'UserError', message: /Packages.xz: not found/ })
  mirror.files.delete(inRelease)
  await t.rejects(makeLock(context), { name: 'UserError', message: /InRelease: not found/, hint: /dists/ })
  const other = await signRelease(
    'Codename: trixie-security\nDate: Sat, 21 Nov 2020 00:53:03 UTC\n',
    trusted.secret,
  )
  mirror.files.set(inRelease, Buffer.from(other))
  await t.rejects(makeLock(context), /lists no main\/binary-amd64\/Packages.xz/)
})

t.test('a server that fails for a while, and one that fails for good', async t => {
  const { mirror, context } = await setUp(t)
  let failures = 1
  mirror.trick = (request, response) => {
    if (request.url !== inRelease || failures === 0) return false
    failures -= 1
    response.writeHead(503).end()
    return true
  }
  t.ok(await makeLock(context))
  failures = 9
  await t.rejects(makeLock(context), {
    name: 'UserError',
    message: /503.*\(tried 2 times\)/,
    hint: /ORLOP_DEBIAN_MIRROR/,
  })
})

t.test('nobody listens', async t => {
  const { mirror, context } = await setUp(t)
  mirror.stop()
  await t.rejects(makeLock(context), { name: 'UserError', message: /cannot fetch http.*ECONNREFUSED/ })
})

t.test('a file that is no key', async t => {
  await t.rejects(
    readTrustedKeys([{ name: 'image/keys/x.asc', text: 'hello' }]),
    /image\/keys\/x.asc: is no armoured/,
  )
})
