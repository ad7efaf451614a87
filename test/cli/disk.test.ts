// No room for the downloads.

import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { readLock } from '../../build/deb/host/repository.ts'
import { packagesOf } from '../../build/deb/lock.ts'
import { FakeMirror } from '../../build/deb/testing/mirror.ts'
import { FILE_TIMEOUT_MS } from '../vm/lib/guest.ts'
import { openLaboratory, ROOT } from '../vm/lib/image.ts'
import { saysOneLine } from './lib/answer.ts'
import { canMount, runOrlop } from './lib/checkout.ts'
import { temporaryFolder } from './lib/folder.ts'

t.setTimeout(FILE_TIMEOUT_MS)
const skip = (await canMount()) ? false : 'this user cannot mount a small file system'

t.test('the disk is full where the downloads go', { skip }, async t => {
  const { cache } = await openLaboratory()
  const mirror = await FakeMirror.start()
  t.teardown(() => mirror.stop())
  const lock = await readLock(ROOT)
  for (const { path, sha256 } of packagesOf(lock, 'kernel')) {
    const deb = cache.path('debs', sha256)
    if (existsSync(deb)) mirror.files.set(`/${path}`, await readFile(deb))
  }
  const folder = await temporaryFolder(t, tmpdir(), 'orlop-full-')
  const small = join(folder, 'cache')
  await mkdir(small)
  const said = await runOrlop({
    checkout: ROOT,
    words: ['build', '--quiet'],
    env: {
      ORLOP_CACHE: small,
      ORLOP_OUT: join(folder, 'out'),
      ORLOP_DEBIAN_MIRROR: mirror.url,
      ORLOP_DEBIAN_SECURITY_MIRROR: mirror.url,
      no_proxy: '127.0.0.1',
    },
    smallDisk: { folder: small, kib: 4 * 1024 },
  })
  saysOneLine(t, said, /no space left for package .*ORLOP_CACHE/)
  t.notOk(existsSync(join(folder, 'out')), 'no image')
})
