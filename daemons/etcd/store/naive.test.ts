// The store against a second one that is slow and plain: no tree, no codec, no index structures. Seeded operations,
// results, state, index, JSON and what each watcher is told must be the same.

import t from 'tap'
import { answerRead, answerWrite } from './answer.ts'
import { decodeCommand, encodeCommand } from './codec.ts'
import { StoreError } from './errors.ts'
import { hashState } from './hash.ts'
import type { Operation } from './operation.ts'
import { decodeSnapshot } from './restore.ts'
import { SnapshotWriter } from './snapshot.ts'
import { Store } from './store.ts'
import type { Watcher } from './watcher.ts'

const SEEDS = 60
const OPERATIONS = 400
const START_MS = Date.UTC(2026, 0, 1)

interface Thing {
  value?: string
  created: number
  modified: number
  dueMs?: number
  dueIndex?: number
}

interface Told {
  action: string
  path: string
  index: number
  refresh: boolean
  removedDir: boolean
  node: object
  prevNode?: object
}

interface Wish {
  path: string
  deep: boolean
  stream: boolean
  since: number
  seen: string[]
  done: boolean
}

class Refusal {
  readonly facts: [code: number, cause: string, index: number]

  constructor(code: number, cause: string, index: number) {
    this.facts = [code, cause, index]
  }
}

/** Everything in one map by path; a thing without a value is a directory. */
class NaiveStore {
  things = new Map<string, Thing>([
    ['/0', { created: 0, modified: 0 }],
    ['/1', { created: 0, modified: 0 }],
  ])
  index = 0
  history: Told[] = []
  wishes: Wish[] = []

  apply(operation: Operation, nowMs: number): Told | undefined {
    if (operation.type === 'sync') {
      this.sync(operation.nowMs, nowMs)
      return undefined
    }
    switch (operation.type) {
      case 'set':
      case 'create':
        return this.place(operation, nowMs)
      case 'update':
      case 'compareAndSwap':
        return this.change(operation, nowMs)
      case 'delete':
      case 'compareAndDelete':
        return this.remove(operation, nowMs)
    }
  }

  need(path: string): Thing {
    const names = path.split('/').slice(1)
    for (let count = 1; count <= names.length; count++) {
      const part = `/${names.slice(0, count).join('/')}`
      const thing = this.things.get(part)
      if (thing === undefined) throw new Refusal(100, part, this.index)
      if (thing.value !== undefined && count < names.length) throw new Refusal(104, part, this.index)
    }
    return this.things.get(path)!
  }

  guard(path: string): void {
    if (['/', '/0', '/1'].includes(path)) throw new Refusal(107, '/', this.index)
  }

  place(operation: Operation & { type: 'set' | 'create' }, nowMs: number): Told {
    const next = this.index + 1
    let { path } = operation
    if (operation.type === 'create' && operation.unique)
      path += `/${'0'.repeat(20 - `${next}`.length)}${next}`
    this.guard(path)
    const refresh = operation.type === 'set' && operation.refresh
    const kept = refresh ? this.need(path) : undefined
    const parts = path.split('/').slice(1)
    for (let count = 1; count < parts.length; count++) {
      const part = `/${parts.slice(0, count).join('/')}`
      if (this.things.get(part)?.value !== undefined) throw new Refusal(104, part, this.index)
    }
    const old = this.things.get(path)
    if (old && operation.type === 'create') throw new Refusal(105, path, this.index)
    if (old && old.value === undefined) throw new Refusal(102, path, this.index)
    for (let count = 1; count < parts.length; count++) {
      const part = `/${parts.slice(0, count).join('/')}`
      if (!this.things.has(part)) this.things.set(part, { created: next, modified: next })
    }
    const thing: Thing = { created: next, modified: next }
    if (!operation.dir) thing.value = kept?.value ?? operation.value
    const dueMs = operation.expiresAtMs
    if (dueMs >= Date.UTC(2000, 0, 1)) Object.assign(thing, { dueMs, dueIndex: next })
    this.things.set(path, thing)
    return this.tell(operation.type, path, show(path, thing, nowMs), old && show(path, old, nowMs), {
      refresh,
    })
  }

  compare(path: string, value: string, index: number): Thing {
    const thing = this.need(path)
    if (thing.value === undefined) throw new Refusal(102, path, this.index)
    const wrong: string[] = []
    if (value !== '' && value !== thing.value) wrong.push(`[${value} != ${thing.value}]`)
    if (index !== 0 && index !== thing.modified) wrong.push(`[${index} != ${thing.modified}]`)
    if (wrong.length > 0) throw new Refusal(101, wrong.join(' '), this.index)
    return thing
  }

  change(operation: Operation & { type: 'update' | 'compareAndSwap' }, nowMs: number): Told {
    const { path, value, expiresAtMs, refresh } = operation
    this.guard(path)
    const next = this.index + 1
    const old =
      operation.type === 'update'
        ? this.need(path)
        : this.compare(path, operation.prevValue, operation.prevIndex)
    if (old.value === undefined && value !== '') throw new Refusal(102, path, this.index)
    const thing: Thing = { created: old.created, modified: next }
    if (old.value !== undefined) thing.value = refresh ? old.value : value
    if (expiresAtMs !== 0) Object.assign(thing, { dueMs: expiresAtMs, dueIndex: next })
    const isDir = old.value === undefined
    this.things.set(path, isDir ? { ...thing, modified: old.modified } : thing)
    return this.tell(operation.type, path, show(path, thing, nowMs), show(path, old, nowMs), { refresh })
  }

  remove(operation: Operation & { type: 'delete' | 'compareAndDelete' }, nowMs: number): Told {
    const { path } = operation
    if (operation.type === 'compareAndDelete') {
      this.compare(path, operation.prevValue, operation.prevIndex)
    } else {
      this.guard(path)
      const isDir = this.need(path).value === undefined
      if (isDir && !operation.dir && !operation.recursive) throw new Refusal(102, path, this.index)
      if (isDir && !operation.recursive && this.below(path).length > 0)
        throw new Refusal(108, path, this.index)
    }
    return this.drop(operation.type, path, nowMs)
  }

  sync(dueMs: number, nowMs: number): void {
    for (;;) {
      const due = [...this.things]
        .filter(([, thing]) => thing.dueMs !== undefined && thing.dueMs <= dueMs)
        .sort(([, a], [, b]) => a.dueMs! - b.dueMs! || a.dueIndex! - b.dueIndex!)
      if (due.length === 0) return
      this.drop('expire', due[0]![0], nowMs)
    }
  }

  below(path: string): string[] {
    return [...this.things.keys()].filter(other => other.startsWith(`${path}/`))
  }

  drop(action: string, path: string, nowMs: number): Told {
    const old = this.things.get(path)!
    const isDir = old.value === undefined
    const removed = [path, ...this.below(path)]
    for (const one of removed) this.things.delete(one)
    const node: Record<string, unknown> = { key: path.slice(2) }
    if (isDir) node.dir = true
    Object.assign(node, { modifiedIndex: this.index + 1, createdIndex: old.created })
    return this.tell(action, path, node, show(path, old, nowMs), { removed, removedDir: isDir })
  }

  tell(
    action: string,
    path: string,
    node: object,
    prevNode: object | undefined,
    facts: { refresh?: boolean; removed?: string[]; removedDir?: boolean },
  ): Told {
    this.index += 1
    const { refresh = false, removed = [], removedDir = false } = facts
    const told: Told = { action, path, index: this.index, refresh, removedDir, node }
    if (prevNode) told.prevNode = prevNode
    this.history.push(told)
    if (this.history.length > 1000) this.history.shift()
    if (refresh) return told
    for (const wish of this.wishes.filter(one => removed.includes(one.path))) deliver(wish, told)
    for (const wish of this.wishes) {
      const hidden = path.slice(wish.path.length).includes('/_')
      if (path === wish.path || (wish.deep && path.startsWith(`${wish.path}/`) && !hidden))
        deliver(wish, told)
    }
    return told
  }

  watch(wish: Wish): void {
    for (const told of this.history.filter(one => one.index >= wish.since && !one.refresh)) {
      const matches =
        told.path === wish.path ||
        (wish.deep && told.path.startsWith(`${wish.path}/`)) ||
        (told.removedDir && wish.path.startsWith(`${told.path}/`))
      if (matches) deliver(wish, told)
    }
    this.wishes.push(wish)
  }
}

function deliver(wish: Wish, told: Told): void {
  if (wish.done || told.index < wish.since) return
  wish.seen.push(`${told.action} ${told.path} ${told.index}`)
  wish.done = !wish.stream
}

/** A thing as JSON shows it, with its fields in order. */
function show(path: string, thing: Thing, nowMs: number): object {
  const node: Record<string, unknown> = { key: path.slice(2) }
  if (thing.value === undefined) node.dir = true
  else node.value = thing.value
  if (thing.dueMs !== undefined) {
    const fraction =
      thing.dueMs % 1000 === 0 ? '' : `.${`${thing.dueMs % 1000}`.padStart(3, '0').replace(/0+$/, '')}`
    node.expiration = new Date(thing.dueMs).toISOString().replace(/\.\d+Z/, `${fraction}Z`)
    const ttl = Math.ceil((thing.dueMs - nowMs) / 1000)
    if (ttl !== 0) node.ttl = ttl
  }
  return { ...node, modifiedIndex: thing.modified, createdIndex: thing.created }
}

function goJson(value: object): string {
  const hex = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
  return `${JSON.stringify(value).replaceAll(/[<>&\u2028\u2029]/g, hex)}\n`
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

const NAMES = ['a', 'b', '_h', 'long-name-of-a-key']
const VALUES = ['', '1', '2', '<é\u2028"']

function randomPath(random: (below: number) => number): string {
  let path = random(20) === 0 ? '/0' : '/1'
  for (let depth = random(30) === 0 ? 0 : 1 + random(3); depth > 0; depth--)
    path += `/${NAMES[random(NAMES.length)]}`
  return path
}

function randomOperation(random: (below: number) => number, index: number, nowMs: number): Operation {
  const path = randomPath(random)
  const value = VALUES[random(VALUES.length)]!
  const dir = random(4) === 0
  const expiresAtMs = random(3) === 0 ? nowMs + random(40) * 250 : random(50) === 0 ? 1000 : 0
  const refresh = random(5) === 0
  const prevValue = random(2) === 0 ? VALUES[random(VALUES.length)]! : ''
  const prevIndex = random(3) === 0 ? Math.max(0, index - random(4)) : 0
  switch (random(12)) {
    case 0:
      return { type: 'create', path, dir, value, expiresAtMs, unique: random(2) === 0 }
    case 1:
    case 2:
      return { type: 'update', path, value: random(2) === 0 ? '' : value, expiresAtMs, refresh }
    case 3:
    case 4:
      return { type: 'compareAndSwap', path, value, expiresAtMs, refresh, prevValue, prevIndex }
    case 5:
      return { type: 'delete', path, dir, recursive: random(3) === 0 }
    case 6:
      return { type: 'compareAndDelete', path, prevValue, prevIndex }
    case 7:
      return { type: 'sync', nowMs }
    default:
      return { type: 'set', path, dir, value, expiresAtMs, refresh }
  }
}

/** The naive store's things as the store under test holds them. */
function thingsOf(store: Store): Map<string, Thing> {
  const things = new Map<string, Thing>()
  const left: [string, ReturnType<Store['read']>][] = [['', store.state.tree.root]]
  for (let item = left.pop(); item !== undefined; item = left.pop()) {
    const [path, node] = item
    if (node instanceof StoreError) continue
    const thing: Thing = { created: node.createdIndex, modified: node.modifiedIndex }
    if (node.value !== undefined) thing.value = node.value
    if (node.due !== undefined) Object.assign(thing, { dueMs: node.due.atMs, dueIndex: node.due.index })
    if (path !== '') things.set(path, thing)
    for (const [name, child] of node.children ?? []) left.push([`${path}/${name}`, child])
  }
  return things
}

const sorted = (things: Map<string, Thing>) =>
  JSON.stringify(
    [...things]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([path, { value, created, modified, dueMs, dueIndex }]) => [
        path,
        value,
        created,
        modified,
        dueMs,
        dueIndex,
      ]),
  )

/** One seed; the first difference as a text, undefined when there is none. */
function run(seed: number): string | undefined {
  const random = generator(seed)
  const store = new Store()
  const replica = new Store()
  const naive = new NaiveStore()
  const pairs: [Watcher, Wish, string[]][] = []
  let nowMs = START_MS
  for (let step = 0; step < OPERATIONS; step++) {
    // In steps, so that some things fall due at the same time.
    nowMs += random(3) === 0 ? 250 * random(4) : 0
    if (random(4) === 0) pairs.push(watchBoth(random, store, naive))
    const operation = randomOperation(random, naive.index, nowMs)
    const bytes = encodeCommand(seed, step, operation)
    const result = store.apply(decodeCommand(bytes).operation)
    replica.apply(decodeCommand(bytes).operation)
    let wanted: string | undefined
    try {
      const told = naive.apply(operation, nowMs)
      if (told)
        wanted = goJson({
          action: told.action,
          node: told.node,
          ...(told.prevNode && { prevNode: told.prevNode }),
        })
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      wanted = JSON.stringify(error.facts)
    }
    const found =
      result instanceof StoreError
        ? JSON.stringify([result.code, result.cause, result.index])
        : result && answerWrite(result, false, nowMs).body.replaceAll('"key":"/0/', '"key":"/')
    const where = `seed ${seed} step ${step} ${JSON.stringify(operation)}`
    if (found !== wanted) return `${where}: ${found} and not ${wanted}`
    if (store.index !== naive.index) return `${where}: index ${store.index} and not ${naive.index}`
    for (const [watcher, wish, seen] of pairs) {
      for (let event = watcher.take(); event; event = watcher.take())
        seen.push(`${event.action} ${event.path} ${event.index}`)
      if (`${seen}` !== `${wish.seen}`)
        return `${where}: ${wish.path} from ${wish.since} was told ${seen} and not ${wish.seen}`
      if (watcher.closed !== wish.done) return `${where}: ${wish.path} is closed: ${watcher.closed}`
    }
  }
  if (sorted(thingsOf(store)) !== sorted(naive.things)) return `seed ${seed}: the trees differ`
  if (hashState(store.state) !== hashState(replica.state)) return `seed ${seed}: the replica differs`
  return checkRestored(seed, store, nowMs)
}

function watchBoth(
  random: (below: number) => number,
  store: Store,
  naive: NaiveStore,
): [Watcher, Wish, string[]] {
  const path = randomPath(random)
  const deep = random(2) === 0
  const stream = random(2) === 0
  const back = random(3) === 0 ? Math.max(0, store.index + 5 - random(30)) : 0
  const watcher = store.watch(path, deep, stream, back < store.state.history.start ? 0 : back, {
    wake() {},
  }) as Watcher
  const wish: Wish = { path, deep, stream, since: watcher.since, seen: [], done: false }
  naive.watch(wish)
  return [watcher, wish, []]
}

function checkRestored(seed: number, store: Store, nowMs: number): string | undefined {
  const writer = new SnapshotWriter(store.state)
  const chunks: Buffer[] = []
  for (let chunk = writer.next(); chunk !== undefined; chunk = writer.next()) chunks.push(chunk)
  const copy = new Store()
  copy.restore(decodeSnapshot(Buffer.concat(chunks)))
  if (hashState(copy.state) !== hashState(store.state)) return `seed ${seed}: the snapshot differs`
  const all = { kind: 'read', path: '/1', recursive: true, sorted: true, quorum: false } as const
  if (answerRead(copy, all, nowMs).body !== answerRead(store, all, nowMs).body)
    return `seed ${seed}: the listing differs`
  copy.apply({ type: 'sync', nowMs: nowMs + 1e9 })
  store.apply({ type: 'sync', nowMs: nowMs + 1e9 })
  return hashState(copy.state) === hashState(store.state)
    ? undefined
    : `seed ${seed}: expiry differs after a restore`
}

t.test(`${SEEDS * OPERATIONS} operations give what a naive store gives`, t => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const difference = run(seed)
    if (difference !== undefined) {
      t.fail(difference)
      break
    }
  }
  t.end()
})
