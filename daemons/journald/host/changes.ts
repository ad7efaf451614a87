import { type FSWatcher, watch } from 'node:fs'

/** However little the system tells of changes, they are looked for so often. */
const POLL_MS = 1000
/** Writers touch a file several times for one entry. */
const SETTLE_MS = 20
/** Folders that are watched. */
const WATCHES_MAX = 256

/** Tells when files in some folders may have changed: what the system says, and a poll for what it does not. */
export class Changes {
  readonly #watchers = new Map<string, FSWatcher>()
  #hasChanged = false
  /** When files were last looked for, or a moment long ago when some have come or gone. */
  #scanned = performance.now()
  #wake: (() => void) | undefined

  /** Watches these folders or files, and no others. */
  watch(paths: readonly string[]): void {
    for (const [path, watcher] of this.#watchers) {
      if (paths.includes(path)) continue
      watcher.close()
      this.#watchers.delete(path)
    }
    for (const path of paths) {
      if (this.#watchers.has(path) || this.#watchers.size >= WATCHES_MAX) continue
      try {
        const watcher = watch(path, { persistent: false }, event => this.#changed(event))
        watcher.on('error', () => {
          watcher.close()
          this.#watchers.delete(path)
        })
        this.#watchers.set(path, watcher)
      } catch {
        // It is not there yet, or the system has no more watches: the poll finds what changes.
      }
    }
  }

  /** Waits until something may have changed, or for the poll, or until the signal. */
  async wait(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) return
    if (!this.#hasChanged) {
      await new Promise<void>(resolve => {
        const timer = setTimeout(done, POLL_MS)
        const wake = done
        function done(): void {
          clearTimeout(timer)
          signal?.removeEventListener('abort', done)
          resolve()
        }
        this.#wake = wake
        signal?.addEventListener('abort', done)
      })
      this.#wake = undefined
    }
    if (this.#hasChanged) {
      await new Promise(resolve => setTimeout(resolve, SETTLE_MS))
      this.#hasChanged = false
    }
  }

  /** Whether files may have come or gone, which is taken to be looked at. */
  takeMoves(): boolean {
    const now = performance.now()
    if (now - this.#scanned < POLL_MS) return false
    this.#scanned = now
    return true
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
    this.#wake?.()
  }

  #changed(event: string): void {
    if (event === 'rename') this.#scanned = Number.NEGATIVE_INFINITY
    this.#hasChanged = true
    this.#wake?.()
  }
}
