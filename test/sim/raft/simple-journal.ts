import type { Answer, Disk, DiskError, File } from '../../../daemons/etcd/member/env.ts'
import type { Entry, HardState, Snapshot } from '../../../daemons/etcd/raft/types.ts'
import { hashBytes } from '../world/random.ts'
import type { Journal, JournalFailure, OpenJournal, Recovered, Save } from './journal.ts'

/** Length and checksum before each record. */
const HEAD_BYTES = 8
const NAME = /^journal-(\d+)$/

type Step =
  | { kind: 'save'; save: Save; done: (saved: boolean) => void }
  | { kind: 'snapshot'; snapshot: Snapshot; done: (saved: boolean) => void }

/**
 * A journal as simple as can be, to try the core on its own: one file of records, each with a checksum. A snapshot
 * starts a new file, which is complete and durable before its name is. The end of the file that does not parse is cut
 * off: so no bits may be flipped under it.
 */
export function simpleJournal(disk: Disk): OpenJournal {
  return (folder, done, failed) => new SimpleJournal(disk, folder, failed).open(done)
}

class SimpleJournal implements Journal {
  readonly #disk: Disk
  readonly #folder: string
  readonly #failed: (failure: JournalFailure) => void
  #file: File | undefined
  #number = 0
  #end = 0
  #queue: Step[] = []
  #busy = false
  #over = false
  // What the file says, to be written again into the next one.
  #hardState: HardState | undefined
  #snapshot: Snapshot | undefined
  #entries: Entry[] = []

  constructor(disk: Disk, folder: string, failed: (failure: JournalFailure) => void) {
    this.#disk = disk
    this.#folder = folder
    this.#failed = failed
  }

  open(done: (journal: Journal, recovered: Recovered) => void): void {
    const ready = () => {
      const { hardState, snapshot, entries } = this.#state()
      done(this, { hardState, snapshot, entries })
    }
    this.#disk.list(
      this.#folder,
      this.#ok(names => {
        const numbers = names.map(name => Number(NAME.exec(name)?.[1] ?? 0))
        this.#number = Math.max(0, ...numbers)
        if (this.#number === 0) this.#rewrite(ready)
        else this.#read(ready)
      }),
    )
  }

  save(save: Save, done: () => void): void {
    this.#queue.push({ kind: 'save', save, done })
    this.#work()
  }

  takeSnapshot(snapshot: Snapshot, done: (saved: boolean) => void): void {
    this.#queue.push({ kind: 'snapshot', snapshot, done })
    this.#work()
  }

  #state(): Recovered {
    return { hardState: this.#hardState, snapshot: this.#snapshot, entries: [...this.#entries] }
  }

  /** All that waits goes into one write and one sync, up to a snapshot. */
  #work(): void {
    if (this.#busy || this.#over || this.#queue.length === 0) return
    this.#busy = true
    const finish = (steps: readonly Step[]) => {
      this.#busy = false
      for (const { done } of steps) done(true)
      this.#work()
    }
    const first = this.#queue[0]!
    if (first.kind === 'snapshot') {
      this.#queue.shift()
      if (first.snapshot.meta.index > (this.#snapshot?.meta.index ?? 0)) {
        this.#snapshot = first.snapshot
        this.#entries = this.#entries.filter(({ index }) => index > first.snapshot.meta.index)
      }
      this.#rewrite(() => finish([first]))
      return
    }
    const count = this.#queue.findIndex(({ kind }) => kind === 'snapshot')
    const steps = this.#queue.splice(0, count < 0 ? this.#queue.length : count)
    this.#append(steps, () => finish(steps))
  }

  #append(steps: readonly Step[], done: () => void): void {
    const pieces: Uint8Array[] = []
    for (const step of steps) {
      if (step.kind !== 'save') continue
      const { snapshot, entries, hardState } = step.save
      if (snapshot !== undefined) pieces.push(...this.#take({ s: encodeSnapshot(snapshot) }))
      for (const entry of entries) pieces.push(...this.#take({ e: encodeEntry(entry) }))
      if (hardState !== undefined) pieces.push(...this.#take({ h: hardState }))
    }
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
    const at = this.#end
    this.#end += length
    this.#file!.write(
      at,
      pieces,
      this.#ok(() => this.#file!.sync(this.#ok(done))),
    )
  }

  /** Takes a record into the state; its bytes. */
  #take(record: JournalRecord): Uint8Array[] {
    if (record.h !== undefined) this.#hardState = record.h
    if (record.s !== undefined) {
      this.#snapshot = decodeSnapshot(record.s)
      this.#entries = []
    }
    if (record.e !== undefined) {
      const entry = decodeEntry(record.e)
      while ((this.#entries.at(-1)?.index ?? 0) >= entry.index) this.#entries.pop()
      this.#entries.push(entry)
    }
    return frame(record)
  }

  #read(done: () => void): void {
    const path = `${this.#folder}/journal-${this.#number}`
    this.#disk.open(
      path,
      { create: false },
      this.#ok(file => {
        this.#file = file
        file.size(
          this.#ok(size =>
            file.read(
              0,
              size,
              this.#ok(bytes => {
                this.#parse(bytes)
                const cut = () =>
                  file.sync(this.#ok(() => this.#disk.syncFolder(this.#folder, this.#ok(done))))
                file.truncate(this.#end, this.#ok(cut))
              }),
            ),
          ),
        )
      }),
    )
  }

  #parse(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    let at = 0
    while (at + HEAD_BYTES <= bytes.length) {
      const length = view.getUint32(at)
      const body = bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length)
      if (length === 0 || body.length < length || hashBytes(body) !== view.getUint32(at + 4)) break
      this.#take(JSON.parse(Buffer.from(body).toString()))
      at += HEAD_BYTES + length
    }
    this.#end = at
  }

  /** Writes all into a new file and removes the old one when the new one is durable. */
  #rewrite(done: () => void): void {
    const old = `${this.#folder}/journal-${this.#number}`
    const hadOld = this.#file !== undefined
    this.#number += 1
    const path = `${this.#folder}/journal-${this.#number}`
    const records: JournalRecord[] = []
    if (this.#snapshot !== undefined) records.push({ s: encodeSnapshot(this.#snapshot) })
    for (const entry of this.#entries) records.push({ e: encodeEntry(entry) })
    if (this.#hardState !== undefined) records.push({ h: this.#hardState })
    const bytes = Buffer.concat(records.flatMap(frame))
    const remove = () => {
      if (hadOld) this.#disk.remove(old, this.#ok(done))
      else done()
    }
    const named = () => this.#disk.syncFolder(this.#folder, this.#ok(remove))
    const temporary = `${path}.new`
    const create = () =>
      this.#disk.open(
        temporary,
        { create: true },
        this.#ok(file => {
          const synced = () => this.#disk.rename(temporary, path, this.#ok(named))
          file.write(
            0,
            [bytes],
            this.#ok(() => file.sync(this.#ok(synced))),
          )
          this.#file = file
          this.#end = bytes.length
        }),
      )
    // Left behind by a crash.
    this.#disk.remove(temporary, () => create())
  }

  /** Goes on with what an operation answers; ends all when it failed. */
  #ok<T>(next: (value: T) => void): Answer<T> {
    return (error: DiskError | undefined, value: T) => {
      if (this.#over) return
      if (error === undefined) {
        next(value)
        return
      }
      this.#over = true
      this.#failed({ reason: 'disk', message: `${error.code}: ${error.message}` })
    }
  }
}

interface JournalRecord {
  h?: HardState
  s?: [Snapshot['meta'], string]
  e?: [term: number, index: number, type: Entry['type'], data: string]
}

function frame(record: JournalRecord): Uint8Array[] {
  const body = Buffer.from(JSON.stringify(record))
  const head = new Uint8Array(HEAD_BYTES)
  const view = new DataView(head.buffer)
  view.setUint32(0, body.length)
  view.setUint32(4, hashBytes(body))
  return [head, body]
}

function encodeEntry({ term, index, type, data }: Entry): [number, number, Entry['type'], string] {
  return [term, index, type, Buffer.from(data).toString('base64')]
}

function decodeEntry([term, index, type, data]: [number, number, Entry['type'], string]): Entry {
  return { term, index, type, data: Buffer.from(data, 'base64') }
}

function encodeSnapshot({ meta, data }: Snapshot): [Snapshot['meta'], string] {
  return [meta, Buffer.from(data).toString('base64')]
}

function decodeSnapshot([meta, data]: [Snapshot['meta'], string]): Snapshot {
  return { meta, data: Buffer.from(data, 'base64') }
}
