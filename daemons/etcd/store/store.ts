import assert from 'node:assert'
import {
  COMPARE_FAILED,
  DIRECTORY_NOT_EMPTY,
  KEY_EXISTS,
  NOT_A_FILE,
  ROOT_READ_ONLY,
  StoreError,
} from './errors.ts'
import { type Action, Event, viewOf } from './event.ts'
import { Due } from './expiry.ts'
import { History } from './history.ts'
import { type Node, newDirectory, newFile, PERMANENT, viewOfDirectory, viewOfGone } from './node.ts'
import type {
  CompareDeleteOperation,
  CreateOperation,
  DeleteOperation,
  Operation,
  SetOperation,
  SwapOperation,
  UpdateOperation,
} from './operation.ts'
import { CLUSTER_PREFIX, KEYS_PREFIX } from './path.ts'
import { Stats } from './stats.ts'
import { nameOf, Tree } from './tree.ts'
import { Watcher, type WatchSink } from './watcher.ts'
import { Watchers } from './watchers.ts'

/** 2000-01-01: what would have expired before it never does, where a node is made (specification §2.5). */
const EXPIRY_MIN_MS = 946_684_800_000
/** Digits of a key that is named by its index. */
const UNIQUE_DIGITS = 20

/** What a snapshot holds and a store begins with. */
export interface StoreState {
  index: number
  tree: Tree
  history: History
}

/**
 * The v2 store of one member: pure and synchronous. From a request to its answer:
 *
 *   request.ts (form, path) → Operation → codec.ts → the log → codec.ts → Store.apply → Event → answer.ts (render)
 *              ↘ ReadRequest → answer.ts          ↘ WatchRequest → Store.watch → Watcher
 *
 * Members that apply the same operations in the same order have the same tree, history and index; watchers, statistics
 * and reads are each member's own.
 *
 * What the host owes:
 * 1. It applies every committed operation once, in the order of the log.
 * 2. A WatchSink, when woken, calls the store only to take from or remove the watcher it is woken for.
 * 3. A `Node` that `read` gave is rendered before the next operation is applied.
 */
export class Store {
  readonly watchers = new Watchers()
  readonly stats = new Stats()
  #index = 0
  #tree = new Tree()
  #history = new History()

  constructor() {
    for (const path of [CLUSTER_PREFIX, KEYS_PREFIX])
      this.#tree.put(this.#tree.root, path, nameOf(path), newDirectory(0, 0, undefined), undefined)
  }

  /** Changes so far: the index of the last one. */
  get index(): number {
    return this.#index
  }

  /** Nodes that have a time to expire. */
  get expiring(): number {
    return this.#tree.expiries.size
  }

  /** When the first of them expires, milliseconds since 1970; until then the leader need not sync. */
  get dueMs(): number | undefined {
    return this.#tree.expiries.first()?.atMs
  }

  /** All of it, to be saved or looked at; only the store may change it. */
  get state(): StoreState {
    return { index: this.#index, tree: this.#tree, history: this.#history }
  }

  /** Applies what was agreed on. A sync has no result of its own: its events are in the history. */
  apply(operation: Operation): Event | StoreError | undefined {
    switch (operation.type) {
      case 'set':
        return this.#set(operation)
      case 'create':
        return this.#create(operation)
      case 'update':
        return this.#update(operation)
      case 'compareAndSwap':
        return this.#compareAndSwap(operation)
      case 'delete':
        return this.#delete(operation)
      case 'compareAndDelete':
        return this.#compareAndDelete(operation)
      case 'sync':
        this.#expire(operation.nowMs)
        return undefined
    }
  }

  /** The node at a clean path with its prefix. */
  read(path: string): Node | StoreError {
    const node = this.#tree.find(path)
    if (node === undefined) {
      this.stats.getsFail += 1
      return this.#tree.explain(path, this.#index)
    }
    this.stats.getsSuccess += 1
    return node
  }

  /**
   * Begins to watch a clean path with its prefix. Events of the past that match wait in the watcher at once: the first
   * of them, or all for a stream. The original gives a stream the first only and then nothing more for ever.
   *
   * @param waitIndex events before it do not matter; 0 for those to come
   * @returns a StoreError 401 when the history no longer has what was asked for
   */
  watch(
    path: string,
    recursive: boolean,
    stream: boolean,
    waitIndex: number,
    sink: WatchSink,
  ): Watcher | StoreError {
    const since = waitIndex === 0 ? this.#index + 1 : waitIndex
    const first = this.#history.scan(path, recursive, since)
    if (first instanceof StoreError) return new StoreError(first.code, first.cause, this.#index)
    const watcher = new Watcher(path, recursive, stream, since, this.#index, sink)
    this.#replay(watcher, first)
    if (!watcher.closed) this.watchers.add(watcher)
    return watcher
  }

  /**
   * Takes over the state of a snapshot. Those who watch are told what they missed as far as its history knows; where
   * it does not reach back that far they are closed, and learn by asking again that their index is gone.
   */
  restore(state: StoreState): void {
    const missed = this.#index + 1
    const watching = this.watchers.list()
    this.#index = state.index
    this.#tree = state.tree
    this.#history = state.history
    for (const watcher of watching) {
      const since = Math.max(missed, watcher.since)
      const first = this.#history.scan(watcher.path, watcher.recursive, since)
      if (first === undefined) continue
      this.watchers.remove(watcher)
      if (first instanceof Event) {
        watcher.closed = false
        this.#replay(watcher, first)
        if (!watcher.closed) this.watchers.add(watcher)
      }
      watcher.sink.wake(watcher)
    }
  }

  #replay(watcher: Watcher, first: Event | StoreError | undefined): void {
    for (let event = first; event instanceof Event; ) {
      watcher.offer(event)
      if (!watcher.stream) {
        watcher.closed = true
        return
      }
      event = this.#history.scan(watcher.path, watcher.recursive, event.index + 1)
    }
  }

  #set(operation: SetOperation): Event | StoreError {
    const { path, refresh } = operation
    const result = this.#place('set', operation, refresh)
    if (result instanceof StoreError) this.stats.setsFail += 1
    else this.stats.setsSuccess += 1
    if (result instanceof StoreError || refresh) return result
    assert(result.path === path, 'what was set is where it was wanted')
    this.watchers.notify(result)
    return result
  }

  #create(operation: CreateOperation): Event | StoreError {
    const result = this.#place('create', operation, false)
    if (result instanceof StoreError) this.stats.createFail += 1
    else this.stats.createSuccess += 1
    if (result instanceof Event) this.watchers.notify(result)
    return result
  }

  /** Puts a new node in its place; of what is there only a file gives way, and only to a set. */
  #place(action: Action, operation: SetOperation | CreateOperation, refresh: boolean): Event | StoreError {
    const next = this.#index + 1
    const { dir } = operation
    const unique = operation.type === 'create' && operation.unique
    const path = unique ? uniquePath(operation.path, next) : operation.path
    if (isReadOnly(path)) return this.#refuse(ROOT_READ_ONLY, '/')
    const tree = this.#tree
    if (refresh && tree.find(path) === undefined) return tree.explain(path, this.#index)
    // Where directories are missing nothing can stand in the way any more, so making them is not premature.
    const parent = tree.makeParent(path, this.#index, next)
    if (parent instanceof StoreError) return parent
    const name = nameOf(path)
    const old = parent.children!.get(name)
    if (old !== undefined && action === 'create') return this.#refuse(KEY_EXISTS, path)
    if (old?.children !== undefined) return this.#refuse(NOT_A_FILE, path)

    const value = refresh ? old!.value! : operation.value
    const { expiresAtMs } = operation
    const due = dueOf(path, expiresAtMs < EXPIRY_MIN_MS ? PERMANENT : expiresAtMs, next)
    const node = dir ? newDirectory(next, next, due) : newFile(value, next, next, due)
    tree.put(parent, path, name, node, old)
    return this.#record(new Event(action, path, next, viewOf(node), old, refresh))
  }

  #update(operation: UpdateOperation): Event | StoreError {
    const result = this.#change('update', operation, this.#checkUpdate(operation))
    if (result instanceof StoreError) this.stats.updateFail += 1
    else this.stats.updateSuccess += 1
    return result
  }

  #checkUpdate({ path, value }: UpdateOperation): Node | StoreError {
    if (isReadOnly(path)) return this.#refuse(ROOT_READ_ONLY, '/')
    const node = this.#tree.find(path)
    if (node === undefined) return this.#tree.explain(path, this.#index)
    if (node.children !== undefined && value !== '') return this.#refuse(NOT_A_FILE, path)
    return node
  }

  #compareAndSwap(operation: SwapOperation): Event | StoreError {
    const { path, prevValue, prevIndex } = operation
    const checked = isReadOnly(path)
      ? this.#refuse(ROOT_READ_ONLY, '/')
      : this.#compare(path, prevValue, prevIndex)
    const result = this.#change('compareAndSwap', operation, checked)
    if (result instanceof StoreError) this.stats.compareAndSwapFail += 1
    else this.stats.compareAndSwapSuccess += 1
    return result
  }

  /** The file at a path when it is as expected. Its value says nothing when '', its index when 0. */
  #compare(path: string, prevValue: string, prevIndex: number): Node | StoreError {
    const node = this.#tree.find(path)
    if (node === undefined) return this.#tree.explain(path, this.#index)
    if (node.children !== undefined) return this.#refuse(NOT_A_FILE, path)
    const valueFits = prevValue === '' || node.value === prevValue
    const indexFits = prevIndex === 0 || node.modifiedIndex === prevIndex
    if (valueFits && indexFits) return node
    const causes: string[] = []
    if (!valueFits) causes.push(`[${prevValue} != ${node.value}]`)
    if (!indexFits) causes.push(`[${prevIndex} != ${node.modifiedIndex}]`)
    return this.#refuse(COMPARE_FAILED, causes.join(' '))
  }

  /** Gives a node another value and expiry; it keeps the index of its creation. */
  #change(
    action: Action,
    operation: UpdateOperation | SwapOperation,
    checked: Node | StoreError,
  ): Event | StoreError {
    if (checked instanceof StoreError) return checked
    const next = this.#index + 1
    const { path, refresh } = operation
    const { createdIndex, children } = checked
    const prevNode = viewOf(checked)
    const due = dueOf(path, operation.expiresAtMs, next)
    let node: Node
    if (children === undefined) {
      const value = refresh ? checked.value! : operation.value
      node = newFile(value, createdIndex, next, due)
      this.#tree.put(this.#tree.parentOf(path), path, nameOf(path), node, checked)
    } else {
      // The directory in the tree keeps its index; only this event shows the new one.
      this.#tree.setDue(checked, due)
      node = viewOfDirectory(createdIndex, next, due)
    }
    const event = this.#record(new Event(action, path, next, node, prevNode, refresh))
    if (!refresh) this.watchers.notify(event)
    return event
  }

  #delete(operation: DeleteOperation): Event | StoreError {
    const { path } = operation
    const checked = this.#checkDelete(operation)
    if (checked instanceof StoreError) {
      this.stats.deleteFail += 1
      return checked
    }
    this.stats.deleteSuccess += 1
    return this.#remove('delete', path, checked)
  }

  #checkDelete({ path, dir, recursive }: DeleteOperation): Node | StoreError {
    if (isReadOnly(path)) return this.#refuse(ROOT_READ_ONLY, '/')
    const node = this.#tree.find(path)
    if (node === undefined) return this.#tree.explain(path, this.#index)
    if (node.children !== undefined && !recursive) {
      if (!dir) return this.#refuse(NOT_A_FILE, path)
      if (node.children.size > 0) return this.#refuse(DIRECTORY_NOT_EMPTY, path)
    }
    return node
  }

  /** No check for the root here: it is a directory, and is refused as such. */
  #compareAndDelete({ path, prevValue, prevIndex }: CompareDeleteOperation): Event | StoreError {
    const checked = this.#compare(path, prevValue, prevIndex)
    if (checked instanceof StoreError) {
      this.stats.compareAndDeleteFail += 1
      return checked
    }
    this.stats.compareAndDeleteSuccess += 1
    return this.#remove('compareAndDelete', path, checked)
  }

  #remove(action: Action, path: string, node: Node): Event {
    const next = this.#index + 1
    const event = this.#record(new Event(action, path, next, viewOfGone(node, next), viewOf(node), false))
    this.watchers.notifyRemoved(event, node)
    this.#tree.remove(path, node)
    this.watchers.notify(event)
    return event
  }

  #expire(nowMs: number): void {
    for (let due = this.#tree.expiries.first(); due !== undefined; due = this.#tree.expiries.first()) {
      if (due.atMs > nowMs) return
      const node = this.#tree.find(due.path)
      assert(node?.due === due, 'what expires is in the tree')
      this.stats.expireCount += 1
      this.#remove('expire', due.path, node)
    }
  }

  #record(event: Event): Event {
    assert(event.index === this.#index + 1, 'every change takes the next index')
    this.#index = event.index
    this.#history.add(event)
    return event
  }

  #refuse(code: number, cause: string): StoreError {
    return new StoreError(code, cause, this.#index)
  }
}

function isReadOnly(path: string): boolean {
  return path.length <= 2 && (path === '/' || path === CLUSTER_PREFIX || path === KEYS_PREFIX)
}

function dueOf(path: string, expiresAtMs: number, index: number): Due | undefined {
  return expiresAtMs === PERMANENT ? undefined : new Due(path, expiresAtMs, index)
}

function uniquePath(path: string, index: number): string {
  return `${path === '/' ? '' : path}/${String(index).padStart(UNIQUE_DIGITS, '0')}`
}
