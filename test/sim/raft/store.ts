import type { FileNode, Reply, Request } from '../subject.ts'
import { hashText, mix } from '../world/random.ts'

/** Marks of one origin that are remembered; one that comes later by more than these does not count. */
const MARKS_MAX = 64

/** The keys of the v2 store as far as the workload uses them: files, and directories with in-order keys. */
export class Store {
  readonly #files = new Map<string, FileNode>()
  readonly #queues = new Map<string, { index: number; value: string }[]>()
  /** For each origin the numbers of its proposals that have counted, the newest ones, ascending. */
  readonly #marks = new Map<string, number[]>()
  /** Members that were removed: they never come back. */
  readonly removed = new Set<string>()
  #index = 0
  /** The numbers of all nodes and entries, combined so that one can be taken out again. */
  #content = 0

  /** Whether a proposal counts: the network may bring it twice. The mark is its origin, a dot, its number. */
  counts(mark: string): boolean {
    const dot = mark.lastIndexOf('.')
    const origin = mark.slice(0, dot)
    const number = Number(mark.slice(dot + 1))
    const marks = this.#marks.get(origin)
    if (marks === undefined) {
      this.#marks.set(origin, [number])
      return true
    }
    let at = marks.length
    while (at > 0 && marks[at - 1]! > number) at -= 1
    if (marks[at - 1] === number || (at === 0 && marks.length === MARKS_MAX)) return false
    marks.splice(at, 0, number)
    if (marks.length > MARKS_MAX) marks.shift()
    return true
  }

  /** Carries out a change. */
  apply(request: Request): Reply {
    switch (request.kind) {
      case 'append':
        return this.#append(request.key, request.value)
      case 'set':
      case 'create':
      case 'update':
      case 'cas':
      case 'cad':
      case 'delete':
        return this.#change(request)
      default:
        throw new Error(`${request.kind} is no change of a key`)
    }
  }

  /** Answers a read. */
  read(request: Request): Reply {
    if (request.kind === 'list')
      return { kind: 'listing', entries: [...(this.#queues.get(request.key) ?? [])] }
    if (request.kind !== 'get') throw new Error(`${request.kind} is no read`)
    const node = this.#files.get(request.key)
    return node === undefined ? { kind: 'error', error: 100 } : { kind: 'node', node, previous: undefined }
  }

  /** 32 bits of all that is in it. */
  hash(): number {
    return mix(this.#content, this.#index)
  }

  /** All of it, for a snapshot. */
  save(): Uint8Array {
    const { removed } = this
    const all = [this.#index, [...this.#files], [...this.#queues], [...this.#marks], [...removed]]
    return Buffer.from(JSON.stringify(all))
  }

  /** Takes the place of all that is in it. */
  restore(bytes: Uint8Array): void {
    const [index, files, queues, marks, removed] = JSON.parse(Buffer.from(bytes).toString())
    this.#index = index
    this.#files.clear()
    this.#queues.clear()
    this.#marks.clear()
    this.removed.clear()
    this.#content = 0
    for (const [key, node] of files) this.#put(key, node)
    for (const [key, entries] of queues) {
      this.#queues.set(key, entries)
      for (const entry of entries) this.#content ^= numberOf(key, entry.value, entry.index, 0)
    }
    for (const [origin, numbers] of marks) this.#marks.set(origin, numbers)
    for (const id of removed) this.removed.add(id)
  }

  #append(key: string, value: string): Reply {
    this.#index += 1
    const entry = { index: this.#index, value }
    const queue = this.#queues.get(key)
    if (queue === undefined) this.#queues.set(key, [entry])
    else queue.push(entry)
    this.#content ^= numberOf(key, value, this.#index, 0)
    return { kind: 'entry', entry }
  }

  #change(request: Request & { kind: 'set' | 'create' | 'update' | 'cas' | 'cad' | 'delete' }): Reply {
    const { kind, key } = request
    const previous = this.#files.get(key)
    if (kind === 'create' && previous !== undefined) return { kind: 'error', error: 105 }
    if (kind !== 'create' && kind !== 'set' && previous === undefined) return { kind: 'error', error: 100 }
    if (kind === 'cas' || kind === 'cad') {
      const { prevValue, prevIndex } = request
      const differs = prevValue !== '' && prevValue !== previous!.value
      if (differs || (prevIndex !== 0 && prevIndex !== previous!.index)) return { kind: 'error', error: 101 }
    }
    this.#index += 1
    if (kind === 'delete' || kind === 'cad') {
      this.#put(key, undefined)
      return { kind: 'node', node: { ...previous!, index: this.#index }, previous }
    }
    const created = kind === 'update' || kind === 'cas' ? previous!.created : this.#index
    const node = { value: request.value, index: this.#index, created }
    this.#put(key, node)
    return { kind: 'node', node, previous }
  }

  #put(key: string, node: FileNode | undefined): void {
    const before = this.#files.get(key)
    if (before !== undefined) this.#content ^= numberOf(key, before.value, before.index, before.created)
    if (node === undefined) this.#files.delete(key)
    else {
      this.#files.set(key, node)
      this.#content ^= numberOf(key, node.value, node.index, node.created)
    }
  }
}

function numberOf(key: string, value: string, index: number, created: number): number {
  return mix(mix(hashText(value, hashText(key)), index), created)
}
