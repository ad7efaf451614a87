// QEMU's own record of what was written, replayed, gives the disk that QEMU wrote.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { flushCuts, partialCut, windowsOf } from '../powercut/cuts.ts'
import { Random } from '../powercut/random.ts'
import { openLog, Replay } from '../powercut/replay.ts'
import { openLaboratory } from './lib/image.ts'

const SIZE = 1 << 20
const { tools } = await openLaboratory()

/** Runs commands of qemu-io on a disk of letters whose writes are logged. */
async function written(folder: string, commands: readonly string[]) {
  const paths = { disk: join(folder, 'disk'), base: join(folder, 'base'), log: join(folder, 'log') }
  for (const path of [paths.disk, paths.base]) await writeFile(path, Buffer.alloc(SIZE, 'b'))
  await writeFile(paths.log, '')
  const image = {
    driver: 'blklogwrites',
    file: { driver: 'file', filename: paths.disk, discard: 'unmap' },
    log: { driver: 'file', filename: paths.log },
    discard: 'unmap',
  }
  const args = commands.flatMap(command => ['-c', command])
  await tools.run('qemu-io', ['-t', 'writeback', ...args, `json:${JSON.stringify(image)}`])
  return paths
}

t.test('the log replayed is the disk', async t => {
  const folder = t.testdir()
  const { disk, base, log } = await written(folder, [
    ...['write -P 65 4k 1k', 'write -P 66 4608 512', 'flush', 'write -P 67 60k 300k', 'discard 128k 64k'],
    ...['flush', 'write -z 512k 8k', 'write -P 68 1048064 512', 'write -f -P 69 0 512', 'write -P 70 512 1k'],
  ])
  const opened = await openLog(log)
  const replay = await Replay.begin(base, SIZE, opened, join(folder, 'work'))
  t.teardown(async () => {
    await replay.close()
    await opened.file.close()
  })
  const { entries } = opened
  t.ok(entries.filter(entry => entry.flush).length >= 3, 'flushes')
  t.equal(entries.filter(entry => entry.discard).length, 1)
  const cuts = flushCuts(entries)
  t.ok(cuts.length >= 4, `${cuts.length} flush points`)
  const seen: Buffer[] = []
  const random = new Random(1)
  for (const cut of cuts) {
    // Whatever lands in between must not stay.
    const window = windowsOf(entries).find(({ start }) => start === cut.durable)
    if (window) await replay.make(partialCut(entries, window, random), join(folder, 'cut'))
    await replay.make(cut, join(folder, 'cut'))
    seen.push(await readFile(join(folder, 'cut')))
  }
  t.ok(seen[0]!.equals(await readFile(base)), 'before the first flush nothing was there')
  t.equal(seen[1]!.toString('latin1', 4096, 5120), 'A'.repeat(512) + 'B'.repeat(512))
  t.equal(seen[1]!.indexOf('C'), -1, 'nor what came later')
  t.ok(seen.at(-1)!.equals(await readFile(disk)), 'at the end it is what QEMU left')
  for (let index = 1; index < seen.length; index++) {
    t.notOk(seen[index]!.equals(seen[index - 1]!), `flush point ${index} is another disk`)
  }
})

t.test('a flush that failed to reach the log would be noticed', async t => {
  const { log } = await written(t.testdir(), ['write -P 65 0 64k'])
  const { file, entries } = await openLog(log)
  await file.close()
  const whole = await readFile(log)
  await writeFile(log, whole.subarray(0, whole.length - 64 * 1024))
  t.ok(entries.length >= 1)
  await t.rejects(openLog(log), /ends within entry/)
})
