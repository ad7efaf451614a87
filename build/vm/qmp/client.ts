import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { within } from '../deadline.ts'
import { connectUnix } from '../sockets.ts'
import { decodeMessage, encodeCommand, LineSplitter, type QmpMessage } from './protocol.ts'

/** What a command may take unless the caller says otherwise. */
export const COMMAND_TIMEOUT_MS = 20_000

/** An event of QEMU, such as RESET, SHUTDOWN, STOP, RESUME, WATCHDOG. */
export interface QmpEvent {
  name: string
  data: Record<string, unknown>
  /** Host time, milliseconds since 1970. */
  timeMs: number
}

/** QEMU refused a command. */
export class QmpError extends Error {
  override readonly name: string = 'QmpError'
  readonly class: string

  constructor(command: string, errorClass: string, description: string) {
    super(`QMP ${command}: ${description}`)
    this.class = errorClass
  }
}

interface Waiting {
  command: string
  resolve(value: unknown): void
  reject(error: Error): void
}

/** A connection to QEMU's control socket. QEMU serves one client per socket at a time. */
export class QmpClient {
  readonly #socket: Socket
  readonly #waiting = new Map<number, Waiting>()
  readonly #emitter = new EventEmitter()
  #nextId = 1
  #ended: Error | undefined
  #greet: ((version: string) => void) | undefined
  /** Version of QEMU, such as `10.0.13`. */
  version = ''
  /** Every event since the connection, oldest first. */
  readonly events: QmpEvent[] = []

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#emitter.setMaxListeners(0)
    const splitter = new LineSplitter()
    socket.on('data', chunk => {
      try {
        for (const line of splitter.push(chunk)) this.#receive(decodeMessage(line))
      } catch (error) {
        this.#end(error instanceof Error ? error : new Error(String(error)))
      }
    })
    socket.on('error', error => this.#end(error))
    socket.on('close', () => this.#end(new Error('QMP: QEMU closed the connection')))
  }

  /** Connects, takes the greeting and leaves negotiation mode. */
  static async connect(path: string, timeoutMs: number): Promise<QmpClient> {
    const client = new QmpClient(await connectUnix(path, timeoutMs))
    try {
      const greeted = new Promise<string>((resolve, reject) => {
        client.#greet = resolve
        client.#emitter.once('end', reject)
      })
      client.version = await within(
        greeted,
        timeoutMs,
        `greeting of QEMU on ${path} (is another client connected?)`,
      )
      await client.execute('qmp_capabilities', undefined, { timeoutMs })
      return client
    } catch (error) {
      client.close()
      throw error
    }
  }

  /**
   * Runs a command and gives its `return` value.
   *
   * @throws QmpError when QEMU refuses it, TimeoutError, or Error when the connection ends
   */
  async execute(
    command: string,
    args?: Record<string, unknown>,
    options: { timeoutMs?: number } = {},
  ): Promise<unknown> {
    if (this.#ended) throw this.#ended
    const id = this.#nextId++
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { command, resolve, reject })
    })
    this.#socket.write(encodeCommand(command, args, id))
    try {
      return await within(answer, options.timeoutMs ?? COMMAND_TIMEOUT_MS, `QMP ${command}`)
    } finally {
      this.#waiting.delete(id)
    }
  }

  /** Calls `listener` for each event from now on; the result ends that. */
  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#emitter.on('event', listener)
    return () => this.#emitter.off('event', listener)
  }

  /**
   * The first event of this name after the first `since` ones (default: from now on).
   *
   * @throws TimeoutError, or Error when the connection ends
   */
  async waitEvent(name: string, options: { timeoutMs: number; since?: number }): Promise<QmpEvent> {
    const past = this.events.slice(options.since ?? this.events.length).find(event => event.name === name)
    if (past) return past
    if (this.#ended) throw this.#ended
    let done = () => {}
    const seen = new Promise<QmpEvent>((resolve, reject) => {
      const off = this.onEvent(event => {
        if (event.name === name) resolve(event)
      })
      this.#emitter.once('end', reject)
      done = () => {
        off()
        this.#emitter.off('end', reject)
      }
    })
    try {
      return await within(seen, options.timeoutMs, `QMP event ${name}`)
    } finally {
      done()
    }
  }

  close(): void {
    this.#end(new Error('QMP: the connection was closed'))
  }

  #receive(message: QmpMessage): void {
    if (message.kind === 'greeting') {
      this.#greet?.(message.version)
      return
    }
    if (message.kind === 'event') {
      const { name, data, timeMs } = message
      this.events.push({ name, data, timeMs })
      this.#emitter.emit('event', { name, data, timeMs })
      return
    }
    if (message.id === undefined) return // an error without a number answers nothing of ours
    // An answer that nobody waits for any more belongs to a command that timed out.
    const waiting = this.#waiting.get(message.id)
    if (message.kind === 'return') waiting?.resolve(message.value)
    else waiting?.reject(new QmpError(waiting.command, message.class, message.description))
  }

  #end(error: Error): void {
    if (this.#ended) return
    this.#ended = error
    this.#socket.destroy()
    for (const waiting of this.#waiting.values()) waiting.reject(error)
    this.#waiting.clear()
    this.#emitter.emit('end', error)
    this.#emitter.removeAllListeners()
  }
}
