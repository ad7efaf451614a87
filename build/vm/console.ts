import { close, open, read } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { FILES } from './arguments.ts'
import { TimeoutError } from './deadline.ts'
import { connectUnix } from './sockets.ts'
import { type Boot, type Marker, Transcript } from './transcript.ts'

const readFile = promisify(read)
const openFile = promisify(open)
const closeFile = promisify(close)

/** How often the log is looked at. A reader of the log, not of the socket: any number of them may look on. */
const LOOK_INTERVAL_MS = 50
const READ_BYTES = 64 * 1024
const CONNECT_TIMEOUT_MS = 5000
/** Lines of the console that an error repeats. */
const TAIL_LINES = 30

/** How long to wait, and from where in the transcript. */
export interface WaitOptions {
  timeoutMs: number
  /** A position in the transcript, from `mark()`; by default where the last match ended. */
  from?: number
}

/** The serial console of a machine: everything it said, waiting for what it will say, and typing. */
export class Console {
  readonly transcript = new Transcript()
  readonly #folder: string
  readonly #file: number
  #bytes: number
  #position = 0
  #ended: Error | undefined
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()
  #finished: Promise<void> | undefined
  readonly #checks = new Set<() => void>()
  readonly #listeners = new Set<(marker: Marker) => void>()
  #writer: Promise<Socket> | undefined

  private constructor(folder: string, file: number, fromByte: number) {
    this.#folder = folder
    this.#file = file
    this.#bytes = fromByte
    this.#schedule()
  }

  /** Follows the console of the machine in `folder`, from a byte of its log on. */
  static async follow(folder: string, fromByte = 0): Promise<Console> {
    return new Console(folder, await openFile(join(folder, FILES.consoleLog), 'r'), fromByte)
  }

  /** Starts of the machine seen so far. */
  get boots(): readonly Boot[] {
    return this.transcript.boots
  }

  /** The end of what the console has said so far, for `from`. */
  mark(): number {
    return this.transcript.text.length
  }

  /** Calls `listener` for each marker from now on; the result ends that. */
  onMarker(listener: (marker: Marker) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Waits for a text on the console and moves behind it, as `expect` does.
   *
   * @throws TimeoutError or Error (the machine ended), both with the console's last lines
   */
  async waitFor(pattern: string | RegExp, options: WaitOptions): Promise<RegExpExecArray> {
    const expression =
      typeof pattern === 'string' ? new RegExp(pattern.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')) : pattern
    if (expression.global || expression.sticky)
      throw new Error('waitFor: the expression must have no g or y flag')
    const from = options.from ?? this.#position
    return await this.#until(`${pattern}`, options.timeoutMs, () => {
      const match = expression.exec(this.transcript.text.slice(from))
      if (match) this.#position = from + match.index + match[0].length
      return match ?? undefined
    })
  }

  /**
   * Waits until `count` starts have been seen and `reached` holds for the last of them; gives that one.
   *
   * @throws as `waitFor`
   */
  async waitBoot(
    count: number,
    reached: (boot: Boot) => boolean,
    options: { timeoutMs: number; what: string },
  ): Promise<Boot> {
    return await this.#until(options.what, options.timeoutMs, () => {
      const boot = this.boots[count - 1]
      return boot !== undefined && reached(boot) ? boot : undefined
    })
  }

  /** Types on the console. `\r` is the Enter key. */
  async write(text: string): Promise<void> {
    this.#writer ??= connectUnix(join(this.#folder, FILES.console), CONNECT_TIMEOUT_MS).then(socket => {
      socket.on('error', () => undefined) // the log tells what the machine did; a lost typist is no news
      socket.on('close', () => {
        this.#writer = undefined
      })
      socket.resume() // what comes is in the log too, and unread bytes would hold the guest up
      return socket
    })
    const socket = await this.#writer
    await new Promise<void>((resolve, reject) =>
      socket.write(text, error => (error ? reject(error) : resolve())),
    )
  }

  /** Leaves the socket to others, such as a person at `orlop console`. */
  async release(): Promise<void> {
    const socket = await this.#writer?.catch(() => undefined)
    this.#writer = undefined
    socket?.destroy()
  }

  /** The machine has ended: reads the rest of the log and lets nobody wait any longer. */
  async end(reason: Error): Promise<void> {
    this.#finished ??= this.#finish(reason, true)
    await this.#finished
  }

  async close(): Promise<void> {
    this.#finished ??= this.#finish(new Error('the console was closed'), false)
    await this.#finished
  }

  async #finish(reason: Error, readRest: boolean): Promise<void> {
    clearTimeout(this.#timer)
    await this.#looking
    if (readRest) await this.#look()
    this.#ended = reason
    for (const check of [...this.#checks]) check()
    await this.release()
    await closeFile(this.#file)
  }

  async #until<T>(what: string, timeoutMs: number, find: () => T | undefined): Promise<T> {
    const started = performance.now()
    return await new Promise<T>((resolve, reject) => {
      const finish = (act: () => void) => {
        clearTimeout(timer)
        this.#checks.delete(check)
        act()
      }
      const check = () => {
        const found = find()
        if (found !== undefined) return finish(() => resolve(found))
        const ended = this.#ended
        if (ended)
          finish(() => reject(new Error(this.#report(`${what}: ${ended.message}`), { cause: ended })))
      }
      const timer = setTimeout(() => {
        const seconds = Math.round((performance.now() - started) / 1000)
        finish(() =>
          reject(new TimeoutError(this.#report(`${what}: not on the console within ${seconds} s`))),
        )
      }, timeoutMs)
      this.#checks.add(check)
      check()
    })
  }

  #report(sentence: string): string {
    const tail = this.transcript.tail(TAIL_LINES).map(line => `  | ${line}`)
    return [sentence, `console of ${this.#folder}, last lines:`, ...tail].join('\n')
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      this.#looking = this.#look().finally(() => {
        if (this.#finished === undefined) this.#schedule()
      })
    }, LOOK_INTERVAL_MS)
  }

  async #look(): Promise<void> {
    const buffer = Buffer.alloc(READ_BYTES)
    for (;;) {
      const { bytesRead } = await readFile(this.#file, buffer, 0, READ_BYTES, this.#bytes)
      if (bytesRead === 0) return
      this.#bytes += bytesRead
      const markers = this.transcript.append(buffer.subarray(0, bytesRead))
      for (const marker of markers) for (const listener of this.#listeners) listener(marker)
      for (const check of [...this.#checks]) check()
    }
  }
}
