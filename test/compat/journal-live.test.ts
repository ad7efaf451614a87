// Journals that are being written by Debian's systemd-journal-remote while ours reads them.

import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { SystemdUnits } from '../../daemons/fleet/api/host/logs.ts'
import { Journal, type JournalEntry, matchUnit, type PlainField } from '../../daemons/journald/mod.ts'
import { until } from '../fleet/lib/live.ts'
import { Random } from '../sim/world/random.ts'
import { type Boot, type Form, JournalPrograms, someEntries } from './lib/journals.ts'
import { openOriginals } from './lib/programs.ts'

t.setTimeout(90_000)
const programs = new JournalPrograms(await openOriginals())
const folder = await mkdtemp(join(tmpdir(), 'orlop-journal-'))
t.teardown(() => programs.close())
t.teardown(() => rm(folder, { recursive: true, force: true }))

const FORM: Form = { compression: 'zstd', isKeyed: true, isCompact: true }
const BOOT: Boot = { bootId: '4'.repeat(32), machineId: 'c'.repeat(32), start: 1_700_000_000_000_000n }
const UNIT = 'a.service'

/** Short entries of a unit, so many after those before. */
function lines(first: number, count: number): PlainField[][] {
  return Array.from({ length: count }, (_, index) => [
    { name: '__REALTIME_TIMESTAMP', value: String(BOOT.start + BigInt(first + index) * 1000n) },
    { name: '__MONOTONIC_TIMESTAMP', value: String((first + index) * 1000) },
    { name: '_BOOT_ID', value: BOOT.bootId },
    { name: '_SYSTEMD_UNIT', value: (first + index) % 2 === 0 ? UNIT : 'b.service' },
    { name: 'MESSAGE', value: `line ${first + index}` },
  ])
}

/** Follows, and collects the messages until it is stopped. */
function follow(journal: Journal, last: number, matches?: ReturnType<typeof matchUnit>) {
  const got: string[] = []
  const ending = new AbortController()
  const done = (async () => {
    const options = { from: { last }, follow: true, signal: ending.signal, matches }
    for await (const entry of journal.entries(options)) got.push(entry.text('MESSAGE') ?? '')
  })()
  const stop = async (): Promise<void> => {
    ending.abort()
    await done
  }
  return { got, stop }
}

const numbered = (first: number, count: number, step = 1): string[] =>
  Array.from({ length: count }, (_, index) => `line ${first + index * step}`)

t.test('a file that grows, one that is rotated, and one that is new', async t => {
  const directory = join(folder, 'follow')
  await mkdir(directory)
  const file = join(directory, 'system.journal')
  let writer = programs.writer(file, FORM)
  await writer.write(lines(0, 10))
  // The first line is in both files, and comes once.
  const other = programs.writer(join(directory, 'user-1000.journal'), FORM)
  await other.write(lines(0, 1))
  const problems: string[] = []
  const journal = new Journal({
    directory,
    onProblem: ({ path, error }) => problems.push(`${path}: ${error.message}`),
  })
  await until(async () => (await all(journal)).length === 10)
  const everything = follow(journal, 3)
  const unit = follow(journal, 2, matchUnit(UNIT))
  const fresh = follow(journal, 0)
  await until(() => everything.got.length === 3 && unit.got.length === 2)
  t.same(everything.got, numbered(7, 3))
  t.same(unit.got, numbered(6, 2, 2))

  await writer.write(lines(10, 5))
  await until(() => everything.got.length === 8 && unit.got.length === 5 && fresh.got.length === 5)
  t.same(everything.got, numbered(7, 8))
  t.same(unit.got, numbered(6, 5, 2))
  t.same(fresh.got, numbered(10, 5))

  // Rotated as journald does it: the old file gets another name, and a new one its name.
  await writer.write(lines(15, 3))
  await writer.end()
  await rename(file, join(directory, 'system@0000.journal'))
  writer = programs.writer(file, FORM)
  await writer.write(lines(18, 4))
  await until(() => everything.got.length === 15 && fresh.got.length === 12)
  t.same(everything.got, numbered(7, 15))
  t.same(fresh.got, numbered(10, 12))

  // A second writer, whose clock is behind: what comes late is not lost.
  const [late] = lines(1, 1)
  await other.write(lines(5, 2))
  await other.write([[...late!.filter(({ name }) => name !== 'MESSAGE'), { name: 'MESSAGE', value: 'late' }]])
  await until(() => everything.got.length === 16)
  t.equal(everything.got.at(-1), 'late', 'and copies of what was read are no news')
  await writer.write(lines(22, 1))
  await until(() => everything.got.at(-1) === 'line 22')
  await other.end()
  await writer.end()

  for (const reader of [everything, unit, fresh]) await reader.stop()
  t.same(problems, [])
})

t.test('reading all over again while it is written', async t => {
  const file = join(folder, 'busy.journal')
  const writer = programs.writer(file, FORM)
  await writer.write(lines(0, 1))
  const problems: string[] = []
  const journal = new Journal({ files: [file], onProblem: ({ error }) => problems.push(error.message) })
  await until(async () => (await readFile(file).catch(() => Buffer.alloc(0))).length > 0)
  let isWriting = true
  const writing = (async () => {
    for (let first = 1; first < 8000; first += 50) {
      await writer.write(lines(first, 50))
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    isWriting = false
  })()
  const counts: number[] = []
  let different = 0
  while (isWriting && counts.length < 200) {
    const got = (await all(journal)).map(entry => entry.text('MESSAGE'))
    const [matched] = [(await all(journal, matchUnit(UNIT))).map(entry => entry.text('MESSAGE'))]
    if (got.some((text, index) => text !== `line ${index}`)) different++
    if (matched.some((text, index) => text !== `line ${index * 2}`)) different++
    counts.push(got.length)
  }
  await writing
  await writer.end()
  t.equal(different, 0, `read ${counts.length} times, with ${counts.slice(0, 5).join(', ')}, … entries`)
  t.ok(counts.length >= 2 && new Set(counts).size >= 2, 'it was read while it was written')
  t.same(problems, [], 'nothing looked damaged')
  t.equal((await all(journal)).length, 8001)
})

t.test("a unit's journal over fleet is what journalctl prints", async t => {
  const directory = join(folder, 'fleet')
  await mkdir(directory)
  const file = join(directory, 'system.journal')
  await programs.make(
    file,
    FORM,
    someEntries(new Random(9), BOOT, 600).map(fields =>
      // Crashes are believed of root, which journalctl leaves open for a folder.
      fields.filter(({ name }) => name !== 'COREDUMP_UNIT'),
    ),
  )
  const units = new SystemdUnits({ isUser: false, journal: { directory } })
  const never = new AbortController().signal
  for (const output of ['short', 'cat', 'short-iso', 'verbose']) {
    const got: string[] = []
    for await (const line of units.journal(UNIT, { lines: 40, follow: false, output }, never)) got.push(line)
    const args = [`--directory=${directory}`, '--unit', UNIT, '-n', '40', '-o', output]
    t.equal(`${got.join('\n')}\n`, (await programs.journalctl(args)).toString(), output)
  }
  const none: string[] = []
  for await (const line of units.journal('none.service', { lines: 4, follow: false, output: 'short' }, never))
    none.push(line)
  t.same(none, ['-- No entries --'])
  const bad = units.journal(UNIT, { lines: 4, follow: false, output: 'xml' }, never)
  await t.rejects(bad[Symbol.asyncIterator]().next(), { status: 400, message: /invalid output "xml"/ })

  const writer = programs.writer(file, FORM)
  const ending = new AbortController()
  const got: string[] = []
  const done = (async () => {
    for await (const line of units.journal(UNIT, { lines: 0, follow: true, output: 'cat' }, ending.signal))
      got.push(line)
  })()
  await new Promise(resolve => setTimeout(resolve, 300))
  await writer.write(lines(1_000_000_000, 4))
  await until(() => got.length === 2)
  ending.abort()
  await done
  await writer.end()
  t.same(got, ['line 1000000000', 'line 1000000002'])
})

t.test('a real file that is damaged anywhere is read in bounded time', async t => {
  const file = join(folder, 'damaged.journal')
  await programs.make(file, FORM, someEntries(new Random(31), BOOT, 150))
  const whole = await readFile(file)
  const random = new Random(32)
  let worstMs = 0
  let reported = 0
  for (let round = 0; round < 40; round++) {
    let bytes = Buffer.from(whole)
    for (let count = random.below(8); count >= 0; count--) {
      const from = random.below(2) === 0 ? 0 : whole.findLastIndex(byte => byte !== 0) - 60_000
      const at = from + random.below(from === 0 ? 300 : 60_000)
      bytes[at] = bytes[at]! ^ (1 << random.below(8))
    }
    if (random.below(4) === 0) bytes = bytes.subarray(0, random.below(bytes.length))
    await writeFile(file, bytes)
    const journal = new Journal({ files: [file], onProblem: () => reported++ })
    const started = performance.now()
    const entries = await all(journal)
    await all(journal, matchUnit(UNIT))
    for await (const _ of journal.entries({ from: { last: 50 } }));
    t.ok(entries.length <= 150)
    worstMs = Math.max(worstMs, performance.now() - started)
  }
  t.ok(reported > 10, `${reported} problems were told of`)
  t.ok(worstMs < 10_000, `the slowest took ${Math.round(worstMs)} ms`)
})

async function all(journal: Journal, matches?: ReturnType<typeof matchUnit>): Promise<JournalEntry[]> {
  const entries: JournalEntry[] = []
  for await (const entry of journal.entries({ matches })) entries.push(entry)
  return entries
}
