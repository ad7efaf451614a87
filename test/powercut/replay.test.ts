import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { encodeEntry, encodeHead, type LogEntry } from './blklog.ts'
import { countEntries, openLog, Replay } from './replay.ts'

const SECTOR = 512
/** The disk of these tests: three blocks of 64 KiB and a bit, of which the base has the first two. */
const SIZE = 200 * 1024
const BASE = Buffer.alloc(128 * 1024)
BASE.fill('b', 64 * 1024, 64 * 1024 + 2 * SECTOR)

interface Done {
  sector: number
  sectors?: number
  fill?: string
  more?: Partial<LogEntry>
}

/** A log of what was done; each sector that was written is full of one letter, by default its own. */
function logOf(done: readonly Done[], entries = done.length): Buffer {
  const parts: Uint8Array[] = [encodeHead({ entries, sectorSize: SECTOR })]
  for (const [index, { sector, sectors = 1, fill, more = {} }] of done.entries()) {
    const none = more.flush || more.discard || more.mark
    const entry = { sector, sectors, dataBytes: none ? 0 : sectors * SECTOR }
    const flags = { flush: false, fua: false, discard: false, mark: false }
    parts.push(encodeEntry({ ...entry, ...flags, ...more }, SECTOR))
    if (none && !more.dataBytes) continue
    const text = fill ?? String.fromCharCode(65 + index)
    parts.push(...Array.from({ length: sectors }, (_, at) => Buffer.alloc(SECTOR, text[at % text.length])))
  }
  return Buffer.concat(parts)
}

const flush: Done = { sector: 0, sectors: 0, more: { flush: true } }
const done: Done[] = [
  { sector: 1, sectors: 3, fill: 'xyz' },
  { sector: 0, sectors: 1, fill: 'm', more: { mark: true, dataBytes: 5 } },
  flush,
  { sector: 2, fill: 'q' },
  { sector: 128, sectors: 1, more: { discard: true } },
  { sector: 390, sectors: 4, fill: 'stuv' },
  flush,
]

async function begin(folder: string, log: Buffer = logOf(done)) {
  await writeFile(join(folder, 'base'), BASE)
  await writeFile(join(folder, 'log'), log)
  const opened = await openLog(join(folder, 'log'))
  const replay = await Replay.begin(join(folder, 'base'), SIZE, opened, join(folder, 'work'))
  t.teardown(async () => {
    await replay.close()
    await opened.file.close()
  })
  return { replay, path: join(folder, 'cut'), entries: opened.entries }
}

/** One character for each sector that is not zeros, by its number; a sector of mixed bytes is `?`. */
function picture(disk: Buffer): Record<number, string> {
  const seen: Record<number, string> = {}
  for (let at = 0; at < disk.length; at += SECTOR) {
    const sector = disk.subarray(at, at + SECTOR)
    if (sector.every(byte => byte === 0)) continue
    seen[at / SECTOR] = sector.every(byte => byte === sector[0]) ? String.fromCharCode(sector[0]!) : '?'
  }
  return seen
}

const base = { 128: 'b', 129: 'b' }

t.test('the disk at each point of a log', async t => {
  const { replay, path, entries } = await begin(t.testdir())
  t.equal(entries.length, done.length)
  const at = async (durable: number, landed: Parameters<Replay['make']>[0]['landed'] = []) => {
    await replay.make({ name: '', durable, landed }, path)
    const disk = await readFile(path)
    t.equal(disk.length, SIZE)
    return picture(disk)
  }
  t.same(await at(0), base)
  t.same(
    await at(0, [
      { entry: 0, first: 1, sectors: 2 },
      { entry: 3, first: 0, sectors: 1 },
    ]),
    { ...base, 2: 'q', 3: 'z' },
    'part of a write; a later write of the same sector wins',
  )
  t.same(await at(0), base, 'what landed in one cut is not in the next')
  t.same(await at(3), { ...base, 1: 'x', 2: 'y', 3: 'z' }, 'the text of a mark is not data')
  t.same(await at(3, [{ entry: 4, first: 0, sectors: 1 }]), { 1: 'x', 2: 'y', 3: 'z', 129: 'b' }, 'a discard')
  const end = { 1: 'x', 2: 'q', 3: 'z', 129: 'b', 390: 's', 391: 't', 392: 'u', 393: 'v' }
  t.same(await at(7), end, 'beyond the end of the base too')
  t.equal(replay.applied, 7)
  await t.rejects(replay.advance(6), /does not go back/)
})

t.test('a file of a part of the disk', async t => {
  const { replay, path } = await begin(t.testdir())
  const landed = [{ entry: 5, first: 0, sectors: 4 }]
  await replay.make({ name: '', durable: 0, landed }, path, {
    offset: 129 * SECTOR,
    size: SIZE - 129 * SECTOR,
  })
  t.same(picture(await readFile(path)), { 0: 'b', 261: 's', 262: 't', 263: 'u', 264: 'v' })
  await replay.make({ name: '', durable: 5, landed }, path, { offset: 2 * SECTOR, size: 390 * SECTOR })
  t.same(picture(await readFile(path)), { 0: 'q', 1: 'z', 127: 'b', 388: 's', 389: 't' }, 'both ends cut off')
  await replay.make({ name: '', durable: 5, landed: [] }, path, undefined, [{ offset: 0, size: SECTOR }])
  t.same(picture(await readFile(path)), { 1: 'x', 2: 'q', 3: 'z' }, 'only the blocks that were asked for')
})

t.test('broken logs', async t => {
  const folder = t.testdir()
  const path = join(folder, 'log')
  const whole = logOf(done)
  await writeFile(path, whole)
  t.equal(await countEntries(path), done.length)
  for (const [name, bytes, message] of [
    ['empty', Buffer.alloc(0), /ends after 0/],
    ['not a log', Buffer.alloc(4096, 'x'), /magic/],
    ['fewer entries than it says', logOf(done, done.length + 1), /ends within entry 7 of 8/],
    ['cut within an entry', whole.subarray(0, whole.length - 100), /ends within entry 6 of 7/],
    ['absurdly many entries', logOf(done, 5_000_001), /5000001 entries/],
  ] as const) {
    await writeFile(path, bytes)
    await t.rejects(openLog(path), { name: 'UserError', message }, name)
  }
  // QEMU updates the head last: what is not counted yet was not finished.
  await writeFile(path, logOf(done, 3))
  const early = await openLog(path)
  t.equal(early.entries.length, 3)
  await early.file.close()
  const { replay } = await begin(folder, logOf([{ sector: SIZE / SECTOR, sectors: 1 }]))
  await t.rejects(replay.advance(1), /entry 0 lies beyond the end/)
})
