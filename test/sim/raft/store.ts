import type { FileNode, Reply, Request } from '../subject.ts'
import { hashText, mix } from '../world/random.ts'

/** The keys of the v2 store as far as the workload uses them: files, and directories with in-order keys. */
export class Store {
  readonly #files = new Map<string, FileNode>()
  readonly #queues = new Map<string, { index: number; value: string }[]>()
  #index = 0

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
    let hash = mix(1, this.#index)
    for (const key of [...this.#files.keys()].toSorted()) {
      const { value, index, created } = this.#files.get(key)!
      hash = mix(mix(hashText(value, hashText(key, hash)), index), created)
    }
    for (const key of [...this.#queues.keys()].toSorted()) {
      hash = hashText(key, hash)
      for (const { index, value } of this.#queues.get(key)!) hash = mix(hashText(value, hash), index)
    }
    return hash
  }

  /** All of it, for a snapshot. */
  save(): Uint8Array {
    return Buffer.from(JSON.stringify([this.#index, [...this.#files], [...this.#queues]]))
  }

  /** Takes the place of all that is in it. */
  restore(bytes: Uint8Array): void {
    const [index, files, queues] = JSON.parse(Buffer.from(bytes).toString())
    this.#index = index
    this.#files.clear()
    this.#queues.clear()
    for (const [key, node] of files) this.#files.set(key, node)
    for (const [key, entries] of queues) this.#queues.set(key, entries)
  }

  #append(key: string, value: string): Reply {
    this.#index += 1
    const entry = { index: this.#index, value }
    const queue = this.#queues.get(key)
    if (queue === undefined) this.#queues.set(key, [entry])
    else queue.push(entry)
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
      this.#files.delete(key)
      return { kind: 'node', node: { ...previous!, index: this.#index }, previous }
    }
    const created = kind === 'update' || kind === 'cas' ? previous!.created : this.#index
    const node = { value: request.value, index: this.#index, created }
    this.#files.set(key, node)
    return { kind: 'node', node, previous }
  }
}
