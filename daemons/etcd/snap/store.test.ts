// Snapshots: written, found again, damaged, interrupted.

import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import type { SnapshotMeta } from '../raft/types.ts'
import type { PlantedLogBug } from '../wal/planted.ts'
import type { Mark } from '../wal/record.ts'
import { finish, seeded } from '../wal/testing/harness.ts'
import { MemoryDisk } from '../wal/testing/memory-disk.ts'
import { CHUNK_BYTES_MAX } from './format.ts'
import { SnapshotStore, type StoredSnapshot, snapshotFile } from './store.ts'

const FOLDER = 'data/member/snap'
const ALL = Number.POSITIVE_INFINITY

function meta(index: number, term = 3): SnapshotMeta {
  return {
    term,
    index,
    configuration: { voters: ['1', 'ab', 'ffffffffffffffff'], learners: ['8000000000000000'] },
  }
}

function newStore(
  disk: MemoryDisk,
  planted: PlantedLogBug[] = [],
  notes: string[] = [],
  retained = 5,
): SnapshotStore {
  const store = new SnapshotStore(disk, FOLDER, {
    retained,
    planted: new Set(planted),
    note: line => notes.push(line),
  })
  const { error } = finish<void>(disk, done => store.open(done))
  if (error !== undefined) throw new Error(error.message)
  return store
}

function save(
  disk: MemoryDisk,
  store: SnapshotStore,
  index: number,
  chunks = [Buffer.from(`state ${index}`)],
): Mark {
  const { error, value } = finish<Mark>(disk, done => store.save(meta(index), chunks.values(), done))
  if (error !== undefined) throw new Error(error.message)
  return value
}

/** What the newest one says: its index and its data. */
function load(disk: MemoryDisk, store: SnapshotStore, before = ALL): [number, string] | undefined {
  const { error, value } = finish<StoredSnapshot | undefined>(disk, done => store.newest(before, done))
  if (error !== undefined) throw new Error(error.message)
  if (value === undefined) return undefined
  const chunks: Uint8Array[] = []
  const read = finish<void>(disk, done => value.read(data => chunks.push(data), done))
  if (read.error !== undefined) throw new Error(read.error.message)
  if (!isDeepStrictEqual(value.meta, meta(value.meta.index))) throw new Error('the header is another')
  return [value.meta.index, Buffer.concat(chunks).toString('latin1')]
}

t.test('what was saved is found', t => {
  const disk = new MemoryDisk()
  const store = newStore(disk)
  t.equal(load(disk, store), undefined)
  save(disk, store, 10)
  save(disk, store, 20, [])
  const large = Buffer.alloc(2 * CHUNK_BYTES_MAX + 5, 'abcdefg')
  save(disk, store, 30, [Buffer.from('x'), Buffer.alloc(0), large, Buffer.from('y')])
  const copy = disk.clone()
  t.same(load(copy, newStore(copy)), [30, `x${large.toString()}y`])
  t.same(load(disk, store, 30), [20, ''])
  t.same(load(disk, store, 20), [10, 'state 10'])
  t.equal(load(disk, store, 10), undefined)
  t.end()
})

t.test('the oldest go, and the log is told how far it may', t => {
  const disk = new MemoryDisk()
  const store = newStore(disk, [], [], 2)
  t.equal(save(disk, store, 1).index, 1)
  t.equal(save(disk, store, 2).index, 1)
  t.equal(save(disk, store, 3).index, 2)
  t.same(
    disk.paths(),
    [2, 3].map(index => `${FOLDER}/${snapshotFile(meta(index))}`),
  )
  const all = newStore(disk, [], [], 0)
  t.equal(save(disk, all, 4).index, 2)
  t.end()
})

t.test('a bit flipped or a byte missing anywhere: the one before is used', t => {
  const disk = new MemoryDisk()
  const store = newStore(disk)
  save(disk, store, 10)
  save(disk, store, 20, [Buffer.from('first'), Buffer.from('second')])
  const path = `${FOLDER}/${snapshotFile(meta(20))}`
  const whole = disk.get(path)!.slice()
  const damaged: [string, Uint8Array][] = [['a byte more', Buffer.concat([whole, Buffer.from('z')])]]
  for (let at = 0; at < whole.length; at++) {
    const flipped = whole.slice()
    flipped[at]! ^= 1 << (at % 8)
    damaged.push([`flipped at ${at}`, flipped], [`cut at ${at}`, whole.slice(0, at)])
  }
  for (const [name, bytes] of damaged) {
    const copy = disk.clone()
    copy.put(path, bytes)
    const notes: string[] = []
    const found = load(copy, newStore(copy, [], notes))
    if (found?.[0] !== 10) t.fail(`${name}: ${found}`)
    if (notes.length !== 1 || !notes[0]!.includes(path)) t.fail(`${name}: ${notes}`)
    if (copy.get(path) !== undefined || copy.get(`${path}.broken`) === undefined)
      t.fail(`${name}: not set aside`)
  }
  const moved = disk.clone()
  moved.put(path, disk.get(`${FOLDER}/${snapshotFile(meta(10))}`)!)
  t.equal(load(moved, newStore(moved))?.[0], 10, 'one under the name of another')
  t.end()
})

t.test('a crash at any time leaves the old ones and perhaps the new one', t => {
  const random = seeded(7)
  for (let steps = 0; steps < 40; steps++) {
    for (let round = 0; round < 10; round++) {
      const disk = new MemoryDisk()
      const store = newStore(disk)
      save(disk, store, 10)
      let saved = false
      const chunks = Array.from({ length: 4 }, (_, at) => Buffer.alloc(700, `chunk ${at}`))
      store.save(meta(20), chunks.values(), error => {
        saved = error === undefined
      })
      for (let step = 0; step < steps; step++) disk.step()
      const after = disk.crash(
        () => random() < 0.5,
        () => random() < 0.5,
      )
      const notes: string[] = []
      const found = load(after, newStore(after, [], notes))
      if (found === undefined || (saved && found[0] !== 20)) t.fail(`after ${steps} steps: ${found}`)
      if (notes.length > 0) t.fail(`after ${steps} steps: ${notes}`)
      if (after.paths().some(path => path.endsWith('.tmp'))) t.fail('remains')
    }
  }
  t.pass('all crashes')
  t.end()
})

t.test('planted bugs are noticed by the same', t => {
  for (const bug of ['renameUnsynced', 'skipFolderSync'] as const) {
    const disk = new MemoryDisk()
    const store = newStore(disk, [bug])
    save(disk, store, 10)
    const after = disk.crash(
      () => false,
      () => bug === 'renameUnsynced',
    )
    t.equal(load(after, newStore(after)), undefined, bug)
  }
  t.end()
})

t.test('no room, and a failing disk', t => {
  const disk = new MemoryDisk()
  const store = newStore(disk)
  save(disk, store, 10)
  disk.capacity = 2000
  const full = finish<Mark>(disk, done => store.save(meta(20), [Buffer.alloc(5000, 1)].values(), done))
  t.equal(full.error?.code, 'ENOSPC')
  t.same(disk.paths(), [`${FOLDER}/${snapshotFile(meta(10))}`], 'nothing is left of it')
  disk.capacity = ALL
  for (const word of ['open', 'write', 'sync', 'rename', 'syncFolder', 'list']) {
    disk.fault = call => (call.startsWith(word) ? { code: 'EIO', message: 'planned' } : undefined)
    const { error } = finish<Mark>(disk, done => store.save(meta(20), [Buffer.from('x')].values(), done))
    t.equal(error?.code, 'EIO', word)
  }
  disk.fault = () => undefined
  save(disk, store, 30)
  t.equal(load(disk, store)?.[0], 30)
  for (const word of ['list', 'open', 'size', 'read']) {
    disk.fault = call => (call.startsWith(word) ? { code: 'EIO', message: 'planned' } : undefined)
    const { error } = finish<StoredSnapshot | undefined>(disk, done => store.newest(ALL, done))
    t.equal(error?.code, 'EIO', `${word}: a disk that cannot read makes no snapshot broken`)
  }
  t.end()
})

t.test('one at a time, and the world goes on', t => {
  const disk = new MemoryDisk()
  const store = newStore(disk)
  let asked = 0
  function* chunks(): Generator<Uint8Array> {
    for (; asked < 100; asked++) yield Buffer.from('x')
  }
  let isSaved = false
  store.save(meta(1), chunks(), () => {
    isSaved = true
  })
  let busy: string | undefined
  store.save(meta(2), [][Symbol.iterator](), error => {
    busy = error?.code
  })
  for (let step = 0; step < 10; step++) disk.step()
  t.ok(asked > 1 && asked < 20, `${asked} chunks after ten answers`)
  disk.run()
  t.ok(isSaved)
  t.equal(busy, 'EBUSY')
  t.end()
})

t.test('the newest may never be marked: two are kept at least, and those that nobody knows can go', t => {
  const disk = new MemoryDisk()
  const store = newStore(disk, [], [], 1)
  save(disk, store, 1)
  t.equal(save(disk, store, 2).index, 1)
  t.equal(save(disk, store, 3).index, 2)
  const { error } = finish<void>(disk, done => store.removeBehind(2, done))
  t.equal(error, undefined)
  t.same(load(disk, store), [2, 'state 2'])
  t.equal(save(disk, store, 4).index, 2, 'what was removed counts no more')
  t.end()
})
