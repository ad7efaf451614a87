import t from 'tap'
import type { Disk, DiskError, File } from '../../../daemons/etcd/member/env.ts'
import { SECTOR_BYTES } from './content.ts'
import { CALM_DISK, type DiskOptions, SimulatedDisk } from './disk.ts'
import { FaultCounts } from './faults.ts'
import { Random } from './random.ts'
import { type Owner, Schedule } from './schedule.ts'

class Bench {
  readonly schedule = new Schedule()
  readonly faults = new FaultCounts()
  readonly owner: Owner = { number: 1, paused: false, ended: false }
  readonly disk: SimulatedDisk
  readonly view: Disk

  constructor(seed: number, options: Partial<DiskOptions> = {}) {
    this.disk = new SimulatedDisk(this.schedule, new Random(seed), this.faults, { ...CALM_DISK, ...options })
    this.view = this.disk.open(this.owner)
  }

  /** Runs until the operation has answered; its value, or the code of its error. */
  do<T>(start: (done: (error: DiskError | undefined, value: T) => void) => void): T | string {
    let result: T | string | undefined
    let answers = 0
    start((error, value) => {
      result = error === undefined ? value : error.code
      answers += 1
    })
    t.equal(answers, 0, 'nothing answers before the call returns')
    this.schedule.runUntil(this.schedule.nowUs + 10_000_000)
    t.equal(answers, 1)
    return result as T | string
  }

  make(path: string): File {
    const file = this.do<File>(done => this.view.open(path, { create: true }, done))
    if (typeof file === 'string') throw new Error(file)
    return file
  }

  write(file: File, offset: number, ...pieces: Uint8Array[]): unknown {
    return this.do(done => file.write(offset, pieces, done))
  }

  read(path: string): string | Uint8Array {
    const file = this.do<File>(done => this.view.open(path, { create: false }, done))
    return typeof file === 'string' ? file : this.do(done => file.read(0, 1e6, done))
  }
}

const filled = (length: number, byte: number) => new Uint8Array(length).fill(byte)

t.test('reads see what was written; errors have the names of the system', t => {
  const bench = new Bench(1)
  const { view } = bench
  t.equal(bench.read('/d/a'), 'ENOENT')
  t.equal(
    bench.do(done => view.open('/d/a', { create: true }, done)),
    'ENOENT',
  )
  bench.do(done => view.makeFolder('/d/e', done))
  const file = bench.make('/d/a')
  t.equal(
    bench.do(done => view.open('/d/a', { create: true }, done)),
    'EEXIST',
  )
  bench.write(file, 510, filled(3, 1), filled(2, 2))
  const read = bench.read('/d/a') as Uint8Array
  t.same([read.length, ...read.subarray(508)], [515, 0, 0, 1, 1, 1, 2, 2])
  bench.do(done => file.truncate(511, done))
  bench.do(done => file.truncate(514, done))
  t.same([...(bench.read('/d/a') as Uint8Array).subarray(509)], [0, 1, 0, 0, 0])
  bench.do(done => view.rename('/d/a', '/d/b', done))
  t.same(
    bench.do(done => view.list('/d', done)),
    ['e', 'b'],
  )
  bench.do(done => view.remove('/d/b', done))
  t.equal(
    bench.do(done => view.remove('/d/b', done)),
    'ENOENT',
  )
  t.end()
})

t.test('what was synced survives a crash, whatever was not; a process that is killed loses nothing', t => {
  let lost = 0
  let torn = 0
  let kept = 0
  for (let seed = 0; seed < 200; seed++) {
    const bench = new Bench(seed)
    const file = bench.make('/a')
    bench.write(file, 0, filled(4 * SECTOR_BYTES, 1))
    bench.do(done => bench.view.syncFolder('/', done))
    bench.do(done => file.sync(done))
    bench.write(file, SECTOR_BYTES, filled(2 * SECTOR_BYTES, 2))
    bench.disk.kill()
    t.same([...new Set(bench.read('/a') as Uint8Array)], [1, 2])
    bench.write(file, SECTOR_BYTES, filled(2 * SECTOR_BYTES, 3))
    bench.disk.crash()
    const bytes = bench.read('/a') as Uint8Array
    t.equal(bytes.length, 4 * SECTOR_BYTES)
    const sectors = [0, 1, 2, 3].map(at => new Set(bytes.subarray(at * 512, at * 512 + 512)))
    t.same([sectors[0], sectors[3]], [new Set([1]), new Set([1])])
    for (const sector of sectors) t.equal(sector.size, 1, 'a sector is written as a whole')
    const [first, second] = [[...sectors[1]!][0], [...sectors[2]!][0]]
    if (first !== second) torn += 1
    if (first === 3 && second === 3) kept += 1
    if (first !== 3 || second !== 3) lost += 1
  }
  t.ok(lost > 20 && torn > 20 && kept > 20, `lost ${lost}, torn ${torn}, kept ${kept}`)
  t.end()
})

t.test('a sync covers what had answered before it was asked for, and no more', t => {
  let lost = 0
  for (let seed = 0; seed < 50; seed++) {
    const bench = new Bench(seed)
    const file = bench.make('/a')
    bench.do(done => bench.view.syncFolder('/', done))
    bench.write(file, 0, filled(10, 1))
    file.sync(() => {})
    file.write(0, [filled(10, 2)], () => {})
    bench.schedule.runUntil(1e9)
    bench.disk.crash()
    const bytes = bench.read('/a') as Uint8Array
    t.ok(bytes.length === 10 && (bytes[0] === 1 || bytes[0] === 2))
    if (bytes[0] === 1) lost += 1
  }
  t.ok(lost > 5 && lost < 45, `${lost} of 50`)
  t.end()
})

t.test('names are durable after the sync of their folder only', t => {
  const outcomes = new Set<string>()
  for (let seed = 0; seed < 100; seed++) {
    const bench = new Bench(seed)
    const file = bench.make('/a')
    bench.do(done => bench.view.syncFolder('/', done))
    bench.write(file, 0, filled(1, 7))
    bench.do(done => file.sync(done))
    bench.do(done => bench.view.rename('/a', '/b', done))
    bench.make('/c')
    bench.disk.crash()
    const names = bench.do<string[]>(done => bench.view.list('/', done)) as string[]
    t.ok(names.includes('a') !== names.includes('b'), 'a rename happens or not')
    t.same(bench.read(names.includes('a') ? '/a' : '/b'), filled(1, 7))
    outcomes.add(names.toSorted().join(''))
  }
  t.same([...outcomes].toSorted(), ['a', 'ac', 'b', 'bc'])
  t.end()
})

t.test('a sync that fails has kept nothing for sure, and goes on failing', t => {
  const bench = new Bench(1, { syncFailProbability: 1 })
  const file = bench.make('/a')
  t.equal(
    bench.do(done => file.sync(done)),
    'EIO',
  )
  t.equal(
    bench.do(done => bench.view.syncFolder('/', done)),
    'EIO',
  )
  bench.disk.heal()
  t.equal(
    bench.do(done => file.sync(done)),
    'EIO',
    'until its process has ended',
  )
  bench.disk.kill()
  t.equal(
    bench.do(done => bench.view.syncFolder('/', done)),
    undefined,
  )
  t.equal(bench.faults.count('sync-failed'), 3)
  t.end()
})

t.test('a full disk takes what has room already', t => {
  const bench = new Bench(1)
  const file = bench.make('/a')
  bench.write(file, 0, filled(10, 1))
  bench.disk.full = true
  t.equal(bench.write(file, 10, filled(10, 2)), undefined)
  t.equal(bench.write(file, 500, filled(100, 3)), 'ENOSPC')
  t.equal(
    bench.do(done => bench.view.open('/b', { create: true }, done)),
    'ENOSPC',
  )
  t.equal((bench.read('/a') as Uint8Array).length, 512)
  bench.disk.heal()
  t.equal(bench.write(file, 500, filled(100, 3)), undefined)
  t.ok(bench.faults.count('disk-full') === 2)
  t.end()
})

t.test('a flipped bit is in what was durable, is felt, and goes when it is written over', t => {
  const bench = new Bench(5)
  const file = bench.make('/a')
  t.equal(bench.disk.flipBit(), undefined, 'nothing is there')
  bench.write(file, 0, filled(600, 0))
  t.equal(bench.disk.flipBit(), undefined, 'nothing is durable')
  bench.do(done => file.sync(done))
  t.match(bench.disk.flipBit(), /^\/a at byte \d+$/)
  t.equal(bench.faults.count('bit-flipped'), 0)
  const bits = () => [...(bench.read('/a') as Uint8Array)].filter(byte => byte !== 0)
  t.equal(bits().length, 1)
  t.ok(bench.faults.count('bit-flipped') > 0)
  bench.write(file, 0, filled(600, 0))
  t.same(bits(), [])
  t.end()
})

t.test('operations under way when the process ends have happened or not, and never answer', t => {
  let happened = 0
  for (let seed = 0; seed < 50; seed++) {
    const bench = new Bench(seed)
    const file = bench.make('/a')
    file.write(0, [filled(10, 1)], () => t.fail('it answered'))
    bench.schedule.end(bench.owner)
    bench.disk.kill()
    bench.schedule.runUntil(1e9)
    happened += bench.disk.files().get('/a')!.length / 10
  }
  t.ok(happened > 10 && happened < 40, `${happened} of 50`)
  t.end()
})
