// ^C at any time: one line, nothing half-made under a final name, and the next run goes on to the same bytes.

import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type BuildResult, sha256File } from '../../build/image.ts'
import { FILE_TIMEOUT_MS } from '../vm/lib/guest.ts'
import { openLaboratory, ROOT, testImage } from '../vm/lib/image.ts'
import { NO_MIRROR, saysOneLine } from './lib/answer.ts'
import { runOrlop, shareDownloads } from './lib/checkout.ts'
import { temporaryFolder } from './lib/folder.ts'

t.setTimeout(FILE_TIMEOUT_MS)

/** Milliseconds into the build; finished parts are kept, so each run gets further than the one before it. */
const DELAY_MS = { min: 300, max: 12_000 }
const INTERRUPTIONS = 6
/** The build has to be over soon after it was asked to stop. */
const STOP_MS_MAX = 20_000
const seed = Number(process.env['ORLOP_SEED'] ?? 20_251_123)

t.test('a build that is interrupted again and again', async t => {
  const laboratory = await openLaboratory()
  const whole = await testImage()
  const folder = await temporaryFolder(t, tmpdir(), 'orlop-interrupt-')
  const cache = join(folder, 'cache')
  const out = join(folder, 'out')
  await shareDownloads(laboratory.cache.root, cache)
  const env = {
    ORLOP_CACHE: cache,
    ORLOP_OUT: out,
    ORLOP_DEBIAN_MIRROR: NO_MIRROR,
    ORLOP_DEBIAN_SECURITY_MIRROR: NO_MIRROR,
  }
  const random = sequence(seed)
  t.comment(`seed ${seed}; ORLOP_SEED chooses another`)
  let interrupted = 0
  for (let run = 1; run <= INTERRUPTIONS; run++) {
    const delayMs = Math.round(DELAY_MS.min + random() * (DELAY_MS.max - DELAY_MS.min))
    const signalName = run % 3 === 0 ? 'SIGTERM' : 'SIGINT'
    let sentAt: number | undefined
    const said = await runOrlop({
      checkout: ROOT,
      words: ['build', '--quiet'],
      env,
      onStart: signal => {
        setTimeout(() => {
          sentAt = performance.now()
          signal(signalName)
        }, delayMs).unref()
      },
    })
    if (said.code === 0) break // faster than the signal
    interrupted += 1
    await t.test(`${signalName} after ${delayMs} ms`, async t => {
      // A signal before the program has begun to listen ends it at once, without a word.
      if (said.code === null) t.equal(said.stderr, '')
      else saysOneLine(t, said, /interrupted; run the same command again/)
      t.ok(performance.now() - (sentAt ?? 0) < STOP_MS_MAX, 'it stops soon')
      const left = existsSync(out) ? await readdir(out) : []
      t.same(
        left.filter(name => name.endsWith('.raw') || name.endsWith('.json')),
        [],
        'no image',
      )
      const partial = existsSync(join(cache, 'partial')) ? await readdir(join(cache, 'partial')) : []
      t.same(said.code === null ? [] : partial, [], 'no work under way is left')
    })
  }
  t.ok(interrupted >= 3, `${interrupted} interruptions came in time`)
  const said = await runOrlop({ checkout: ROOT, words: ['build', '--quiet', '--json'], env })
  t.match(said, { code: 0, stderr: '' })
  const built: BuildResult = JSON.parse(said.stdout)
  t.equal(await sha256File(built.images.raw), await sha256File(whole.images.raw), 'the same image')
  t.same(
    (await readdir(out)).filter(name => name.startsWith('.') || name.includes('partial')),
    [],
  )
})

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
