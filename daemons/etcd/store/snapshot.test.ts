import t from 'tap'
import { UserError } from '#lib/errors.ts'
import { hashState } from './hash.ts'
import type { Operation } from './operation.ts'
import { decodeSnapshot, SnapshotReader } from './restore.ts'
import { SnapshotWriter } from './snapshot.ts'
import { Store } from './store.ts'
import type { Watcher } from './watcher.ts'

const KEYS = 6000
const DIRECTORIES = 40

function set(store: Store, path: string, value: string, expiresAtMs = 0, dir = false): void {
  store.apply({ type: 'set', path, dir, value, expiresAtMs, refresh: false })
}

function fullStore(): Store {
  const store = new Store()
  for (let number = 0; number < KEYS; number++)
    set(store, keyOf(number), `value ${number}`.repeat(5), number % 7 === 0 ? 2e12 + number : 0)
  return store
}

function keyOf(number: number): string {
  const name = `d${number % DIRECTORIES}`
  return number % 2 === 0 ? `/1/${name}/key-number-${number}` : `/1/${name}/deep/${number}`
}

function finish(writer: SnapshotWriter): Buffer {
  const chunks: Buffer[] = []
  for (let chunk = writer.next(); chunk !== undefined; chunk = writer.next()) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** mulberry32. */
function generator(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

function randomChange(random: (below: number) => number, nowMs: number): Operation {
  const path = keyOf(random(KEYS + 100))
  const directory = path.slice(0, path.lastIndexOf('/'))
  const base = {
    path,
    value: `new ${random(1000)}`,
    expiresAtMs: random(3) === 0 ? nowMs + 1e6 : 0,
    refresh: false,
  }
  switch (random(10)) {
    case 0:
      return {
        type: 'delete',
        path: random(2) === 0 ? directory : `/1/d${random(DIRECTORIES)}`,
        dir: true,
        recursive: true,
      }
    case 1:
      return { type: 'delete', path, dir: false, recursive: false }
    case 2:
    case 3:
      return { ...base, type: 'update', path: directory, value: '' }
    case 4:
      return { ...base, type: 'update' }
    case 5:
      return { ...base, type: 'set', dir: true }
    case 6:
      return { type: 'sync', nowMs: 2e12 + random(KEYS) }
    default:
      return { ...base, type: 'set', dir: false }
  }
}

t.test('a snapshot is of the moment at which it began, whatever happens while it is written', t => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = generator(seed)
    const store = fullStore()
    for (let count = 0; count < 50; count++) store.apply(randomChange(random, 2.1e12))
    const before = hashState(store.state)
    const { index } = store
    const writer = new SnapshotWriter(store.state)
    const chunks: Buffer[] = []
    let changes = 0
    for (let chunk = writer.next(); chunk !== undefined; chunk = writer.next()) {
      chunks.push(chunk)
      for (let count = random(30); count > 0; count--, changes++) store.apply(randomChange(random, 2.1e12))
      if (seed % 4 === 0 && chunks.length === 2)
        store.apply({ type: 'delete', path: `/1/d${random(DIRECTORIES)}`, dir: true, recursive: true })
    }
    const restored = decodeSnapshot(Buffer.concat(chunks))
    t.ok(
      chunks.length > 4 && changes > 30,
      `seed ${seed}: ${changes} changes between ${chunks.length} chunks`,
    )
    t.equal(restored.index, index)
    t.equal(hashState(restored), before, `seed ${seed}`)
    t.not(hashState(store.state), before, 'the store went on')
    // And a second one, of the present.
    t.equal(hashState(decodeSnapshot(finish(new SnapshotWriter(store.state)))), hashState(store.state))
  }
  t.end()
})

t.test('one at a time, and one that was given up costs nothing', t => {
  const store = fullStore()
  const writer = new SnapshotWriter(store.state)
  t.throws(() => new SnapshotWriter(store.state), /one snapshot at a time/)
  writer.next()
  writer.abandon()
  t.equal(writer.next(), undefined)
  t.equal(store.state.tree.saver, undefined)
  const again = new SnapshotWriter(store.state)
  t.equal(hashState(decodeSnapshot(finish(again))), hashState(store.state))
  t.equal(store.state.tree.saver, undefined)
  t.end()
})

t.test('chunks are small, whatever the store has', t => {
  const store = fullStore()
  const writer = new SnapshotWriter(store.state)
  for (let chunk = writer.next(); chunk !== undefined; chunk = writer.next())
    t.ok(chunk.length < 66 * 1024, `${chunk.length} bytes`)
  t.end()
})

t.test('snapshots that disks hold already can be read', t => {
  const stored =
    '8c00000001106f726c6f702d73746f72652d76322f31030201300200000302013102000004016105010301760000' +
    '00c585317a4203020164020202020165060202000000c585317a420203030306010001042f312f61010101017606' +
    '020002062f312f642f65060202000000c585317a420206030303042f312f610501030176000000c585317a420301' +
    '010101760705'
  const store = new Store()
  const expiresAtMs = 1_800_000_000_000
  set(store, '/1/a', 'v')
  store.apply({ type: 'create', path: '/1/d/e', dir: true, value: '', expiresAtMs, unique: false })
  store.apply({ type: 'update', path: '/1/a', value: 'w', expiresAtMs, refresh: true })
  t.equal(finish(new SnapshotWriter(store.state)).toString('hex'), stored)
  t.equal(hashState(decodeSnapshot(Buffer.from(stored, 'hex'))), hashState(store.state))
  t.end()
})

t.test('pieces may be of any size', t => {
  const store = fullStore()
  const bytes = finish(new SnapshotWriter(store.state))
  for (const size of [1000, 65_537]) {
    const reader = new SnapshotReader()
    for (let at = 0; at < bytes.length; at += size) reader.push(new Uint8Array(bytes.subarray(at, at + size)))
    t.equal(hashState(reader.finish()), hashState(store.state), `${size} bytes`)
  }
  t.end()
})

t.test('what is cut off or damaged is refused in one line', t => {
  const store = new Store()
  set(store, '/1/a/b', 'value')
  set(store, '/1/c', 'value', 2e12)
  const bytes = finish(new SnapshotWriter(store.state))
  for (let length = 0; length < bytes.length; length++)
    t.throws(
      () => decodeSnapshot(bytes.subarray(0, length)),
      new UserError('the snapshot of the store is cut off'),
    )
  t.throws(
    () => decodeSnapshot(Buffer.concat([bytes, Buffer.from([1, 0, 0, 0, 7])])),
    /goes on after its end/,
  )
  const other = Buffer.from(bytes)
  other.write('X', 6)
  t.throws(() => decodeSnapshot(other), /a format this version does not know/)
  const miscounted = Buffer.from(bytes)
  miscounted[miscounted.length - 1]! += 1
  t.throws(() => decodeSnapshot(miscounted), /does not have the nodes it should have/)
  const random = generator(7)
  for (let round = 0; round < 3000; round++) {
    const damaged = Buffer.from(bytes)
    damaged[random(damaged.length)] = random(256)
    try {
      decodeSnapshot(damaged)
    } catch (error) {
      if (!(error instanceof UserError)) t.fail(`round ${round}: ${error}`)
    }
  }
  t.end()
})

t.test('who watches goes on through a restore, or is closed where the past is gone', t => {
  const ahead = new Store()
  const behind = new Store()
  for (const store of [ahead, behind]) set(store, '/1/a', '1')
  const sink = {
    woken: 0,
    wake() {
      sink.woken += 1
    },
  }
  const watch = (path: string, stream: boolean, since = 0) =>
    behind.watch(path, false, stream, since, sink) as Watcher
  const missed = watch('/1/a', true)
  const poll = watch('/1/a', false)
  const later = watch('/1/a', false, 100)
  const other = watch('/1/other', true)
  for (let count = 0; count < 3; count++) set(ahead, '/1/a', '2')
  const copy = () => decodeSnapshot(finish(new SnapshotWriter(ahead.state)))
  behind.restore(copy())
  t.same([missed.waiting, missed.closed, poll.waiting, poll.closed], [3, false, 1, true])
  t.same([later.waiting, later.closed, other.closed, sink.woken], [0, false, false, 2])
  t.equal(behind.watchers.count, 3)
  set(behind, '/1/a', '3')
  t.same([missed.waiting, behind.index], [4, 5])

  for (let count = 0; count < 2000; count++) set(ahead, '/1/x', '2')
  behind.restore(copy())
  t.same([missed.closed, other.closed, behind.watchers.count], [true, true, 0], 'events between are gone')
  t.equal(hashState(behind.state), hashState(ahead.state))
  t.end()
})

t.test('the hash is of what is there, not of how it came', t => {
  const build = (...paths: string[]) => {
    const store = new Store()
    for (const path of paths)
      store.apply({ type: 'set', path, dir: false, value: '', expiresAtMs: 0, refresh: false })
    return store
  }
  const one = build('/1/a', '/1/b')
  t.equal(hashState(one.state), hashState(build('/1/a', '/1/b').state))
  t.not(hashState(one.state), hashState(build('/1/b', '/1/a').state), 'indexes differ')
  const seen = new Set([hashState(one.state)])
  const changes: Operation[] = [
    { type: 'update', path: '/1/a', value: 'x', expiresAtMs: 0, refresh: false },
    { type: 'update', path: '/1/a', value: 'x', expiresAtMs: 0, refresh: true },
    { type: 'update', path: '/1/a', value: 'x', expiresAtMs: 5, refresh: true },
    { type: 'delete', path: '/1/a', dir: false, recursive: false },
  ]
  for (const change of changes) {
    const store = build('/1/a', '/1/b')
    store.apply(change)
    seen.add(hashState(store.state))
  }
  t.equal(seen.size, changes.length + 1)
  const inTurn = (...names: string[]) => {
    const store = build('/1/a/x', '/1/b/x')
    for (const name of names)
      store.apply({ type: 'update', path: name, value: '', expiresAtMs: 2e12, refresh: false })
    for (let count = 0; count < 1000; count++) set(store, '/1/c', '')
    return hashState(store.state)
  }
  t.not(inTurn('/1/a', '/1/b'), inTurn('/1/b', '/1/a'), 'which of the two expires first')
  t.match([...seen].join(), /^([0-9a-f]{16},?)+$/)
  t.end()
})
