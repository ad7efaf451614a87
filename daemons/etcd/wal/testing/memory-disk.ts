import type { Answer, Disk, DiskError, File } from '../../member/env.ts'

const SECTOR_BYTES = 512

/** A file: what reads see, what is durable, and which sectors differ by writes that were not synced. */
class MemoryContent {
  bytes = new Uint8Array(0)
  synced = new Uint8Array(0)

  resize(length: number): void {
    this.bytes = resized(this.bytes, length)
  }
}

/** A call that is about to happen: `append`-like names such as `write wal/0.wal`. */
export type Fault = (call: string) => DiskError | undefined

/**
 * A disk for tests, in two layers: cached and synced, for contents and for names. Everything answers in order by
 * `run`, or at once when nobody holds it back.
 */
export class MemoryDisk implements Disk {
  /** Names as the running program sees them, and as a crash leaves them. */
  #names = new Map<string, MemoryContent>()
  #syncedNames = new Map<string, MemoryContent>()
  readonly #folders = new Set<string>()
  readonly #queue: (() => void)[] = []
  /** Called before every call; what it returns is the call's error. */
  fault: Fault = () => undefined
  /** Counts of calls by their first word. */
  readonly counts = new Map<string, number>()
  /** Bytes that all files may have together. */
  capacity = Number.POSITIVE_INFINITY

  /** Answers everything, and what follows from the answers. */
  run(): void {
    for (let step = this.#queue.shift(); step !== undefined; step = this.#queue.shift()) step()
  }

  /** Answers one call. False when none waits. */
  step(): boolean {
    const step = this.#queue.shift()
    step?.()
    return step !== undefined
  }

  /**
   * The disk after a power cut now: of every sector that was not synced, `keep` says whether it is there; of every name
   * that was not, too. What was under way is never answered.
   */
  crash(keep: (path: string, sector: number) => boolean, keepName: (path: string) => boolean): MemoryDisk {
    const after = new MemoryDisk()
    const paths = new Set([...this.#names.keys(), ...this.#syncedNames.keys()])
    for (const path of paths) {
      const now = this.#names.get(path)
      const before = this.#syncedNames.get(path)
      const content = now === before || keepName(path) ? now : before
      if (content !== undefined)
        after.put(
          path,
          survivor(content, sector => keep(path, sector)),
        )
    }
    for (const folder of this.#folders) after.#folders.add(folder)
    return after
  }

  /** A copy with everything, durable. */
  clone(): MemoryDisk {
    return this.crash(
      () => true,
      () => true,
    )
  }

  /** Puts a durable file there. */
  put(path: string, bytes: Uint8Array): void {
    const content = new MemoryContent()
    content.bytes = bytes.slice()
    content.synced = bytes.slice()
    this.#names.set(path, content)
    this.#syncedNames.set(path, content)
  }

  /** What a reader sees. */
  get(path: string): Uint8Array | undefined {
    return this.#names.get(path)?.bytes
  }

  paths(): string[] {
    return [...this.#names.keys()].toSorted()
  }

  /** Sectors of a file that differ from what is durable. */
  dirtySectors(path: string): number[] {
    const { bytes, synced } = this.#names.get(path)!
    const dirty: number[] = []
    for (let sector = 0; sector * SECTOR_BYTES < bytes.length; sector++) {
      const start = sector * SECTOR_BYTES
      const end = start + SECTOR_BYTES
      if (Buffer.compare(bytes.subarray(start, end), synced.subarray(start, end)) !== 0) dirty.push(sector)
    }
    return dirty
  }

  makeFolder(path: string, done: Answer): void {
    this.#call(`makeFolder ${path}`, done, () => void this.#folders.add(path))
  }

  list(path: string, done: Answer<string[]>): void {
    this.#call(`list ${path}`, done, () => {
      const files = [...this.#names.keys()].filter(name => name.startsWith(`${path}/`))
      if (files.length === 0 && !this.#folders.has(path)) throw { code: 'ENOENT', message: path }
      return files.map(name => name.slice(path.length + 1)).filter(name => !name.includes('/'))
    })
  }

  open(path: string, options: { create: boolean }, done: Answer<File>): void {
    this.#call(`open ${path}`, done, () => {
      let content = this.#names.get(path)
      if (options.create && content !== undefined) throw { code: 'EEXIST', message: path }
      if (!options.create && content === undefined) throw { code: 'ENOENT', message: path }
      if (content === undefined) {
        content = new MemoryContent()
        this.#names.set(path, content)
      }
      return this.#file(path, content)
    })
  }

  rename(from: string, to: string, done: Answer): void {
    this.#call(`rename ${from}`, done, () => {
      const content = this.#names.get(from)
      if (content === undefined) throw { code: 'ENOENT', message: from }
      this.#names.delete(from)
      this.#names.set(to, content)
    })
  }

  remove(path: string, done: Answer): void {
    this.#call(`remove ${path}`, done, () => {
      if (!this.#names.delete(path)) throw { code: 'ENOENT', message: path }
    })
  }

  syncFolder(path: string, done: Answer): void {
    this.#call(`syncFolder ${path}`, done, () => {
      for (const name of [...this.#syncedNames.keys()])
        if (name.startsWith(`${path}/`)) this.#syncedNames.delete(name)
      for (const [name, content] of this.#names)
        if (name.startsWith(`${path}/`)) this.#syncedNames.set(name, content)
    })
  }

  #file(path: string, content: MemoryContent): File {
    return {
      size: done => this.#call(`size ${path}`, done, () => content.bytes.length),
      read: (offset, length, done) =>
        this.#call(`read ${path}`, done, () => content.bytes.slice(offset, offset + length)),
      write: (offset, pieces, done) =>
        this.#call(`write ${path}`, done, () => this.#write(content, offset, pieces)),
      truncate: (length, done) => this.#call(`truncate ${path}`, done, () => content.resize(length)),
      sync: done =>
        this.#call(`sync ${path}`, done, () => {
          content.synced = content.bytes.slice()
        }),
      close: done => this.#call(`close ${path}`, done, () => undefined),
    }
  }

  #write(content: MemoryContent, offset: number, pieces: readonly Uint8Array[]): void {
    let at = offset
    for (const piece of pieces) {
      const grows = Math.max(0, at + piece.length - content.bytes.length)
      if (this.#used() + grows > this.capacity) throw { code: 'ENOSPC', message: 'no space left on device' }
      if (grows > 0) content.resize(at + piece.length)
      content.bytes.set(piece, at)
      at += piece.length
    }
  }

  #used(): number {
    let used = 0
    for (const content of this.#names.values()) used += content.bytes.length
    return used
  }

  /** Does a call when its turn comes; what it throws is the call's error. */
  #call<T>(call: string, done: Answer<T>, act: () => T): void {
    const word = call.split(' ', 1)[0]!
    this.counts.set(word, (this.counts.get(word) ?? 0) + 1)
    this.#queue.push(() => {
      const planned = this.fault(call)
      if (planned !== undefined) return done(planned, undefined as T)
      let value: T
      try {
        value = act()
      } catch (error) {
        if (error instanceof Error) throw error
        return done(error as DiskError, undefined as T)
      }
      done(undefined, value)
    })
  }
}

function survivor(content: MemoryContent, keep: (sector: number) => boolean): Uint8Array {
  const { bytes, synced } = content
  const result = resized(synced, bytes.length).slice()
  for (let sector = 0; sector * SECTOR_BYTES < bytes.length; sector++) {
    const start = sector * SECTOR_BYTES
    const now = bytes.subarray(start, start + SECTOR_BYTES)
    if (Buffer.compare(now, result.subarray(start, start + SECTOR_BYTES)) !== 0 && keep(sector))
      result.set(now, start)
  }
  return result
}

function resized(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(length)
  result.set(bytes.subarray(0, length))
  return result
}
