import t from 'tap'
import { settledMemory } from './boots.ts'
import { formatResults, type ImageResults, mergeResults, replaceTable } from './report.ts'
import { median, type Phase, timedProgress } from './timing.ts'

const results: ImageResults = {
  imageBytesRaw: 1_496_317_952,
  imageBytesAllocated: 200e6,
  rootBytes: 150e6,
  kernelBytes: 12e6,
  initrdBytes: 4e6,
  binaryBytes: 100e6,
  bundleBytes: 12_345,
  binaryStartMs: { min: 40.2, median: 41.7 },
  buildWarmSeconds: 3.21,
  bootToLoginSeconds: 22.04,
  components: Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`part${index}`, 1e6 * index])),
  machine: {
    cpu: 'A processor',
    cores: 2,
    memoryMiB: 8000,
    kernel: '6.12.1',
    accelerator: 'tcg',
    node: '24.0.0',
    loadBefore: 0.1,
  },
}

t.test('the table says what was measured and what was not', t => {
  const table = formatResults(results)
  t.match(table, '| raw image | 1496.3 MB |  |')
  t.match(table, '| raw image, zstd -19 | – | ≤ 180 MB |')
  t.match(table, '| boot to login | 22.0 s | ≤ 24 s |')
  t.match(table, '| 6 others | 15.0 |')
  t.match(table, '| together | 190.0 |')
  t.notMatch(table, 'undefined')
  t.end()
})

t.test('only what stands between the markers is replaced', t => {
  const page = 'a\n<!-- bench:image -->\nold\n<!-- /bench:image -->\nb\n'
  const expected = 'a\n<!-- bench:image -->\n\nnew\n\n<!-- /bench:image -->\nb\n'
  t.equal(replaceTable(page, 'new'), expected)
  t.equal(replaceTable(expected, 'new'), expected)
  t.throws(() => replaceTable('a\n', 'new'), /lacks/)
  t.end()
})

t.test('what is left out keeps its value, on the same machine only', t => {
  const before = { ...results, imageBytesZstd: 5, buildWarmSeconds: 9 }
  t.match(mergeResults(before, results), { imageBytesZstd: 5, buildWarmSeconds: 3.21 })
  const other = { ...before, machine: { ...before.machine, cores: 64 } }
  t.equal(mergeResults(other, results).imageBytesZstd, undefined)
  t.equal(mergeResults(undefined, results), results)
  t.end()
})

t.test('medians, phases, memory', t => {
  t.equal(median([3, 1, 2]), 2)
  t.equal(median([4, 1]), 4)
  t.throws(() => median([]), RangeError)
  const phases: Phase[] = []
  let now = 0
  const next = { begin: () => ({ advance: () => undefined, end: () => undefined }), note: () => undefined }
  const progress = timedProgress(phases, () => now, next)
  const task = progress.begin('work')
  now = 1500
  task.end()
  t.same(phases, [{ title: 'work', seconds: 1.5 }])
  const sample = (available: number) => `MemTotal: 1048576 kB\nMemFree: 1 kB\nMemAvailable: ${available} kB\n`
  t.equal(settledMemory([1, 1, 1, 1, 524288, 524288, 524288, 524288, 0, 0].map(sample).join('')), 512)
  t.throws(() => settledMemory(''), RangeError)
  t.end()
})
