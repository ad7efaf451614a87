// The rules of specification §3: who is told of what, from now on and from the history.

import t from 'tap'
import { StoreError } from './errors.ts'
import type { Operation } from './operation.ts'
import { Store } from './store.ts'
import { WATCHER_EVENTS_MAX, type Watcher } from './watcher.ts'

const NO_SINK = { wake() {} }

/** Notes of each event: action, path, index. */
function drain(watcher: Watcher): string[] {
  const seen: string[] = []
  for (let event = watcher.take(); event !== undefined; event = watcher.take())
    seen.push(`${event.action} ${event.path} ${event.index}`)
  return seen
}

function set(store: Store, path: string, expiresAtMs = 0, refresh = false): void {
  apply(store, { type: 'set', path, dir: false, value: 'v', expiresAtMs, refresh })
}

function makeDir(store: Store, path: string): void {
  apply(store, { type: 'set', path, dir: true, value: '', expiresAtMs: 0, refresh: false })
}

function remove(store: Store, path: string): void {
  apply(store, { type: 'delete', path, dir: true, recursive: true })
}

function apply(store: Store, operation: Operation): void {
  const result = store.apply(operation)
  if (result instanceof StoreError) throw new Error(`${operation.type}: ${result.code} ${result.cause}`)
}

/** Starts a watcher: `path`, with ` deep` and ` stream` behind it. */
function watch(store: Store, wish: string, waitIndex = 0): Watcher {
  const [path = '', ...words] = wish.split(' ')
  const watcher = store.watch(path, words.includes('deep'), words.includes('stream'), waitIndex, NO_SINK)
  if (watcher instanceof StoreError) throw new Error(`${watcher.code} ${watcher.cause}`)
  return watcher
}

t.test('who is told', t => {
  const cases: [wish: string, change: (store: Store) => void, seen: string[]][] = [
    ['/1/a', s => set(s, '/1/a'), ['set /1/a 1']],
    ['/1/a', s => set(s, '/1/ab'), []],
    ['/1/a', s => set(s, '/1/a/b'), []],
    ['/1/a deep', s => set(s, '/1/a/b/c'), ['set /1/a/b/c 1']],
    ['/1/a deep', s => set(s, '/1/a'), ['set /1/a 1']],
    ['/1/a deep', s => set(s, '/1/ab/c'), []],
    ['/1 deep', s => set(s, '/1/a/b/c'), ['set /1/a/b/c 1']],
    ['/1 deep', s => set(s, '/0/x'), []],
    ['/1 deep', s => set(s, '/2/x'), []],
    ['/1', s => set(s, '/1/x'), []],
    ['/ deep', s => set(s, '/0/x'), ['set /0/x 1']],
    ['/1/d', s => makeDir(s, '/1/d'), ['set /1/d 1']],
    // Hidden from above, not at the element itself or below.
    ['/1 deep', s => set(s, '/1/_h'), []],
    ['/1 deep', s => set(s, '/1/a/_h/b'), []],
    ['/1/a deep', s => set(s, '/1/a/_h/b'), []],
    ['/1/a/_h deep', s => set(s, '/1/a/_h/b'), ['set /1/a/_h/b 1']],
    ['/1/a/_h/b deep', s => set(s, '/1/a/_h/b'), ['set /1/a/_h/b 1']],
    ['/1/a/_h/b', s => set(s, '/1/a/_h/b'), ['set /1/a/_h/b 1']],
    ['/1/a/_h deep', s => set(s, '/1/a/_h/b/_i/c'), []],
    ['/1/a_b deep', s => set(s, '/1/a_b/c_'), ['set /1/a_b/c_ 1']],
  ]
  for (const [wish, change, seen] of cases) {
    for (const mode of ['', ' stream']) {
      const store = new Store()
      const watcher = watch(store, wish + mode)
      change(store)
      t.same(drain(watcher), seen, `${wish}${mode}: ${change}`)
      t.equal(watcher.closed, mode === '' && seen.length > 0)
      t.equal(store.watchers.count, watcher.closed ? 0 : 1)
    }
  }
  t.end()
})

t.test('who removes a directory tells all that watch in it', t => {
  const cases: [wish: string, seen: string[]][] = [
    ['/1/d/x/y', ['delete /1/d 2']],
    ['/1/d/x', ['delete /1/d 2']],
    ['/1/d/x deep', ['delete /1/d 2']],
    ['/1/d', ['delete /1/d 2']],
    ['/1 deep', ['delete /1/d 2']],
    ['/1', []],
    ['/1/d/missing', []],
    ['/1/d/x/y/z', []],
    ['/1/d/x/y stream', ['delete /1/d 2']],
    ['/1 deep stream', ['delete /1/d 2']],
    // Twice, as the original has it.
    ['/1/d stream', ['delete /1/d 2', 'delete /1/d 2']],
    ['/1/d deep stream', ['delete /1/d 2', 'delete /1/d 2']],
  ]
  for (const [wish, seen] of cases) {
    const store = new Store()
    set(store, '/1/d/x/y')
    const watcher = watch(store, wish)
    remove(store, '/1/d')
    t.same(drain(watcher), seen, wish)
    const expiring = new Store()
    set(expiring, '/1/d/x/y')
    apply(expiring, { type: 'update', path: '/1/d', value: '', expiresAtMs: 5, refresh: true })
    const other = watch(expiring, wish)
    apply(expiring, { type: 'sync', nowMs: 5 })
    t.same(
      drain(other),
      seen.map(text => text.replace('delete', 'expire').replace('2', '3')),
      `expiry: ${wish}`,
    )
  }
  const hidden = new Store()
  set(hidden, '/1/d/_h/x')
  const below = watch(hidden, '/1/d/_h/x')
  const above = watch(hidden, '/1 deep stream')
  remove(hidden, '/1/d')
  t.same([drain(below), drain(above)], [['delete /1/d 2'], ['delete /1/d 2']], 'hidden keys go like others')
  t.end()
})

t.test('a removed file tells a stream twice, a long poll once', t => {
  for (const [wish, count] of [
    ['/1/a', 1],
    ['/1/a stream', 2],
    ['/1 deep stream', 1],
  ] as const) {
    const store = new Store()
    set(store, '/1/a')
    const watcher = watch(store, wish)
    apply(store, { type: 'compareAndDelete', path: '/1/a', prevValue: 'v', prevIndex: 0 })
    t.same(drain(watcher), Array(count).fill('compareAndDelete /1/a 2'), wish)
  }
  t.end()
})

t.test('a refresh is told to nobody, now or later', t => {
  const store = new Store()
  set(store, '/1/a')
  const now = watch(store, '/1/a stream')
  set(store, '/1/a', 1e12, true)
  apply(store, { type: 'update', path: '/1/a', value: '', expiresAtMs: 1e12, refresh: true })
  const swap = { path: '/1/a', value: '', expiresAtMs: 1e12, refresh: true, prevValue: 'v', prevIndex: 0 }
  apply(store, { type: 'compareAndSwap', ...swap })
  const later = watch(store, '/1/a', 2)
  t.same([drain(now), drain(later), store.index], [[], [], 4])
  set(store, '/1/a')
  t.same([drain(now), drain(later)], [['set /1/a 5'], ['set /1/a 5']])
  t.end()
})

t.test('the past is told from the history', t => {
  const store = new Store()
  for (const path of ['/1/a', '/1/b/_h', '/1/b/c', '/1/a', '/0/x']) set(store, path)
  remove(store, '/1/b')
  const cases: [wish: string, waitIndex: number, seen: string[]][] = [
    ['/1/a', 1, ['set /1/a 1']],
    ['/1/a', 2, ['set /1/a 4']],
    ['/1/a', 5, []],
    ['/1/a stream', 1, ['set /1/a 1', 'set /1/a 4']],
    ['/1 deep', 2, ['set /1/b/_h 2']],
    ['/1 deep stream', 2, ['set /1/b/_h 2', 'set /1/b/c 3', 'set /1/a 4', 'delete /1/b 6']],
    ['/1/b/c', 4, ['delete /1/b 6']],
    ['/1/b/missing', 1, ['delete /1/b 6']],
    ['/1/bc', 1, []],
    ['/1/a', 100, []],
    ['/1/a', 0, []],
  ]
  for (const [wish, waitIndex, seen] of cases) {
    const watcher = watch(store, wish, waitIndex)
    t.equal(watcher.startIndex, 6)
    t.same(drain(watcher), seen, `${wish} from ${waitIndex}`)
    t.equal(watcher.closed, seen.length > 0 && !wish.includes('stream'))
    store.watchers.remove(watcher)
  }
  t.equal(store.watchers.count, 0)
  const late = watch(store, '/1/a stream', 1)
  drain(late)
  set(store, '/1/a')
  t.same(drain(late), ['set /1/a 7'], 'a stream goes on after its past')
  const future = watch(store, '/1/a', 10)
  for (let index = 8; index <= 11; index++) set(store, '/1/a')
  t.same(drain(future), ['set /1/a 10'], 'and one that asked for the future waits for it')
  t.end()
})

t.test('the history holds a thousand events', t => {
  const store = new Store()
  t.equal(store.state.history.start, 0)
  t.type(store.watch('/1/a', false, false, 1, NO_SINK), 'Watcher', 'an empty one has forgotten nothing')
  for (let count = 0; count < 1000; count++) set(store, '/1/a')
  t.equal(store.state.history.start, 1)
  for (let count = 0; count < 501; count++) set(store, '/0/x')
  t.same([store.state.history.start, store.state.history.last], [502, 1501])
  t.same(
    store.watch('/1/a', false, false, 501, NO_SINK),
    new StoreError(401, 'the requested history has been cleared [502/501]', 1501),
  )
  t.same(drain(watch(store, '/1/a', 502)), ['set /1/a 502'], 'the oldest is there')
  t.same(drain(watch(store, '/1/a', 1001)), [])
  t.same(drain(watch(store, '/0/x', 1501)), ['set /0/x 1501'], 'and the newest')
  t.end()
})

t.test('who does not take what waits is dropped', t => {
  const store = new Store()
  const slow = watch(store, '/1/a stream')
  const other = watch(store, '/1/a stream')
  for (let count = 0; count < WATCHER_EVENTS_MAX; count++) {
    set(store, '/1/a')
    other.take()
  }
  t.same([slow.closed, slow.waiting], [false, WATCHER_EVENTS_MAX])
  set(store, '/1/a')
  t.same([slow.closed, slow.overflowed, slow.waiting], [true, true, WATCHER_EVENTS_MAX])
  t.same([other.closed, other.waiting, store.watchers.count], [false, 1, 1])
  set(store, '/1/a')
  t.equal(drain(slow).length, WATCHER_EVENTS_MAX, 'what waited can still be sent')
  t.end()
})

t.test('sinks are woken for each event, and may leave while others are told', t => {
  const store = new Store()
  const woken: Watcher[] = []
  const all: Watcher[] = []
  const sink = {
    wake(watcher: Watcher) {
      woken.push(watcher)
      for (const one of all) store.watchers.remove(one)
    },
  }
  for (let count = 0; count < 3; count++) all.push(store.watch('/1/a', false, true, 0, sink) as Watcher)
  set(store, '/1/a')
  t.equal(woken.length, 1, 'the others had left')
  t.equal(woken[0]!.waiting, 1)
  t.equal(store.watchers.count, 0)
  store.watchers.remove(woken[0]!)
  t.equal(store.watchers.count, 0, 'leaving twice is leaving once')
  t.end()
})

t.test('an event costs its own watchers, not all', t => {
  const store = new Store()
  const watchers = 100_000
  for (let number = 0; number < watchers; number++) {
    watch(store, `/1/many/${number} stream`)
    watch(store, `/1/one stream`, 1_000_000 + number)
  }
  makeDir(store, '/1/many')
  const visitsOf = (change: () => void) => {
    const before = store.watchers.visits
    change()
    return store.watchers.visits - before
  }
  t.equal(
    visitsOf(() => set(store, '/1/many/77')),
    1,
  )
  t.equal(
    visitsOf(() => set(store, '/1/other/77')),
    0,
  )
  t.equal(
    visitsOf(() => remove(store, '/1/other')),
    0,
  )
  t.equal(
    visitsOf(() => remove(store, '/1/many')),
    1,
    'of those in a directory only what exists',
  )
  t.equal(store.watchers.count, 2 * watchers)
  for (const watcher of store.watchers.list()) store.watchers.remove(watcher)
  t.equal(store.watchers.count, 0)
  t.end()
})
