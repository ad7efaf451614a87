import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { encodeGpt, type Gpt, SECTOR } from '../../build/disk/gpt.ts'
import { planLayout } from '../../build/disk/layout.ts'
import { decodeEntry, decodeHead, encodeEntry, encodeHead, type LogEntry } from './blklog.ts'
import { chooseBoots } from './boots.ts'
import { type Cut, flushCuts, partialCut, STYLES, windowsOf, writesIn } from './cuts.ts'
import type { Seen } from './examine.ts'
import { Random } from './random.ts'
import { countEntries, openLog, Replay } from './replay.ts'
import { Scratch } from './scratch.ts'
import { ext4Size, readTables, tableProblems } from './tables.ts'

const NOTHING: LogEntry = {
  sector: 0,
  sectors: 0,
  flush: false,
  fua: false,
  discard: false,
  mark: false,
  dataBytes: 0,
}
const flush: LogEntry = { ...NOTHING, flush: true }

/** A write of whole sectors, each filled with `byte`. */
function write(sector: number, sectors: number, byte: number, more: Partial<LogEntry> = {}) {
  return { ...NOTHING, sector, sectors, dataBytes: sectors * SECTOR, byte, ...more }
}

type MadeUp = LogEntry & { byte?: number }

/** Writes a log file; the data of a write repeats its byte. */
function makeLog(path: string, entries: readonly MadeUp[]): void {
  const parts: Uint8Array[] = [encodeHead({ entries: entries.length, sectorSize: SECTOR })]
  for (const entry of entries) {
    parts.push(encodeEntry(entry, SECTOR), Buffer.alloc(entry.dataBytes, entry.byte ?? 0))
  }
  writeFileSync(path, Buffer.concat(parts))
}

const DISK: MadeUp[] = [
  write(0, 2, 0x11),
  write(8, 1, 0x12),
  flush,
  write(0, 4, 0x21),
  write(1, 1, 0x22, { fua: true }),
  write(200, 8, 0x23),
  { ...NOTHING, sector: 8, sectors: 1, discard: true },
  flush,
  flush,
  write(0, 1, 0x31),
]
const SIZE = 256 * SECTOR

t.test('entries and superblocks survive coding', async t => {
  for (const entry of [flush, DISK[0]!, { ...NOTHING, sector: 7, sectors: 9, discard: true }]) {
    const { byte: _byte, ...plain } = entry as MadeUp
    t.same(decodeEntry(encodeEntry(plain, SECTOR), SECTOR), plain)
  }
  t.same(decodeHead(encodeHead({ entries: 5, sectorSize: 4096 })), { entries: 5, sectorSize: 4096 })
})

t.test('what QEMU 10 wrote for a write of one sector and a flush', async t => {
  const head = Buffer.from(`7268737766736a0001${'00'.repeat(7)}0b${'00'.repeat(7)}00020000`, 'hex')
  t.same(decodeHead(head), { entries: 11, sectorSize: 512 })
  const entry = Buffer.alloc(32)
  entry.writeUInt8(16, 0)
  entry.writeUInt8(2, 8)
  t.match(decodeEntry(entry, SECTOR), { sector: 16, sectors: 2, dataBytes: 1024, flush: false })
})

t.test('broken logs are refused', async t => {
  const head = encodeHead({ entries: 1, sectorSize: SECTOR })
  const changed = (bytes: Uint8Array, at: number, byte: number) => {
    const copy = Uint8Array.from(bytes)
    copy[at] = byte
    return copy
  }
  t.throws(() => decodeHead(changed(head, 0, 0)), { message: /magic/ })
  t.throws(() => decodeHead(changed(head, 8, 2)), { message: /version 2/ })
  t.throws(() => decodeHead(changed(head, 25, 3)), { message: /sectors of 768/ })
  t.throws(() => decodeHead(head.subarray(0, 20)), { message: /ends after 20/ })
  const entry = encodeEntry(flush, SECTOR)
  t.throws(() => decodeEntry(changed(entry, 16, 0x40), SECTOR), { message: /unknown flags/ })
  t.throws(() => decodeEntry(changed(entry, 24, 9), SECTOR), { message: /9 bytes of text/ })
  t.throws(() => decodeEntry(changed(entry, 7, 0xff), SECTOR), { message: /absurd/ })

  const path = join(t.testdir(), 'log')
  makeLog(path, DISK)
  t.equal(await countEntries(path), DISK.length)
  writeFileSync(path, readFileSync(path).subarray(0, 3000))
  await t.rejects(openLog(path), { message: /ends within entry/ })
  writeFileSync(path, '')
  await t.rejects(openLog(path), { message: /ends after 0/ })
})

t.test('windows lie between flushes; empty ones do not count', async t => {
  t.same(windowsOf(DISK), [
    { start: 0, end: 2 },
    { start: 2, end: 7 },
    { start: 8, end: 10 },
  ])
  t.same(
    flushCuts(DISK).map(cut => cut.durable),
    [0, 2, 8, 10],
  )
  t.same(windowsOf([flush, flush]), [])
  t.same(flushCuts([]), [])
  t.same(writesIn([flush, write(0, 1, 1), { ...NOTHING, mark: true, dataBytes: 4 }], 0, 3), [1])
})

t.test('partial cuts are legal, and every way of choosing is used', async t => {
  const random = new Random(7)
  const styles = new Set<string>()
  const outcomes = new Set<string>()
  for (let round = 0; round < 500; round++) {
    const cut = partialCut(DISK, { start: 2, end: 7 }, random)
    const style = STYLES.find(name => cut.name.includes(`+ ${name} of`))
    styles.add(style ?? cut.name)
    outcomes.add(JSON.stringify(cut.landed))
    const order = cut.landed.map(piece => piece.entry)
    if (!order.every((entry, index) => index === 0 || entry >= order[index - 1]!)) t.fail('out of order')
    for (const piece of cut.landed) {
      const inside = piece.entry >= 3 && piece.entry < 7 && piece.sectors > 0
      if (!inside || piece.first + piece.sectors > DISK[piece.entry]!.sectors) t.fail(JSON.stringify(piece))
    }
    // The write with FUA was complete when a later one was issued.
    const issued = Number(/of (\d) writes/.exec(cut.name)![1])
    if (issued > 2 && !cut.landed.some(piece => piece.entry === 4)) t.fail(`FUA lost: ${cut.name}`)
  }
  t.same([...styles].toSorted(), [...STYLES].toSorted())
  t.ok(outcomes.size > 100, `${outcomes.size} different cuts`)
  t.same(
    partialCut(DISK, { start: 2, end: 7 }, new Random(3)),
    partialCut(DISK, { start: 2, end: 7 }, new Random(3)),
  )
})

t.test('a replay gives the disk of any cut', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'orlop-replay-'))
  t.teardown(async () => (await import('node:fs/promises')).rm(folder, { recursive: true }))
  const paths = { base: join(folder, 'base'), log: join(folder, 'log'), out: join(folder, 'out') }
  writeFileSync(paths.base, Buffer.alloc(16 * SECTOR, 0xbb)) // the disk is larger: zeros beyond
  makeLog(paths.log, DISK)
  const log = await openLog(paths.log)
  const replay = await Replay.begin(paths.base, SIZE, log, join(folder, 'work'))
  const bytesOf = async (cut: Cut, ...sectors: number[]) => {
    await replay.make(cut, paths.out)
    const disk = readFileSync(paths.out)
    if (disk.length !== SIZE) t.fail(`${disk.length} bytes`)
    return sectors.map(sector => {
      const found = new Set(disk.subarray(sector * SECTOR, (sector + 1) * SECTOR))
      if (found.size !== 1) t.fail(`sector ${sector} is torn`)
      return [...found][0]
    })
  }
  const cut = (durable: number, landed: Cut['landed'] = []) => ({ name: '', durable, landed })
  t.same(await bytesOf(cut(0), 0, 8, 15, 16, 200), [0xbb, 0xbb, 0xbb, 0, 0], 'before anything')
  t.same(await bytesOf(cut(2), 0, 1, 2, 8, 200), [0x11, 0x11, 0xbb, 0x12, 0])
  const piece = { entry: 3, first: 1, sectors: 2 }
  t.same(await bytesOf(cut(2, [piece]), 0, 1, 2, 3), [0x11, 0x21, 0x21, 0xbb], 'half of a write landed')
  t.same(await bytesOf(cut(2), 1, 2), [0x11, 0xbb], 'what landed in one cut is not in the next')
  t.same(await bytesOf(cut(8), 0, 1, 3, 8, 207), [0x21, 0x22, 0x21, 0, 0x23], 'a discard reads as zeros')

  await replay.make(cut(8), paths.out, { offset: 200 * SECTOR, size: 4 * SECTOR })
  t.ok(readFileSync(paths.out).equals(Buffer.alloc(4 * SECTOR, 0x23)), 'a part in a file of its own')
  const later = [{ entry: 9, first: 0, sectors: 1 }]
  await replay.make(cut(8, later), paths.out, { offset: SECTOR, size: SECTOR })
  t.ok(readFileSync(paths.out).equals(Buffer.alloc(SECTOR, 0x22)), 'writes before the part do not reach it')
  await t.rejects(replay.make(cut(0), paths.out), { message: /does not go back/ })
  await replay.close()
  await log.file.close()
})

const MIB = 1 << 20
const { gpt } = planLayout({ esp: MIB, slot: MIB, oem: MIB, state: MIB }, 'test')

/** A disk of `sectors` with the table, or with a copy of it broken. */
function diskWith(table: Gpt, broken: ('primary' | 'backup' | 'entries')[] = []) {
  const size = table.sectors * SECTOR
  const bytes = encodeGpt(table)
  const disk = Buffer.alloc(size)
  disk.set(bytes.primary, SECTOR)
  disk.set(bytes.backup, size - bytes.backup.length)
  if (broken.includes('primary')) disk.fill(0, SECTOR, 2 * SECTOR)
  if (broken.includes('entries')) disk.fill(0xff, 2 * SECTOR, 3 * SECTOR)
  if (broken.includes('backup')) disk.fill(0, size - SECTOR)
  const read = async (offset: number, length: number) => disk.subarray(offset, offset + length)
  return { read, size }
}

t.test('tables are found as their readers find them', async t => {
  const look = async (...broken: ('primary' | 'backup' | 'entries')[]) => {
    const { read, size } = diskWith(gpt, broken)
    return await readTables(read, size)
  }
  t.match(await look(), { ok: true, used: 'primary' })
  t.match(await look('backup'), { ok: true, used: 'primary' })
  t.match(await look('primary'), { ok: true, used: 'backup' })
  t.match(await look('entries'), { ok: true, used: 'backup' }, 'half-written entries')
  t.match(await look('entries', 'backup'), { ok: false, problem: /do not match their checksum/ })
})

t.test('a table may have grown STATE, nothing else', async t => {
  const changed = (name: string, change: (partition: Gpt['partitions'][number]) => object) => ({
    ...gpt,
    partitions: gpt.partitions.map(one => (one.name === name ? { ...one, ...change(one) } : one)),
  })
  t.same(tableProblems(gpt, gpt), [])
  t.same(
    tableProblems(
      changed('STATE', one => ({ lastLba: one.lastLba + 100 })),
      gpt,
    ),
    [],
  )
  t.match(
    tableProblems(
      changed('STATE', one => ({ lastLba: one.lastLba - 1 })),
      gpt,
    ),
    [/STATE now ends/],
  )
  t.match(
    tableProblems(
      changed('OEM', one => ({ lastLba: one.lastLba + 1 })),
      gpt,
    ),
    [/OEM now ends/],
  )
  t.match(
    tableProblems(
      changed('ESP', one => ({ firstLba: one.firstLba - 8 })),
      gpt,
    ),
    [/ESP moved/],
  )
  t.match(
    tableProblems(
      changed('ESP', () => ({ name: 'EFI' })),
      gpt,
    ),
    [/partitions BIOS EFI/],
  )
  t.match(
    tableProblems(
      changed('OEM', () => ({ type: gpt.partitions[0]!.type })),
      gpt,
    ),
    [/type/],
  )
})

t.test('the size of an ext4 file system', async t => {
  const head = Buffer.alloc(2048)
  t.equal(ext4Size(head), undefined)
  head.writeUInt16LE(0xef53, 1024 + 0x38)
  head.writeUInt32LE(65536, 1024 + 4)
  head.writeUInt32LE(2, 1024 + 0x18)
  t.equal(ext4Size(head), 256 * MIB)
  head.writeUInt32LE(1, 1024 + 0x150)
  t.equal(ext4Size(head), (65536 + 2 ** 32) * 4096)
})

t.test('boots are chosen among all kinds of states, rare ones first', async t => {
  const one = (durable: number, seen: Partial<Seen>) => ({
    cut: { name: String(durable), durable, landed: [] },
    seen: { problems: [], partitionBytes: 8, fileSystemBytes: 8, table: 'primary' as const, ...seen },
  })
  const tried = [
    ...Array.from({ length: 50 }, (_, index) => one(index, {})),
    one(90, { table: 'backup' }),
    one(80, { fileSystemBytes: 4 }),
  ]
  t.same(
    chooseBoots(tried, 3, 1)
      .map(cut => cut.durable)
      .slice(1),
    [80, 90],
  )
  t.equal(chooseBoots(tried, 99, 1).length, tried.length, 'all of them')
  t.same(chooseBoots(tried, 5, 1), chooseBoots(tried, 5, 1))
  t.same(chooseBoots([], 3, 1), [])
})

t.test('numbers come again with their seed', async t => {
  const numbers = (seed: number) => {
    const random = new Random(seed)
    return Array.from({ length: 1000 }, () => random.below(10))
  }
  t.same(numbers(1), numbers(1))
  t.notSame(numbers(1), numbers(2))
  t.same([...new Set(numbers(3))].toSorted(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  t.same(new Random(1).sample([1, 2, 3], 9), [1, 2, 3])
  t.equal(new Random(1).sample([1, 2, 3, 4, 5], 2).length, 2)
  t.throws(() => new Random(1).pick([]))
})

t.test('scratch files are used by one piece of work at a time', async t => {
  const scratch = new Scratch('/nonexistent', 2)
  const busy = new Set<string>()
  let most = 0
  for (let round = 0; round < 10; round++) {
    const path = await scratch.take()
    t.notOk(busy.has(path))
    busy.add(path)
    most = Math.max(most, busy.size)
    scratch.use(path, async () => {
      await new Promise(resolve => setImmediate(resolve))
      busy.delete(path)
    })
  }
  await scratch.idle()
  t.same([busy.size, most], [0, 2])
  scratch.use(await scratch.take(), () => Promise.reject(new Error('broken')))
  await t.rejects(scratch.idle(), { message: 'broken' })
  await t.rejects(scratch.take(), { message: 'broken' })
})
