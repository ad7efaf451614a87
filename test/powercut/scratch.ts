import { rm } from 'node:fs/promises'
import { join } from 'node:path'

/** A few scratch files (with a companion `.state` each), every one used by one piece of work at a time. */
export class Scratch {
  readonly #paths: string[]
  readonly #free: string[]
  readonly #waiting: ((path: string) => void)[] = []
  readonly #working = new Set<Promise<void>>()
  #failure: { error: unknown } | undefined

  constructor(folder: string, count: number) {
    this.#paths = Array.from({ length: count }, (_, index) => join(folder, `cut-${index}.raw`))
    this.#free = [...this.#paths]
  }

  /** Waits for a file that nobody uses. @throws the error of work that failed before */
  async take(): Promise<string> {
    const path = this.#free.pop() ?? (await new Promise<string>(resolve => this.#waiting.push(resolve)))
    if (this.#failure) throw this.#failure.error
    return path
  }

  /** Starts work on a file that was taken; it is free again when the work ends. */
  use(path: string, work: () => Promise<void>): void {
    const done: Promise<void> = work()
      .catch(error => {
        this.#failure ??= { error }
      })
      .finally(() => {
        this.#working.delete(done)
        const next = this.#waiting.shift()
        if (next) next(path)
        else this.#free.push(path)
      })
    this.#working.add(done)
  }

  /** Waits until all work has ended. @throws the first error of any */
  async idle(): Promise<void> {
    while (this.#working.size > 0) await Promise.all(this.#working)
    if (this.#failure) throw this.#failure.error
  }

  async remove(): Promise<void> {
    for (const path of this.#paths) for (const end of ['', '.state']) await rm(path + end, { force: true })
  }
}
