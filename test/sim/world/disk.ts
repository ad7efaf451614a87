import type { Answer, Disk, DiskError, File } from '../../../daemons/etcd/member/env.ts'
import { Content, SECTOR_BYTES } from './content.ts'
import type { FaultCounts } from './faults.ts'
import { Folder, type Node, partsOf } from './names.ts'
import type { Random } from './random.ts'
import { type Owner, type Schedule, US_PER_MS } from './schedule.ts'

/** How a disk behaves. Times in milliseconds. */
export interface DiskOptions {
  latencyMsMin: number
  /** Mean of what comes on top, exponentially distributed. */
  latencyMsMean: number
  syncMsMean: number
  /** How often an operation takes very long, and how long on average. */
  stallProbability: number
  stallMsMean: number
  syncFailProbability: number
}

/** A disk that is fast and never fails. */
export const CALM_DISK: DiskOptions = {
  latencyMsMin: 0.05,
  latencyMsMean: 0,
  syncMsMean: 0,
  stallProbability: 0,
  stallMsMean: 0,
  syncFailProbability: 0,
}

interface Pending {
  /** What it does to the disk, if it still happens when its process has ended. */
  apply: (() => void) | undefined
}

/**
 * The disk of one machine. It outlives the processes that use it. What is written is seen at once by every read; it is
 * durable after a sync only, and a crash takes any part of the rest.
 */
export class SimulatedDisk {
  readonly #schedule: Schedule
  readonly #random: Random
  readonly #faults: FaultCounts
  #options: DiskOptions
  readonly #root = new Folder()
  readonly #pending = new Set<Pending>()
  /** No room: nothing that needs a new sector is written. */
  full = false
  /** A sync has failed and the disk has dropped what it was asked to keep: nothing of it survives the process. */
  failed = false
  /** A bit was flipped some time: it may be refused. */
  wasFlipped = false
  /** Asked before a sync fails: whether the cluster can bear one more failure. */
  mayFail: () => boolean = () => true

  constructor(schedule: Schedule, random: Random, faults: FaultCounts, options: DiskOptions) {
    this.#schedule = schedule
    this.#random = random
    this.#faults = faults
    this.#options = options
    if (options.syncFailProbability > 0) faults.enable('sync-failed')
    if (options.stallProbability > 0) faults.enable('disk-stalled')
  }

  /** The disk as one life of a process sees it. */
  open(owner: Owner): Disk {
    return new View(this, owner)
  }

  /** Makes a folder of the root whose name is durable. */
  makeDurableFolder(path: string): void {
    this.#root.add(partsOf(path).join('/'), new Folder())
    this.#root.sync(this.#root.changes)
  }

  /** Fails no more. */
  heal(): void {
    this.full = false
    this.#options = { ...this.#options, stallProbability: 0, syncFailProbability: 0 }
    for (const [, content] of this.#root.files()) content.mend()
  }

  /** The process ends, the machine goes on: each operation under way has happened or has not. */
  kill(): void {
    for (const { apply } of this.#pending) if (this.#random.chance(0.5)) apply?.()
    this.#pending.clear()
    if (this.failed) this.crash()
  }

  /** The machine stops: what was not synced survives in part. */
  crash(): void {
    for (const { apply } of this.#pending) if (this.#random.chance(0.5)) apply?.()
    this.#pending.clear()
    this.failed = false
    const seen = new Set<Node>()
    for (const folder of this.#root.folders()) {
      for (let lost = folder.crash(this.#random); lost > 0; lost--) this.#faults.fired('name-lost')
    }
    for (const [, content] of this.#root.files()) {
      if (seen.has(content)) continue
      seen.add(content)
      const { sectorsLost, torn } = content.crash(this.#random)
      for (let lost = sectorsLost; lost > 0; lost--) this.#faults.fired('sector-lost')
      if (torn) this.#faults.fired('record-torn')
    }
  }

  /**
   * Flips a bit of something that was durable. It is felt when it is read.
   *
   * @returns where, or undefined when nothing suitable was found
   */
  flipBit(): string | undefined {
    const files = [...this.#root.files()].filter(([, content]) => content.cleanBytes > 0)
    if (files.length === 0) return undefined
    const [path, content] = this.#random.pick(files)
    const at = content.flip(this.#random, content.cleanBytes)
    if (at === undefined) return undefined
    this.wasFlipped = true
    return `${path} at byte ${at}`
  }

  /** All files by their paths, for tests and checkers. */
  files(): Map<string, Content> {
    return new Map(this.#root.files())
  }

  /** Runs an operation: it takes effect when it answers, not when it is asked for. */
  run<T>(owner: Owner, kind: string, meanMs: number, effect: () => T | DiskError, done: Answer<T>): void {
    const pending: Pending = { apply: effect }
    this.#pending.add(pending)
    this.#schedule.after(this.#latencyUs(meanMs), owner, kind, () => {
      this.#pending.delete(pending)
      const result = effect()
      if (isError(result)) done(result, undefined as T)
      else done(undefined, result)
    })
  }

  /** Runs a sync: what had answered before it was asked for is durable when it answers. */
  sync(owner: Owner, kind: string, effect: () => void, done: Answer): void {
    this.#schedule.after(this.#latencyUs(this.#options.syncMsMean), owner, kind, () => {
      if (this.failed || (this.#random.chance(this.#options.syncFailProbability) && this.mayFail())) {
        this.failed = true
        this.#faults.fired('sync-failed')
        done(failure('EIO', 'the disk could not write'))
        return
      }
      effect()
      done(undefined)
    })
  }

  /** The folder or file of that path. */
  find(path: string): Node | undefined {
    let node: Node | undefined = this.#root
    for (const part of partsOf(path)) {
      if (!(node instanceof Folder)) return undefined
      node = node.names.get(part)
    }
    return node
  }

  /** The folder that holds the last part of the path, and that part. */
  parent(path: string): [Folder, string] | undefined {
    const parts = partsOf(path)
    const name = parts.pop()
    const folder = this.find(parts.join('/'))
    return name !== undefined && folder instanceof Folder ? [folder, name] : undefined
  }

  /** Writes, as far as there is room. */
  write(content: Content, offset: number, bytes: Uint8Array): DiskError | undefined {
    let fits = bytes.length
    if (this.full) {
      const first = Math.floor(offset / SECTOR_BYTES)
      const last = Math.floor((offset + Math.max(0, bytes.length - 1)) / SECTOR_BYTES)
      for (let sector = first; sector <= last; sector++) {
        if (content.hasSector(sector)) continue
        fits = Math.max(0, sector * SECTOR_BYTES - offset)
        break
      }
    }
    if (fits > 0 || bytes.length === 0) content.write(offset, bytes.subarray(0, fits))
    return fits < bytes.length ? this.noSpace() : undefined
  }

  /** The answer of a disk that is full. */
  noSpace(): DiskError {
    this.#faults.fired('disk-full')
    return failure('ENOSPC', 'no space left on the device')
  }

  /** A read felt a flipped bit. */
  felt(): void {
    this.#faults.fired('bit-flipped')
  }

  get options(): DiskOptions {
    return this.#options
  }

  #latencyUs(meanMs: number): number {
    const { latencyMsMin, stallProbability, stallMsMean } = this.#options
    let ms = latencyMsMin + this.#random.exponential(meanMs)
    if (this.#random.chance(stallProbability)) {
      ms += this.#random.exponential(stallMsMean)
      this.#faults.fired('disk-stalled')
    }
    return Math.max(1, ms * US_PER_MS)
  }
}

/** The disk through the eyes of one process. */
class View implements Disk {
  readonly #disk: SimulatedDisk
  readonly #owner: Owner

  constructor(disk: SimulatedDisk, owner: Owner) {
    this.#disk = disk
    this.#owner = owner
  }

  makeFolder(path: string, done: Answer): void {
    this.#run('make-folder', () => this.#makeFolder(path), done)
  }

  list(path: string, done: Answer<string[]>): void {
    const effect = () => {
      const node = this.#disk.find(path)
      return node instanceof Folder ? [...node.names.keys()] : missing(path)
    }
    this.#run('list', effect, done)
  }

  open(path: string, options: { create: boolean }, done: Answer<File>): void {
    const effect = (): File | DiskError => {
      const found = this.#disk.find(path)
      if (!options.create)
        return found instanceof Content ? new OpenFile(this.#disk, this.#owner, found) : missing(path)
      if (found !== undefined) return failure('EEXIST', `${path} exists`)
      const place = this.#disk.parent(path)
      if (place === undefined) return missing(path)
      if (this.#disk.full) return this.#disk.noSpace()
      const content = new Content()
      place[0].add(place[1], content)
      return new OpenFile(this.#disk, this.#owner, content)
    }
    this.#run('open', effect, done)
  }

  rename(from: string, to: string, done: Answer): void {
    const effect = () => {
      const source = this.#disk.parent(from)
      const target = this.#disk.parent(to)
      const node = source?.[0].names.get(source[1])
      if (source === undefined || target === undefined || node === undefined) return missing(from)
      if (source[0] === target[0]) {
        source[0].rename(source[1], target[1])
      } else {
        target[0].add(target[1], node)
        source[0].remove(source[1])
      }
      return undefined
    }
    this.#run('rename', effect, done)
  }

  remove(path: string, done: Answer): void {
    const effect = () => {
      const place = this.#disk.parent(path)
      if (place === undefined || !place[0].names.has(place[1])) return missing(path)
      place[0].remove(place[1])
      return undefined
    }
    this.#run('remove', effect, done)
  }

  syncFolder(path: string, done: Answer): void {
    const node = this.#disk.find(path)
    const changes = node instanceof Folder ? node.changes : 0
    const effect = () => {
      if (node instanceof Folder) node.sync(Math.min(changes, node.changes))
    }
    if (node instanceof Folder) this.#disk.sync(this.#owner, 'sync-folder', effect, done)
    else this.#run('sync-folder', () => missing(path), done)
  }

  #makeFolder(path: string): DiskError | undefined {
    let folder = this.#disk.find('/') as Folder
    for (const part of partsOf(path)) {
      let node = folder.names.get(part)
      if (node === undefined) {
        if (this.#disk.full) return this.#disk.noSpace()
        node = new Folder()
        folder.add(part, node)
      }
      if (!(node instanceof Folder)) return failure('ENOTDIR', `${path}: ${part} is a file`)
      folder = node
    }
    return undefined
  }

  #run<T>(kind: string, effect: () => T | DiskError, done: Answer<T>): void {
    this.#disk.run(this.#owner, kind, this.#disk.options.latencyMsMean, effect, done)
  }
}

/** An open file of one process. */
class OpenFile implements File {
  readonly #disk: SimulatedDisk
  readonly #owner: Owner
  readonly #content: Content

  constructor(disk: SimulatedDisk, owner: Owner, content: Content) {
    this.#disk = disk
    this.#owner = owner
    this.#content = content
  }

  size(done: Answer<number>): void {
    this.#run('size', () => this.#content.length, done)
  }

  read(offset: number, length: number, done: Answer<Uint8Array>): void {
    const effect = () => {
      if (this.#content.isRotten(offset, length)) this.#disk.felt()
      return this.#content.read(offset, length)
    }
    this.#run('read', effect, done)
  }

  write(offset: number, pieces: readonly Uint8Array[], done: Answer): void {
    const effect = () => this.#disk.write(this.#content, offset, joined(pieces))
    this.#run('write', effect, done)
  }

  truncate(length: number, done: Answer): void {
    const effect = () => {
      if (this.#disk.full && length > this.#content.length) return this.#disk.noSpace()
      this.#content.truncate(length)
      return undefined
    }
    this.#run('truncate', effect, done)
  }

  sync(done: Answer): void {
    const { generation } = this.#content
    this.#disk.sync(this.#owner, 'sync', () => this.#content.sync(generation), done)
  }

  close(done: Answer): void {
    this.#run('close', () => undefined, done)
  }

  #run<T>(kind: string, effect: () => T | DiskError, done: Answer<T>): void {
    this.#disk.run(this.#owner, kind, this.#disk.options.latencyMsMean, effect, done)
  }
}

function isError(result: unknown): result is DiskError {
  return typeof result === 'object' && result !== null && 'code' in result
}

function failure(code: string, message: string): DiskError {
  return { code, message }
}

function missing(path: string): DiskError {
  return failure('ENOENT', `${path} is not there`)
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0]!
  return new Uint8Array(Buffer.concat(pieces))
}
