// Packages that are not what the lock says: nothing of them is used, and one line says which and what to do.

import { existsSync } from 'node:fs'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { readLock } from '../../build/deb/host/repository.ts'
import { packagesOf } from '../../build/deb/lock.ts'
import { FakeMirror } from '../../build/deb/testing/mirror.ts'
import { FILE_TIMEOUT_MS } from '../vm/lib/guest.ts'
import { openLaboratory, ROOT } from '../vm/lib/image.ts'
import { NO_MIRROR, saysOneLine } from './lib/answer.ts'
import { runOrlop, type Said, shareDownloads } from './lib/checkout.ts'
import { temporaryFolder } from './lib/folder.ts'

t.setTimeout(FILE_TIMEOUT_MS)

const laboratory = await openLaboratory()
const lock = await readLock(ROOT)
const folder = await temporaryFolder(t, tmpdir(), 'orlop-packages-')
const cache = join(folder, 'cache')
const out = join(folder, 'out')
await shareDownloads(laboratory.cache.root, cache)
// Small, so that its transfer is quick.
const victim = packagesOf(lock, 'root').toSorted((a, b) => a.size - b.size)[0]!
const cached = join(cache, 'debs', victim.sha256)
const right = await readFile(cached)
const mirror = await FakeMirror.start()
t.teardown(() => mirror.stop())

/** Builds with whatever the mirror has at the victim's place. */
async function build(served: Buffer | undefined, url = mirror.url): Promise<Said> {
  mirror.files.clear()
  if (served !== undefined) mirror.files.set(`/${victim.path}`, served)
  return await runOrlop({
    checkout: ROOT,
    words: ['build', '--quiet'],
    env: {
      ORLOP_CACHE: cache,
      ORLOP_OUT: out,
      ORLOP_DEBIAN_MIRROR: url,
      ORLOP_DEBIAN_SECURITY_MIRROR: url,
      no_proxy: '127.0.0.1',
    },
  })
}

function tampered(): Buffer {
  const bytes = Buffer.from(right)
  bytes[bytes.length >> 1]! ^= 1
  return bytes
}

const cases: [name: string, served: Buffer | undefined, pattern: RegExp][] = [
  ['one bit is wrong', tampered(), /SHA-256 is [0-9a-f]{64}, the lock says .*try another mirror/],
  ['it is cut short', right.subarray(0, right.length - 7), /ended after|has \d+ bytes/],
  ['it is longer', Buffer.concat([right, Buffer.from('more')]), /more than the \d+ bytes that were locked/],
  ['it has left the mirror', undefined, /left the mirror \(superseded\); run `npm run orlop -- lock`/],
]

for (const [name, served, pattern] of cases) {
  t.test(`a package: ${name}`, async t => {
    await rm(cached, { force: true })
    mirror.requests.length = 0
    const said = await build(served)
    t.ok(
      mirror.requests.some(request => request.startsWith(`/${victim.path}`)),
      'it was asked for',
    )
    saysOneLine(t, said, pattern)
    t.match(said.stderr, victim.name)
    t.notOk(existsSync(cached), 'it is not in the cache')
    t.same(existsSync(out) ? await readdir(out) : [], [], 'no image')
  })
}

t.test('no mirror answers', async t => {
  await rm(cached, { force: true })
  saysOneLine(t, await build(undefined, NO_MIRROR), /127\.0\.0\.1/)
})

t.test('a package that rotted in the cache', async t => {
  await rm(cached, { force: true })
  await writeFile(cached, tampered())
  const said = await build(undefined, NO_MIRROR)
  saysOneLine(t, said, new RegExp(victim.name.replaceAll('+', '\\+')))
  t.same(existsSync(out) ? await readdir(out) : [], [], 'no image')
})
