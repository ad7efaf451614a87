import { connect, type Socket } from 'node:net'
import type { BusPlace } from '../address.ts'
import { decodeMessage, encodeMessage, messageLength } from '../codec.ts'
import { DBusError, type DBusValue, type Message, type MessageKind, MessageType } from '../types.ts'

/** A method call. */
export interface Call {
  destination: string
  path: string
  interface: string
  member: string
  /** Of the arguments; `''` for none. */
  signature?: string
  body?: readonly DBusValue[]
}

/** Calls that wait for their answers at once: a bus cuts off whoever has more than 128 of them. */
const IN_FLIGHT_MAX = 64
/** Calls that wait to be sent; more are refused. */
const QUEUED_MAX = 4096
const CALL_TIMEOUT_MS = 25_000
const CONNECT_TIMEOUT_MS = 5_000
/** Of the lines by which a connection begins. */
const GREETING_BYTES_MAX = 16 * 1024
const NO_REPLY = 1

interface Pending {
  resolve: (body: readonly DBusValue[]) => void
  reject: (error: Error) => void
  timer: NodeJS.Timeout
}

/**
 * Connects to the first of the places that answers.
 *
 * @throws Error that names them all
 */
export async function connectBus(places: readonly BusPlace[]): Promise<BusConnection> {
  const failures: string[] = []
  for (const place of places) {
    try {
      return await BusConnection.open(place)
    } catch (error) {
      failures.push(
        `${place.path.replace('\0', '@')}: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
  }
  throw new Error(`no D-Bus answers (${failures.join('; ')})`)
}

/** A connection to a bus, or to a service itself. It does not come back by itself once it is closed. */
export class BusConnection {
  readonly #socket: Socket
  readonly #pending = new Map<number, Pending>()
  readonly #queue: { begin: () => void; reject: (error: Error) => void }[] = []
  readonly #onSignal = new Set<(message: Message) => void>()
  readonly #onCall = new Set<(message: Message) => void>()
  readonly #onClose = new Set<() => void>()
  readonly isPeer: boolean
  #serial = 0
  /** What came and is no whole message yet; it is put together when there are `#neededBytes`. */
  #chunks: Buffer[] = []
  #chunkBytes = 0
  #neededBytes = 0
  #isClosed = false
  /** Name that the bus gave, such as `:1.7`; `''` without a bus. */
  name = ''

  private constructor(socket: Socket, isPeer: boolean, rest: Buffer) {
    this.#socket = socket
    this.isPeer = isPeer
    socket.on('data', bytes => this.#receive(bytes))
    socket.on('error', () => {}) // 'close' follows.
    socket.on('close', () => this.#closed('the connection to D-Bus was closed'))
    if (rest.length > 0) this.#receive(rest)
  }

  /** Connects, proves who this is by the credentials of the socket, and says hello to a bus. */
  static async open({ path, isPeer }: BusPlace): Promise<BusConnection> {
    const socket = connect(path)
    const timer = setTimeout(() => socket.destroy(new Error('no greeting in time')), CONNECT_TIMEOUT_MS)
    try {
      const rest = await greet(socket)
      const connection = new BusConnection(socket, isPeer, rest)
      if (!isPeer) {
        const [name] = await connection.call(busCall('Hello'))
        connection.name = String(name)
      }
      return connection
    } catch (error) {
      socket.destroy()
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /**
   * Calls a method and gives what it returned.
   *
   * @throws DBusError what the method answered with; Error when there is no answer
   */
  call(call: Call, timeoutMs = CALL_TIMEOUT_MS): Promise<readonly DBusValue[]> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return void reject(new Error('the connection to D-Bus is closed'))
      if (this.#queue.length >= QUEUED_MAX) return void reject(new Error('too many calls wait for D-Bus'))
      const message = this.#message(MessageType.call, { ...call, body: call.body ?? [] })
      const bytes = encodeMessage(message)
      const begin = (): void => {
        const timer = setTimeout(() => {
          this.#pending.delete(message.serial)
          reject(new Error(`${call.member} was not answered within ${timeoutMs} ms`))
          this.#sendQueued()
        }, timeoutMs)
        this.#pending.set(message.serial, { resolve, reject, timer })
        this.#socket.write(bytes)
      }
      this.#queue.push({ begin, reject })
      this.#sendQueued()
    })
  }

  /** Sends without waiting: a signal, a reply or an error. */
  send(type: MessageKind, fields: Partial<Message>): void {
    if (!this.#isClosed)
      this.#socket.write(encodeMessage(this.#message(type, { flags: NO_REPLY, ...fields })))
  }

  /** Has the bus send signals that match a rule. Without a bus all of them come anyway. */
  async addMatch(rule: string): Promise<void> {
    if (!this.isPeer) await this.call({ ...busCall('AddMatch'), signature: 's', body: [rule] })
  }

  onSignal(listener: (message: Message) => void): void {
    this.#onSignal.add(listener)
  }

  /** Calls of others to this connection; whoever listens answers by `send`. */
  onCall(listener: (message: Message) => void): void {
    this.#onCall.add(listener)
  }

  onClose(listener: () => void): void {
    this.#onClose.add(listener)
  }

  close(): void {
    this.#socket.destroy()
    this.#closed('the connection to D-Bus was ended')
  }

  #sendQueued(): void {
    while (this.#pending.size < IN_FLIGHT_MAX) {
      const next = this.#queue.shift()
      if (next === undefined) return
      next.begin()
    }
  }

  #message(type: MessageKind, fields: Partial<Message>): Message {
    this.#serial = this.#serial >= 0xffff_fffe ? 1 : this.#serial + 1
    return { flags: 0, signature: '', body: [], ...fields, type, serial: this.#serial }
  }

  #receive(bytes: Buffer): void {
    this.#chunks.push(bytes)
    this.#chunkBytes += bytes.length
    if (this.#chunkBytes < this.#neededBytes) return
    let rest = Buffer.concat(this.#chunks)
    for (;;) {
      const first = this.#firstOf(rest)
      if (first === undefined) break
      rest = rest.subarray(first.length)
      this.#take(first.message)
    }
    this.#chunks = this.#isClosed ? [] : [rest]
    this.#chunkBytes = rest.length
  }

  /** The first message of the bytes; undefined for none, and once the connection is closed. */
  #firstOf(bytes: Buffer): { message: Message; length: number } | undefined {
    if (this.#isClosed) return undefined
    try {
      const length = messageLength(bytes)
      this.#neededBytes = length ?? 0
      if (length === undefined || bytes.length < length) return undefined
      return { message: decodeMessage(bytes.subarray(0, length)), length }
    } catch (error) {
      this.#socket.destroy()
      this.#closed(`D-Bus sent what cannot be read: ${error instanceof Error ? error.message : error}`)
      return undefined
    }
  }

  #take(message: Message): void {
    if (message.type === MessageType.signal) for (const listener of this.#onSignal) listener(message)
    if (message.type === MessageType.call) for (const listener of this.#onCall) listener(message)
    if (message.type !== MessageType.reply && message.type !== MessageType.error) return
    const pending = this.#pending.get(message.replySerial ?? 0)
    if (pending === undefined) return // It came after its time.
    this.#pending.delete(message.replySerial!)
    clearTimeout(pending.timer)
    this.#sendQueued()
    if (message.type === MessageType.reply) pending.resolve(message.body)
    else pending.reject(new DBusError(message.errorName ?? '', String(message.body[0] ?? '')))
  }

  #closed(why: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer)
      reject(new Error(why))
    }
    this.#pending.clear()
    for (const { reject } of this.#queue.splice(0)) reject(new Error(why))
    for (const listener of this.#onClose) listener()
  }
}

function busCall(member: string): Call {
  const name = 'org.freedesktop.DBus'
  return { destination: name, path: '/org/freedesktop/DBus', interface: name, member }
}

/** SASL EXTERNAL (D-Bus specification, "Authentication Protocol"). Gives bytes that came behind it. */
function greet(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let text = Buffer.alloc(0)
    const uid = Buffer.from(String(process.getuid?.() ?? 0)).toString('hex')
    const end = (error: Error | undefined, rest?: Buffer): void => {
      socket.removeAllListeners('data')
      socket.removeAllListeners('error')
      socket.removeAllListeners('close')
      if (error === undefined) resolve(rest!)
      else reject(error)
    }
    socket.on('error', error => end(error))
    socket.on('close', () => end(new Error('closed while greeting')))
    socket.on('connect', () => socket.write(`\0AUTH EXTERNAL ${uid}\r\n`))
    socket.on('data', bytes => {
      text = Buffer.concat([text, bytes])
      const line = text.indexOf('\r\n')
      if (line < 0) {
        if (text.length > GREETING_BYTES_MAX) end(new Error('a greeting without end'))
        return
      }
      if (!text.subarray(0, line).toString('latin1').startsWith('OK ')) {
        end(new Error(`not let in: ${text.subarray(0, line).toString('latin1')}`))
        return
      }
      socket.write('BEGIN\r\n')
      end(undefined, text.subarray(line + 2))
    })
  })
}
