import type { Socket } from 'node:net'
import { join } from 'node:path'
import { errorCode, UserError } from '#lib/errors.ts'
import { TimeoutError, within } from '../../deadline.ts'
import { connectUnix } from '../../sockets.ts'
import type { Request, SwitchStatus } from '../control.ts'
import type { Direction, LinkRule } from '../faults.ts'
import { LineReader } from '../lines.ts'
import { CONTROL } from '../settings.ts'

/** What a request may take unless the caller says otherwise. */
export const REQUEST_TIMEOUT_MS = 10_000
/** The status of a switch with all its ports and a full table of addresses stays below. */
const ANSWER_BYTES_MAX = 1024 * 1024

/** How a connection fails when nobody listens, or not any more. */
const ABSENT = ['ENOENT', 'ECONNREFUSED', 'ECONNRESET']

interface Waiting {
  resolve(answer: Record<string, unknown>): void
  reject(error: Error): void
}

/** A connection to the control socket of a switch. Requests are answered in order. */
export class SwitchClient {
  readonly #socket: Socket
  readonly #timeoutMs: number
  readonly #waiting: Waiting[] = []
  #ended: Error | undefined

  private constructor(socket: Socket, timeoutMs: number) {
    this.#socket = socket
    this.#timeoutMs = timeoutMs
    const reader = new LineReader(ANSWER_BYTES_MAX)
    socket.on('data', chunk => {
      try {
        for (const line of reader.push(chunk)) this.#waiting.shift()?.resolve(JSON.parse(line))
      } catch (error) {
        this.#end(error instanceof Error ? error : new Error(String(error)))
      }
    })
    socket.on('error', error => this.#end(error))
    socket.on('close', () => this.#end(new Error('the switch closed the connection')))
  }

  /**
   * Connects to the switch of a folder.
   *
   * @throws UserError when none works there, TimeoutError
   */
  static async open(folder: string, timeoutMs: number = REQUEST_TIMEOUT_MS): Promise<SwitchClient> {
    try {
      return new SwitchClient(await connectUnix(join(folder, `${CONTROL}.sock`), timeoutMs), timeoutMs)
    } catch (error) {
      const code = errorCode(error)
      if (code === undefined || !ABSENT.includes(code)) throw error
      throw new UserError(`no switch works in ${folder}`, undefined, { cause: error })
    }
  }

  /** Ports, counters, rules, names. */
  async status(): Promise<SwitchStatus> {
    // The switch is of the same checkout, or says which version it speaks.
    const status = (await this.request({ do: 'status' })) as unknown as SwitchStatus
    if (status.version === 1) return status
    throw new UserError(`the switch speaks version ${status.version}, this program knows 1`, 'start it anew')
  }

  /** Parts machines into groups that do not reach each other. One in no group reaches all. */
  async partition(groups: string[][]): Promise<void> {
    await this.request({ do: 'partition', groups })
  }

  /** Cuts a machine off from all others and from the host: what it sends (`out`), what it gets (`in`), or both. */
  async isolate(port: string, direction: Direction = 'both'): Promise<void> {
    await this.request({ do: 'isolate', port, direction })
  }

  /** Cuts one way: `to` hears no more of `from`. */
  async cut(from: string, to: string): Promise<void> {
    await this.request({ do: 'cut', from, to })
  }

  /** Makes one way slow or lossy; what is not given is none. */
  async link(rule: Pick<LinkRule, 'from' | 'to'> & Partial<LinkRule>): Promise<void> {
    await this.request({ delayMs: 0, jitterMs: 0, dropRatio: 0, ...rule, do: 'link' })
  }

  /** Takes all rules away. */
  async heal(): Promise<void> {
    await this.request({ do: 'heal' })
  }

  /** Adds a port, or gives its machine another address. */
  async add(port: string, address?: string): Promise<void> {
    await this.request({ do: 'add', port, ...(address === undefined ? {} : { address }) })
  }

  /** Takes a port away, with its socket, its name and its rules. */
  async remove(port: string): Promise<void> {
    await this.request({ do: 'remove', port })
  }

  /** Ends the switch. */
  async stop(): Promise<void> {
    await this.request({ do: 'stop' })
  }

  /**
   * Asks, and waits for the answer.
   *
   * @throws UserError when the switch refuses, TimeoutError, or Error when the connection ends
   */
  async request(request: Request): Promise<Record<string, unknown>> {
    if (this.#ended) throw this.#ended
    const answered = new Promise<Record<string, unknown>>((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
    })
    this.#socket.write(`${JSON.stringify(request)}\n`)
    let answer: Record<string, unknown>
    try {
      answer = await within(answered, this.#timeoutMs, `the switch's answer to ${request.do}`)
    } catch (error) {
      // Answers have no numbers: one that comes late would be taken for the next.
      if (error instanceof TimeoutError) this.#end(error)
      throw error
    }
    const { error } = answer
    if (error !== undefined) throw new UserError(String(error))
    return answer
  }

  /** Ends the connection; the switch goes on. */
  close(): void {
    this.#end(new Error('the connection to the switch was closed'))
  }

  #end(error: Error): void {
    if (this.#ended) return
    this.#ended = error
    this.#socket.destroy()
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error)
  }
}
