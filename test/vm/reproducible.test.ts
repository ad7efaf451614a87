// The same sources give the same bytes: this checkout's image against one built from nothing but the downloads, in
// another folder, at another time, with another time zone, language and umask; and by a build that ^C ends again and
// again, which says one line and leaves nothing half-made under a final name.

import { existsSync } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { inspectDisk } from '../../build/disk/inspect.ts'
import { type BuildResult, sha256File } from '../../build/image.ts'
import { NO_MIRROR, saysOneLine } from '../cli/lib/answer.ts'
import { copyCheckout, type OrlopRun, runOrlop, type Said, shareDownloads } from '../cli/lib/checkout.ts'
import { temporaryFolder } from '../cli/lib/folder.ts'
import { FILE_TIMEOUT_MS } from './lib/guest.ts'
import { openLaboratory, ROOT, testImage } from './lib/image.ts'

t.setTimeout(FILE_TIMEOUT_MS)

const READ_BYTES = 4 << 20
/** Milliseconds into the build; finished parts are kept, so each run gets further than the one before it. */
const DELAY_MS = { min: 300, max: 12_000 }
/** ORLOP_INTERRUPTIONS=0 tells which of the two it was when bytes differ. */
const INTERRUPTIONS = Number(process.env['ORLOP_INTERRUPTIONS'] ?? 6)
const INTERRUPTIONS_MIN = Math.floor(INTERRUPTIONS / 2)
/** The build has to be over soon after it was asked to stop. */
const STOP_MS_MAX = 20_000
const seed = Number(process.env['ORLOP_SEED'] ?? 20_251_123)

const laboratory = await openLaboratory()
const here = await testImage()
const elsewhere = await temporaryFolder(t, tmpdir(), 'orlop elsewhere ')
const [cache, out] = [join(elsewhere, 'cache'), join(elsewhere, 'out')]
const checkout = join(elsewhere, 'a/deeper/checkout')
await copyCheckout(ROOT, checkout)
await shareDownloads(laboratory.cache.root, cache)

/** The build elsewhere, to its end or to its interruption. */
async function build(words: readonly string[], onStart?: OrlopRun['onStart']): Promise<Said> {
  return await runOrlop({
    checkout,
    words: ['build', '--quiet', ...words],
    umask: '077',
    env: {
      ORLOP_CACHE: cache,
      ORLOP_OUT: out,
      ORLOP_DEBIAN_MIRROR: NO_MIRROR,
      ORLOP_DEBIAN_SECURITY_MIRROR: NO_MIRROR,
      TZ: 'Asia/Kathmandu',
      LC_ALL: 'tr_TR.UTF-8',
      HOME: elsewhere,
    },
    ...(onStart === undefined ? {} : { onStart }),
  })
}

t.test('a build that is interrupted again and again', async t => {
  const random = sequence(seed)
  t.comment(`seed ${seed}; ORLOP_SEED chooses another`)
  let interrupted = 0
  for (let run = 1; run <= INTERRUPTIONS; run++) {
    const delayMs = Math.round(DELAY_MS.min + random() * (DELAY_MS.max - DELAY_MS.min))
    const signalName = run % 3 === 0 ? 'SIGTERM' : 'SIGINT'
    let sentAt: number | undefined
    const said = await build([], signal => {
      setTimeout(() => {
        sentAt = performance.now()
        signal(signalName)
      }, delayMs).unref()
    })
    if (said.code === 0) break // faster than the signal
    interrupted += 1
    const tookMs = performance.now() - (sentAt ?? 0)
    await t.test(`${signalName} after ${delayMs} ms`, t => checkInterrupted(t, said, tookMs))
  }
  t.ok(interrupted >= INTERRUPTIONS_MIN, `${interrupted} interruptions came in time`)
})

async function checkInterrupted(t: Test, said: Said, tookMs: number): Promise<void> {
  // A signal before the program has begun to listen ends it at once, without a word.
  if (said.code === null) t.equal(said.stderr, '')
  else saysOneLine(t, said, /interrupted; run the same command again/)
  t.ok(tookMs < STOP_MS_MAX, 'it stops soon')
  const left = existsSync(out) ? await readdir(out) : []
  t.same(
    left.filter(name => name.endsWith('.raw') || name.endsWith('.json')),
    [],
    'no image',
  )
  const partial = existsSync(join(cache, 'partial')) ? await readdir(join(cache, 'partial')) : []
  t.same(said.code === null ? [] : partial, [], 'no work under way is left')
}

t.test('goes on to bytes that are identical to those of another place', async t => {
  const said = await build(['--json'])
  t.equal(said.stderr, '')
  if (!t.equal(said.code, 0)) return
  t.same(
    (await readdir(out)).filter(name => name.startsWith('.') || name.includes('partial')),
    [],
  )
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

/** Numbers from 0 to 1 that follow from the seed (mulberry32). */
function sequence(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
