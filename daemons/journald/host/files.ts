import { type FileHandle, open } from 'node:fs/promises'
import { JournalError } from '../codec/errors.ts'
import { JournalFile } from '../read/file.ts'
import { BlockCache, BlockSource } from './blocks.ts'
import { identityOf, journalsOf, type Places } from './places.ts'

/** What could not be read, and where. Reading goes on with the rest. */
export type OnProblem = (problem: { path: string; error: JournalError }) => void

/** How often one file is told of. */
const PROBLEMS_MAX = 32

/** The journals that are open, kept up with what the folders hold. */
export class OpenFiles {
  readonly #places: Places
  readonly #onProblem: OnProblem
  readonly #signal: AbortSignal | undefined
  readonly #open = new Map<string, JournalFile>()
  readonly #cache = new BlockCache()
  /** Files that cannot be opened, with what was said of them. */
  readonly #refused = new Set<string>()
  readonly #told = new Map<string, number>()

  /** @param signal ends searches that take long */
  constructor(places: Places, onProblem: OnProblem, signal: AbortSignal | undefined) {
    this.#signal = signal
    this.#places = places
    this.#onProblem = onProblem
  }

  /** Those that are open. */
  get files(): JournalFile[] {
    return [...this.#open.values()]
  }

  /** Opens files that have come, and tells which are gone. A file that is only renamed stays as it is. */
  async scan(): Promise<{ added: JournalFile[]; gone: JournalFile[] }> {
    const added: JournalFile[] = []
    const present = new Set<string>()
    for (const path of await journalsOf(this.#places)) {
      const identity = await identityOf(path)
      if (identity === undefined) {
        if (this.#places.files !== undefined) this.#refuse(path, path, 'no such file')
        continue
      }
      present.add(identity)
      if (this.#open.has(identity)) continue
      const file = await this.#openFile(path, identity)
      if (file === undefined) continue
      this.#open.set(identity, file)
      added.push(file)
    }
    const gone = [...this.#open].filter(([identity]) => !present.has(identity)).map(([, file]) => file)
    return { added, gone }
  }

  /** Looks at every file again, and gives those that have grown. */
  async refresh(): Promise<JournalFile[]> {
    const grown: JournalFile[] = []
    for (const file of this.#open.values()) {
      try {
        if (await file.refresh()) grown.push(file)
      } catch (error) {
        this.report(file, asJournalError(error))
      }
    }
    return grown
  }

  /** Closes one. */
  async drop(file: JournalFile): Promise<void> {
    for (const [identity, open] of this.#open) if (open === file) this.#open.delete(identity)
    await file.close()
  }

  async close(): Promise<void> {
    const files = this.files
    this.#open.clear()
    for (const file of files) await file.close()
  }

  /** Tells of a problem, but of one file not without end. */
  report(file: { path: string }, error: JournalError): void {
    const count = this.#told.get(file.path) ?? 0
    if (count >= PROBLEMS_MAX) return
    this.#told.set(file.path, count + 1)
    this.#onProblem({ path: file.path, error })
  }

  async #openFile(path: string, identity: string): Promise<JournalFile | undefined> {
    let handle: FileHandle | undefined
    try {
      handle = await open(path, 'r')
      const source = await BlockSource.open(handle, { cache: this.#cache, signal: this.#signal })
      const file = await JournalFile.open(path, source)
      this.#refused.delete(identity)
      if (file.isTruncated)
        this.report(file, new JournalError('truncated', 'is shorter than its header says; the rest is read'))
      return file
    } catch (error) {
      await handle?.close()
      this.#refuse(identity, path, error)
      return undefined
    }
  }

  /** Each file is told of once, not at every scan. */
  #refuse(identity: string, path: string, error: unknown): void {
    if (this.#refused.has(identity)) return
    this.#refused.add(identity)
    this.report({ path }, asJournalError(error))
  }
}

function asJournalError(error: unknown): JournalError {
  if (error instanceof JournalError) return error
  return new JournalError('unreadable', error instanceof Error ? error.message : String(error))
}
