import t from 'tap'
import type { LogEntry } from './blklog.ts'
import { type Cut, flushCuts, partialCut, STYLES, windowsOf, writesIn } from './cuts.ts'
import { Random } from './random.ts'

const write = (sector: number, sectors: number, more: Partial<LogEntry> = {}): LogEntry => ({
  ...{ sector, sectors, dataBytes: sectors * 512 },
  ...{ flush: false, fua: false, discard: false, mark: false, ...more },
})
const flush: LogEntry = write(0, 0, { flush: true })
const mark: LogEntry = write(0, 0, { mark: true, dataBytes: 3 })

/** 0 and 1, flush, nothing, flush, 4 to 6 of which 5 is forced, flush, 8. */
const log = [
  ...[write(0, 1), write(10, 4), flush, flush],
  ...[write(20, 2), write(0, 1, { fua: true }), mark, write(30, 3, { discard: true, dataBytes: 0 }), flush],
  write(50, 8),
]

t.test('windows are what lies between flushes', async t => {
  t.same(windowsOf(log), [
    { start: 0, end: 2 },
    { start: 3, end: 8 },
    { start: 8, end: 10 },
  ])
  t.same(writesIn(log, 3, 8), [4, 5, 7], 'a discard changes the disk, a mark does not')
  t.same(windowsOf([]), [])
  t.same(windowsOf([flush, flush, mark]), [])
})

t.test('a cut at each flush point, and with everything', async t => {
  t.same(
    flushCuts(log).map(({ durable, landed }) => ({ durable, landed })),
    [0, 3, 8, 10].map(durable => ({ durable, landed: [] })),
  )
  t.same(flushCuts([flush]), [])
})

/** Every sector that landed, as `entry:sector`. */
function sectorsOf(cut: Cut): string[] {
  return cut.landed.flatMap(({ entry, first, sectors }) =>
    Array.from({ length: sectors }, (_, index) => `${entry}:${first + index}`),
  )
}

t.test('partial cuts are legal, and any legal one comes', async t => {
  const random = new Random(7)
  const window = { start: 3, end: 8 }
  const seen = new Set<string>()
  const styles = new Set<string>()
  for (let round = 0; round < 5000; round++) {
    const cut = partialCut(log, window, random)
    const sectors = sectorsOf(cut)
    styles.add(STYLES.find(style => cut.name.includes(`+ ${style} of`)) ?? cut.name)
    seen.add([...new Set(sectors)].toSorted().join(' '))
    const legal =
      cut.durable === 3 &&
      cut.landed.every(({ entry, first, sectors }) => {
        return (
          [4, 5, 7].includes(entry) && first >= 0 && sectors > 0 && first + sectors <= log[entry]!.sectors
        )
      }) &&
      cut.landed.every(({ entry }, index) => index === 0 || entry >= cut.landed[index - 1]!.entry)
    if (!legal) t.fail(JSON.stringify(cut))
    // The forced write was done before the discard began.
    if (sectors.some(sector => sector.startsWith('7:')) && !sectors.includes('5:0'))
      t.fail(`5 must have landed: ${JSON.stringify(cut)}`)
  }
  t.same([...styles].toSorted(), [...STYLES].toSorted())
  // 2 sectors of entry 4 × (5 not yet, or there × any of the 3 sectors of 7)
  const expected = ['', '4:0', '4:1', '4:0 4:1'].flatMap(four =>
    [
      '',
      '5:0',
      ...['7:0', '7:1', '7:2', '7:0 7:1', '7:0 7:2', '7:1 7:2', '7:0 7:1 7:2'].map(x => `5:0 ${x}`),
    ].map(rest => [four, rest].filter(Boolean).join(' ')),
  )
  t.same([...seen].toSorted(), expected.toSorted())
})

t.test('a seed gives the same cuts again', async t => {
  const cuts = (seed: number) => {
    const random = new Random(seed)
    return Array.from({ length: 20 }, () => partialCut(log, { start: 8, end: 10 }, random))
  }
  t.same(cuts(1), cuts(1))
  t.notSame(cuts(1), cuts(2))
  const numbers = new Random(3)
  const drawn = Array.from({ length: 1000 }, () => numbers.below(10))
  t.same([...new Set(drawn)].toSorted(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  t.same(numbers.sample([1, 2, 3], 5), [1, 2, 3])
  t.equal(numbers.sample([1, 2, 3, 4], 2).length, 2)
  t.throws(() => numbers.pick([]), /nothing to pick/)
})
