import { ClientAgent, ClientError } from '#lib/http/host/client.ts'
import { ask, isAcknowledged, type JsonAnswer } from './ask.ts'
import { until } from './until.ts'

/** A client gives up after that long; the server does after 7 s. */
const PATIENCE_MS = 10_000
/** A cluster that takes no write for so long has failed. */
const PROGRESS_TIMEOUT_MS = 30_000
/** Keys in one directory, so that its list stays small. */
const FOLDER_KEYS_MAX = 500

/** A write that a server has promised to keep. */
export interface Promised {
  value: string
  /** Its modifiedIndex; another one found later means that it was applied twice. */
  index: number
}

/** Writes one new key after the other through any member and remembers what was acknowledged. */
export class Writers {
  /** By key. */
  readonly promised = new Map<string, Promised>()
  /** Sent, and never acknowledged: it may be there or not. */
  readonly unknown = new Set<string>()
  readonly folders = new Set<string>()
  refused = 0
  /** Between two acknowledged writes, of any writer; may be set to 0. */
  longestGapMs = 0
  readonly #urls: readonly string[]
  readonly #padding: string
  readonly #agent = new ClientAgent()
  readonly #running: Promise<void>[] = []
  #isOn = true
  #lastMs = performance.now()
  /** When the first write that was sent after a moment was acknowledged. */
  #firstFrom: { fromMs: number; atMs: number | undefined } = { fromMs: 0, atMs: undefined }

  /** @param padding is behind every value, to make it long */
  constructor(urls: readonly string[], writers: number, padding = '') {
    this.#urls = urls
    this.#padding = padding
    for (let number = 0; number < writers; number++) this.#running.push(this.#write(number))
  }

  /** Resolves when a write that was sent after this moment is acknowledged; gives the milliseconds until then. */
  async recovered(): Promise<number> {
    const fromMs = performance.now()
    this.#firstFrom = { fromMs, atMs: undefined }
    const atMs = await until('a write to be acknowledged', PROGRESS_TIMEOUT_MS, () => this.#firstFrom.atMs)
    return atMs - fromMs
  }

  /** Resolves when so many more writes are acknowledged. */
  async acknowledged(count: number): Promise<void> {
    const wanted = this.promised.size + count
    await until(`${count} writes`, PROGRESS_TIMEOUT_MS, () => this.promised.size >= wanted)
  }

  async stop(): Promise<void> {
    this.#isOn = false
    await Promise.all(this.#running)
    this.#agent.close()
  }

  async #write(number: number): Promise<void> {
    let at = number % this.#urls.length
    for (let count = 0; this.#isOn; count++) {
      const folder = `/kept/${number}-${Math.floor(count / FOLDER_KEYS_MAX)}`
      this.folders.add(folder)
      const isFine = await this.#writeOne(
        this.#urls[at]!,
        `${folder}/${count}`,
        `${number}.${count}${this.#padding}`,
      )
      if (!isFine) at = (at + 1) % this.#urls.length
    }
  }

  async #writeOne(url: string, key: string, value: string): Promise<boolean> {
    const sent = performance.now()
    try {
      const question = { method: 'PUT', path: `/v2/keys${key}`, form: { value } } as const
      const told = await ask(url, { ...question, timeoutMs: PATIENCE_MS, agent: this.#agent })
      if (!isAcknowledged(told)) {
        this.unknown.add(key)
        return false
      }
      const { node } = JSON.parse(told.text) as JsonAnswer
      this.promised.set(key, { value, index: node?.modifiedIndex ?? 0 })
      const now = performance.now()
      this.longestGapMs = Math.max(this.longestGapMs, now - this.#lastMs)
      this.#lastMs = now
      if (sent > this.#firstFrom.fromMs) this.#firstFrom.atMs ??= now
      return true
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
      if (error.kind === 'connect') this.refused += 1
      else this.unknown.add(key)
      return false
    }
  }
}
