// What a power cut leaves, in every way it can; and what rot leaves, bit by bit.

import t from 'tap'
import { frameBytes, HEADER_BYTES, SECTOR_BYTES, sealFrame } from './frame.ts'
import type { PlantedLogBug } from './planted.ts'
import {
  append,
  entry,
  FOLDER,
  hardState,
  newLog,
  reopen,
  SMALL,
  seeded,
  summary,
} from './testing/harness.ts'
import { MemoryDisk } from './testing/memory-disk.ts'

/** What is used of a test here. */
interface Tapped {
  fail(message: string): unknown
}

/** A disk with some durable frames and a last one that was written and not synced. */
function unsynced(before: number, bytes: number): { disk: MemoryDisk; path: string; offset: number } {
  const { disk, log } = newLog({ segmentBytesFirst: 16_384 })
  for (let index = 1; index <= before; index++)
    append(disk, log, hardState(1, index - 1), [entry(index, 1, 33)])
  const path = disk.paths().find(name => name.endsWith('.wal'))!
  const offset = usedBytes(disk.get(path)!)
  log.append(hardState(2, before), [entry(before + 1, 2, bytes)], () => undefined)
  disk.step()
  return { disk, path, offset }
}

/** Where the zeros at the end begin. */
function usedBytes(bytes: Uint8Array): number {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end -= 1
  return end
}

/** That what was acknowledged is there, nothing is made up, and the log goes on after the repair. */
function checkStart(t: Tapped, disk: MemoryDisk, before: number, name: string): void {
  const { error, value } = reopen(disk)
  if (error !== undefined) {
    t.fail(`${name}: ${error.message}`)
    return
  }
  const count = value.entries.length
  if (count !== before && count !== before + 1) t.fail(`${name}: ${count} entries instead of ${before}`)
  const commit = count === before ? Math.max(0, before - 1) : before
  if (value.hardState.commit !== commit)
    t.fail(`${name}: hard state ${value.hardState.commit} with ${count} entries`)
  append(disk, value.log, hardState(3, count), [entry(count + 1, 3, 700)])
  const again = reopen(disk.clone())
  if (again.error !== undefined || again.value.entries.length !== count + 1)
    t.fail(`${name}: after the repair ${again.error?.message ?? again.value.entries.length}`)
}

t.test('the last frame cut at every byte', t => {
  for (const [before, length] of [
    [0, 30],
    [1, 100],
    [3, 600],
  ] as const) {
    const { disk, path, offset } = unsynced(before, length)
    const whole = disk.get(path)!
    const end = usedBytes(whole)
    t.ok(end - offset > length)
    for (let cut = offset; cut <= end; cut++) {
      const zeroed = new MemoryDisk()
      zeroed.put(path, Buffer.concat([whole.subarray(0, cut), Buffer.alloc(whole.length - cut)]))
      checkStart(t, zeroed, before, `zeros from ${cut} on`)
      const short = new MemoryDisk()
      short.put(path, whole.subarray(0, cut))
      checkStart(t, short, before, `a file of ${cut} bytes`)
    }
  }
  t.end()
})

t.test('every subset of the sectors of the last write', t => {
  for (const [before, length] of [
    [0, 100],
    [2, 700],
    [2, 2500],
    [5, 3600],
  ] as const) {
    const { disk, path } = unsynced(before, length)
    const sectors = disk.dirtySectors(path)
    t.ok(sectors.length >= 1 && sectors.length <= 10, `${sectors.length} sectors`)
    for (let subset = 0; subset < 1 << sectors.length; subset++) {
      const crashed = disk.crash(
        (_, sector) => (subset & (1 << sectors.indexOf(sector))) !== 0,
        () => true,
      )
      checkStart(t, crashed, before, `${length} bytes, sectors ${subset.toString(2)}`)
    }
  }
  t.end()
})

t.test('a torn frame with data of zeros is told from a damaged one', t => {
  const { disk, log } = newLog({ segmentBytesFirst: 16_384 })
  append(disk, log, undefined, [{ ...entry(1), data: new Uint8Array(4000) }])
  const path = disk.paths().find(name => name.endsWith('.wal'))!
  t.equal(reopen(disk.clone()).value.entries[0]?.data.length, 4000)
  const flipped = disk.clone()
  flipped.get(path)![usedBytes(flipped.get(path)!) - 40]! ^= 1
  t.equal(reopen(flipped).error?.code, 'ECORRUPT')
  t.end()
})

t.test('a crash while the tail is repaired', t => {
  const { disk, path } = unsynced(2, 3000)
  const sectors = disk.dirtySectors(path)
  const torn = (): MemoryDisk =>
    disk.crash(
      (_, sector) => sector !== sectors[2],
      () => true,
    )
  for (let subset = 0; subset < 1 << sectors.length; subset++) {
    const crashed = torn()
    crashed.fault = call => (call.startsWith('sync') ? { code: 'EIO', message: 'cut' } : undefined)
    t.equal(reopen(crashed).error?.code, 'EIO')
    const again = crashed.crash(
      (_, sector) => (subset & (1 << sectors.indexOf(sector))) !== 0,
      () => true,
    )
    checkStart(t, again, 2, `repair with sectors ${subset.toString(2)}`)
  }
  t.end()
})

t.test('a bit flipped anywhere is refused, or cut where nothing was, and never believed', t => {
  const { disk, log } = newLog({ segmentBytesFirst: 2048, segmentBytesMax: 2048 })
  for (let index = 1; index <= 12; index++) append(disk, log, hardState(1, index), [entry(index, 1, 150)])
  const good = summary(reopen(disk.clone()).value.entries)
  t.ok(log.segments.length >= 2)
  let refused = 0
  for (const path of disk.paths().filter(name => name.endsWith('.wal'))) {
    const length = disk.get(path)!.length
    const used = usedBytes(disk.get(path)!)
    for (let at = 0; at < length; at++) {
      const flipped = disk.clone()
      flipped.get(path)![at]! ^= 1 << (at % 8)
      const { error, value } = reopen(flipped)
      if (error === undefined) {
        if (at < used) t.fail(`${path} at ${at} was not noticed`)
        if (summary(value.entries).join() !== good.join()) t.fail(`${path} at ${at} changed what was read`)
      } else {
        refused += 1
        if (error.code !== 'ECORRUPT') t.fail(`${path} at ${at}: ${error.code}`)
        if (!/\.wal is corrupt at byte \d+: /.test(error.message)) t.fail(error.message)
      }
    }
  }
  t.ok(refused > 3000, `${refused} refused`)
  t.end()
})

t.test('a sector of zeros in what was acknowledged is refused when more follows', t => {
  const { disk, log } = newLog({ segmentBytesFirst: 16_384 })
  for (let index = 1; index <= 30; index++) append(disk, log, hardState(1, index), [entry(index, 1, 250)])
  const path = disk.paths().find(name => name.endsWith('.wal'))!
  const used = usedBytes(disk.get(path)!)
  const lastFrame = used - frameBytes(250 + 5 + 4 + 29)
  for (let start = 0; start + SECTOR_BYTES < lastFrame - SECTOR_BYTES; start += SECTOR_BYTES) {
    const zeroed = disk.clone()
    zeroed.get(path)!.fill(0, start, start + SECTOR_BYTES)
    t.equal(reopen(zeroed).error?.code, 'ECORRUPT', `sector at ${start}`)
  }
  t.end()
})

t.test('segments that are lost, swapped or of another member', t => {
  const { disk, log } = newLog()
  for (let index = 1; index <= 150; index++) append(disk, log, hardState(1, index), [entry(index, 1, 60)])
  const [first, second, third] = disk.paths().filter(name => name.endsWith('.wal'))
  const without = (path: string): MemoryDisk => {
    const copy = new MemoryDisk()
    for (const name of disk.paths()) if (name !== path) copy.put(name, disk.get(name)!)
    return copy
  }
  t.match(reopen(without(second!)).error?.message, /the segment that follows is missing/)
  t.equal(reopen(without(first!)).error?.code, 'EMARK', 'its end alone goes with a snapshot only')
  const swapped = disk.clone()
  swapped.put(second!, disk.get(third!)!)
  t.equal(reopen(swapped).error?.code, 'ECORRUPT')
  const cut = disk.clone()
  cut.get(first!)!.fill(0, usedBytes(disk.get(first!)!) - 64)
  t.equal(reopen(cut).error?.code, 'ECORRUPT', 'a segment that lost its end')
  const foreign = disk.clone()
  foreign.put(`${FOLDER}/lost+found`, new Uint8Array(3))
  t.equal(reopen(foreign).error, undefined, 'other files are nobody’s business')
  t.end()
})

t.test('an old frame in its old place is noticed', t => {
  const { disk, log } = newLog({ segmentBytesFirst: 16_384 })
  const path = disk.paths().find(name => name.endsWith('.wal'))!
  append(disk, log, undefined, [entry(1, 1, 100)])
  const old = disk.get(path)!.slice()
  const offset = usedBytes(old)
  // The same length, the same number, another predecessor.
  const other = newLog({ segmentBytesFirst: 16_384 })
  append(other.disk, other.log, undefined, [entry(1, 9, 100)])
  append(other.disk, other.log, undefined, [entry(2, 9, 100)])
  append(disk, log, undefined, [entry(2, 1, 100)])
  const mixed = disk.clone()
  mixed.get(path)!.set(other.disk.get(path)!.subarray(offset), offset)
  t.match(reopen(mixed).error?.message, /does not continue frame/)
  t.end()
})

t.test('a log of a later version is not called damaged', t => {
  const { disk } = newLog()
  const path = disk.paths().find(name => name.endsWith('.wal'))!
  const later = disk.clone()
  const bytes = later.get(path)!
  bytes[HEADER_BYTES + 5] = 2
  sealFrame(bytes, bytes[0]!, { number: 0, check: 0 }, 0)
  t.match(reopen(later).error, { code: 'EVERSION', message: /version 2, this program reads 1/ })
  bytes[HEADER_BYTES] = 9
  sealFrame(bytes, bytes[0]!, { number: 0, check: 0 }, 0)
  t.match(reopen(later).error, { code: 'ECORRUPT', message: /at byte 0: a record has the unknown type 9/ })
  t.end()
})

/** Random appends and cuts; answers the first contradiction, or undefined. */
function storm(seed: number, planted: PlantedLogBug[]): string | undefined {
  const random = seeded(seed)
  const options = { ...SMALL, planted: new Set(planted) }
  let { disk, log } = newLog(options)
  let index = 0
  for (let round = 0; round < 12; round++) {
    let acknowledged = index
    const appends = Math.floor(random() * 25)
    for (let count = 0; count < appends; count++) {
      index += 1
      const mine = index
      log.append(hardState(1, mine - 1), [entry(mine, 1, Math.floor(random() * 1200))], error => {
        if (error === undefined) acknowledged = mine
      })
      while (random() < 0.7) disk.step()
    }
    const steps = Math.floor(random() * 60)
    for (let step = 0; step < steps; step++) disk.step()
    const [sectors, names] = [random(), random()]
    disk = disk.crash(
      () => random() < sectors,
      () => random() < names,
    )
    const started = reopen(disk, undefined, options)
    if (started.error !== undefined) return `round ${round}: ${started.error.message}`
    const { entries } = started.value
    if (entries.length < acknowledged)
      return `round ${round}: ${acknowledged} acknowledged, ${entries.length} there`
    if (entries.length > index) return `round ${round}: ${entries.length} entries of ${index}`
    if (entries.some(({ data }, at) => data.length > 0 && !`entry ${at + 1} of `.startsWith(text(data))))
      return `round ${round}: an entry is another`
    log = started.value.log
    index = entries.length
  }
  return undefined
}

function text(data: Uint8Array): string {
  return Buffer.from(data.subarray(0, 7)).toString()
}

t.test('what was acknowledged is there after any crash', t => {
  for (let seed = 1; seed <= 60; seed++) {
    const problem = storm(seed, [])
    if (problem !== undefined) t.fail(`seed ${seed}: ${problem}`)
  }
  t.pass('all seeds')
  t.end()
})

t.test('the same storm finds what is planted', t => {
  for (const bug of [
    'answerBeforeSync',
    'skipSync',
    'skipFolderSync',
    'acceptTorn',
    'skipCheck',
    'skipRepair',
  ] as const) {
    let found: string | undefined
    let seed = 0
    while (found === undefined && seed < 100) {
      seed += 1
      found = storm(seed, [bug])
    }
    t.ok(found, `${bug}: seed ${seed}: ${found}`)
  }
  t.end()
})

t.test('a flipped bit is believed, or forgotten, only with a planted bug', t => {
  const { disk, log } = newLog()
  for (let index = 1; index <= 5; index++) append(disk, log, undefined, [entry(index)])
  const path = disk.paths().find(name => name.endsWith('.wal'))!
  const flip = (): MemoryDisk => {
    const copy = disk.clone()
    copy.get(path)![copy.get(path)!.indexOf(0x65, 200 + HEADER_BYTES)]! ^= 2
    return copy
  }
  t.equal(reopen(flip()).error?.code, 'ECORRUPT')
  const believed = reopen(flip(), undefined, { ...SMALL, planted: new Set(['skipCheck']) })
  t.equal(believed.error, undefined)
  t.equal(believed.value.entries.length, 5)
  const forgotten = reopen(flip(), undefined, { ...SMALL, planted: new Set(['cutCorrupt']) })
  t.ok(forgotten.value.entries.length < 5)
  t.end()
})
