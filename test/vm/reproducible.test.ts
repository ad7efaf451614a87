// The same sources give the same bytes: this checkout's image against one built from nothing but the downloads, in
// another folder, at another time, with another time zone, language and umask.

import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { inspectDisk } from '../../build/disk/inspect.ts'
import { type BuildResult, sha256File } from '../../build/image.ts'
import { copyCheckout, runOrlop, shareDownloads } from '../cli/lib/checkout.ts'
import { temporaryFolder } from '../cli/lib/folder.ts'
import { FILE_TIMEOUT_MS } from './lib/guest.ts'
import { openLaboratory, ROOT, testImage } from './lib/image.ts'

t.setTimeout(FILE_TIMEOUT_MS)
const READ_BYTES = 4 << 20

/** Nobody answers there: what is not in the cache cannot be had. */
const NO_MIRROR = 'http://127.0.0.1:9/debian'

t.test('two builds in different places give identical bytes', async t => {
  const laboratory = await openLaboratory()
  const here = await testImage()
  const elsewhere = await temporaryFolder(t, tmpdir(), 'orlop elsewhere ')
  const checkout = join(elsewhere, 'a/deeper/checkout')
  await copyCheckout(ROOT, checkout)
  await shareDownloads(laboratory.cache.root, join(elsewhere, 'cache'))
  const said = await runOrlop({
    checkout,
    words: ['build', '--json', '--quiet'],
    umask: '077',
    env: {
      ORLOP_CACHE: join(elsewhere, 'cache'),
      ORLOP_OUT: join(elsewhere, 'out'),
      ORLOP_DEBIAN_MIRROR: NO_MIRROR,
      ORLOP_DEBIAN_SECURITY_MIRROR: NO_MIRROR,
      TZ: 'Asia/Kathmandu',
      LC_ALL: 'tr_TR.UTF-8',
      HOME: elsewhere,
    },
  })
  t.equal(said.stderr, '')
  if (!t.equal(said.code, 0)) return
  const there: BuildResult = JSON.parse(said.stdout)
  t.equal(await sha256File(there.binary.path), await sha256File(here.binary.path), 'the binary')
  t.equal(there.rootHash, here.rootHash, 'the root hash')
  t.same(there.sizes, here.sizes)
  t.equal(await sha256File(there.sbom), await sha256File(here.sbom), 'the bill of materials')
  const same = (await sha256File(there.images.raw)) === (await sha256File(here.images.raw))
  t.ok(same, 'the raw image')
  if (same) return
  const at = await firstDifference(here.images.raw, there.images.raw)
  const { partitions } = await inspectDisk(here.images.raw, laboratory.tools)
  const partition = partitions.find(({ offset, size }) => at >= offset && at < offset + size)
  const place = partition ? `${partition.label} at ${at - partition.offset}` : 'no partition'
  t.fail(`the images differ first at byte ${at}, ${place}`)
})

/** The offset of the first byte that differs; the shorter file's length when it is the beginning of the other. */
async function firstDifference(a: string, b: string): Promise<number> {
  const [one, two] = [await open(a), await open(b)]
  try {
    for (let offset = 0; ; ) {
      const left = await one.read(Buffer.alloc(READ_BYTES), 0, READ_BYTES, offset)
      const right = await two.read(Buffer.alloc(READ_BYTES), 0, READ_BYTES, offset)
      const length = Math.min(left.bytesRead, right.bytesRead)
      for (let index = 0; index < length; index++) {
        if (left.buffer[index] !== right.buffer[index]) return offset + index
      }
      offset += length
      if (length < READ_BYTES) return offset
    }
  } finally {
    await one.close()
    await two.close()
  }
}
