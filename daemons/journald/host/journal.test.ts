import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import t from 'tap'
import { Journal, type JournalEntry, type ReadOptions } from '../mod.ts'

const folder = await mkdtemp(join(tmpdir(), 'journald-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
const machine = join(folder, 'a'.repeat(32))
await mkdir(machine)
const packed = await readFile(join(import.meta.dirname, '../testdata/lz4.journal.zst'))
const real = join(machine, 'system.journal')
await writeFile(real, zstdDecompressSync(packed))

async function all(journal: Journal, options?: ReadOptions): Promise<JournalEntry[]> {
  const entries: JournalEntry[] = []
  for await (const entry of journal.entries(options)) entries.push(entry)
  return entries
}

t.test('a folder with machines, and what is no journal in it', async t => {
  await writeFile(join(machine, 'text.journal'), 'no journal')
  await writeFile(join(machine, 'notes.txt'), 'not looked at')
  await copyFile(real, join(machine, 'system@1.journal~'))
  await writeFile(join(machine, 'half.journal~'), (await readFile(real)).subarray(0, 200))
  const problems: string[] = []
  const onProblem = ({ path, error }: { path: string; error: Error & { code: string } }): void => {
    problems.push(`${path.slice(machine.length + 1)} ${error.code}`)
  }
  const journal = new Journal({ directory: folder, onProblem })
  t.equal((await all(journal)).length, 100)
  t.same(problems.toSorted(), ['half.journal~ truncated', 'text.journal not-journal'])
  t.equal((await all(new Journal({ directory: machine }))).length, 100)
  t.same(await all(new Journal({ directory: join(folder, 'none') })), [])
  problems.length = 0
  t.same(await all(new Journal({ files: [join(folder, 'gone.journal')], onProblem })), [])
  t.equal(problems.length, 1)
})

t.test('places', async t => {
  const journal = new Journal({ files: [real] })
  const entries = await all(journal)
  const cursorsOf = async (options: ReadOptions): Promise<string[]> =>
    (await all(journal, options)).map(e => e.cursor)
  const wanted = entries.map(({ cursor }) => cursor)
  const { cursor } = entries[40]!
  t.same(await cursorsOf({ from: { cursor } }), wanted.slice(40))
  t.same(await cursorsOf({ from: { cursor, after: true } }), wanted.slice(41))
  t.same(await cursorsOf({ from: { cursor }, direction: 'backward' }), wanted.slice(0, 41).toReversed())
  t.same(await cursorsOf({ from: { last: 3 } }), wanted.slice(97))
  t.same(await cursorsOf({ from: { last: 0 } }), [])
  t.same(await cursorsOf({ from: { last: 500 } }), wanted)
  t.same(await cursorsOf({ from: 'tail' }), [])
  t.same(await cursorsOf({ from: 'head', direction: 'backward' }), [])
  const foreign = cursor.replace(/^s=\w+;i=\w+/, `s=${'f'.repeat(32)};i=1`)
  t.same(await cursorsOf({ from: { cursor: foreign } }), wanted.slice(40), 'the cursor of another writer')
  const wrong: ReadOptions[] = [
    { from: { cursor: 'nonsense' } },
    { from: { last: -1 } },
    { from: { last: 1.5 } },
    { from: { last: 1 }, direction: 'backward' },
    { follow: true, direction: 'backward' },
    { matches: ['nonsense'] },
  ]
  for (const options of wrong) await t.rejects(all(journal, options), RangeError, JSON.stringify(options))
})

t.test('following ends by the signal, and by leaving the loop', async t => {
  const journal = new Journal({ directory: folder })
  const ending = new AbortController()
  const got: JournalEntry[] = []
  setTimeout(() => ending.abort(), 200)
  for await (const entry of journal.entries({ from: { last: 2 }, follow: true, signal: ending.signal }))
    got.push(entry)
  t.equal(got.length, 2)
  t.same(await all(journal, { follow: true, signal: AbortSignal.abort() }), [])
  for await (const _ of journal.entries({ follow: true })) break
  t.pass('the loop was left')
})
