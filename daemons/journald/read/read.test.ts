// Real files of systemd-journal-remote 257, one for each layout and compression: 100 entries of two boots.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import t from 'tap'
import { JournalError } from '../codec/errors.ts'
import { isMatch, type Match, parseMatches } from '../query/match.ts'
import type { Direction } from './chain.ts'
import type { JournalEntry } from './entry.ts'
import { JournalFile } from './file.ts'
import { Merge, type Start } from './merge.ts'
import { MemorySource } from './source.ts'

const NAMES = ['zstd-keyed-compact', 'lz4', 'xz-keyed']
const BOOTS = ['1', '2'].map(digit => digit.repeat(32))

async function fixture(name: string): Promise<Buffer> {
  return zstdDecompressSync(await readFile(join(import.meta.dirname, '../testdata', `${name}.journal.zst`)))
}

interface Reading {
  match?: Match | undefined
  direction?: Direction
  start?: Start
}

async function read(
  files: JournalFile[],
  reading: Reading = {},
  problems: string[] = [],
): Promise<JournalEntry[]> {
  const { match, direction = 'forward', start = direction === 'forward' ? 'head' : 'tail' } = reading
  const merge = new Merge({ match, direction, start, report: (_, error) => problems.push(error.message) })
  for (const file of files) await merge.add(file)
  const entries: JournalEntry[] = []
  for (let entry = await merge.next(); entry !== undefined; entry = await merge.next()) entries.push(entry)
  return entries
}

const open = async (bytes: Buffer): Promise<JournalFile> =>
  await JournalFile.open('x', new MemorySource(bytes))
const cursors = (entries: JournalEntry[]): string[] => entries.map(entry => entry.cursor)
const dataOf = (entry: JournalEntry): Buffer[] =>
  entry.items.map(({ name, value }) => Buffer.concat([Buffer.from(`${name}=`), value]))

for (const name of NAMES) {
  t.test(`${name}: entries, queries and places`, async t => {
    const file = await open(await fixture(name))
    const problems: string[] = []
    const all = await read([file], {}, problems)
    t.equal(all.length, 100)
    t.same(
      all.map(({ seqnum }) => seqnum),
      all.map((_, index) => BigInt(index + 1)),
    )
    t.equal(all[5]?.text('BIG'), 'all the same '.repeat(1000), 'a field that is compressed')
    t.same(cursors(await read([file], { direction: 'backward' })), cursors(all).toReversed())

    const queries = ['_PID=1', '_PID=1 SHORT=3', 'SHORT=1 SHORT=2 _UID=0 + NUMBER=7', 'NUMBER=7', 'NONE=1']
    for (const words of queries) {
      const match = parseMatches(words.split(' '))!
      const wanted = cursors(all.filter(entry => isMatch(match, dataOf(entry))))
      t.same(cursors(await read([file], { match })), wanted, words)
      t.same(cursors(await read([file], { match, direction: 'backward' })), wanted.toReversed(), words)
    }
    const big = parseMatches([`BIG=${'all the same '.repeat(1000)}`])
    t.equal((await read([file], { match: big })).length, 1, 'a query for a field that is compressed')

    for (const at of [all[0]!, all[33]!, all[60]!, all[99]!]) {
      const { realtime, bootId, monotonic, seqnum, seqnumId } = at
      const index = all.indexOf(at)
      for (const start of [{ realtime }, { bootId, monotonic }, { seqnum, seqnumId }]) {
        t.same(cursors(await read([file], { start })), cursors(all.slice(index)))
        const back = await read([file], { start, direction: 'backward' })
        t.same(cursors(back), cursors(all.slice(0, index + 1)).toReversed())
      }
    }
    const afterFirstBoot = { bootId: BOOTS[0]!, monotonic: 2n ** 60n }
    t.equal((await read([file], { start: afterFirstBoot }))[0]?.bootId, BOOTS[1])
    t.same(await read([file], { start: { realtime: 2n ** 62n } }), [])
    t.equal((await read([file], { start: { realtime: 0n } })).length, 100)
    t.same(problems, [])
  })
}

t.test('what is in two files comes once', async t => {
  const bytes = await fixture(NAMES[0]!)
  const files = [await open(bytes), await open(bytes)]
  t.equal((await read(files)).length, 100)
  t.equal((await read(files, { direction: 'backward' })).length, 100)
  // The same entries by another writer: numbers differ, times and contents do not.
  t.equal((await read([files[0]!, await open(await fixture('lz4'))])).length, 100)
})

t.test('a file that ends before its time', async t => {
  const bytes = await fixture(NAMES[0]!)
  const end = bytes.findLastIndex(byte => byte !== 0)
  for (const part of [0.3, 0.5, 0.8, 0.95]) {
    const used = end - 60_000
    const file = await open(bytes.subarray(0, used + Math.floor(60_000 * part)))
    t.ok(file.isTruncated)
    const problems: string[] = []
    const entries = await read([file], {}, problems)
    t.ok(entries.length < 100, `${entries.length} entries are left`)
  }
  await t.rejects(open(bytes.subarray(0, 150)), { code: 'truncated' })
  await t.rejects(open(Buffer.from('something else')), { code: 'not-journal' })
})

t.test('damage anywhere ends neither in a crash nor in a circle', async t => {
  let seed = 1
  const below = (end: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return Math.floor((seed / 2 ** 32) * end)
  }
  let reported = 0
  let refused = 0
  const match = parseMatches(['_UID=0', '+', 'SHORT=3'])
  for (const name of NAMES) {
    const whole = await fixture(name)
    const end = whole.findLastIndex(byte => byte !== 0) + 1
    for (let round = 0; round < 20; round++) {
      const bytes = Buffer.from(whole.subarray(0, end + 4096))
      for (let count = below(10); count >= 0; count--) {
        const at = below(3) === 0 ? 8 + below(264) : end - 1 - below(50_000)
        bytes[at] = below(2) === 0 ? below(256) : bytes[at]! ^ (1 << below(8))
      }
      try {
        const file = await open(bytes)
        const problems: string[] = []
        for (const direction of ['forward', 'backward'] as const) {
          t.ok((await read([file], { direction }, problems)).length <= 100)
          await read([file], { direction, match, start: { realtime: 1_700_000_001_000_000n } }, problems)
        }
        reported += problems.length
      } catch (error) {
        if (!(error instanceof JournalError)) throw error
        refused++
      }
    }
  }
  t.ok(reported > 20 && refused > 3, `${reported} problems, ${refused} files refused`)
})
