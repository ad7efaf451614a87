// `node watchers.ts URL COUNT`: clients that watch one key, in a process of their own. Each keeps its connection. For
// every message 'round' all begin a long poll, the key is written once, and when the last was told the times are sent.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { quantile } from '../results.ts'
import { put } from './keys.ts'

/** Milliseconds from sending the write until watchers had the event. */
export interface FanOut {
  firstMs: number
  medianMs: number
  lastMs: number
}

const KEY = 'fan/key'
/** Connections that are made at a time: fewer than a listener lets wait. */
const CONNECTING_MAX = 200
/** After the last watch is accepted, so that nothing of that is left to do. */
const SETTLE_MS = 300
const ROUND_TIMEOUT_MS = 60_000
const WRITE_TIMEOUT_MS = 30_000
const READ_BYTES = 64 * 1024

/** One watcher; its answer comes in three steps. */
class Watcher {
  readonly socket: Socket
  toldAt = 0
  readonly #crowd: Crowd
  #text = ''
  #state: 'idle' | 'asked' | 'accepted' | 'told' = 'idle'

  constructor(host: string, port: number, crowd: Crowd) {
    this.#crowd = crowd
    const onread = {
      buffer: crowd.buffer,
      callback: (bytes: number) => {
        this.#read(crowd.buffer.toString('latin1', 0, bytes))
        return true
      },
    }
    this.socket = connect({ host, port, noDelay: true, onread })
    this.socket.on('error', error => crowd.fail(error))
    this.socket.on('close', () => crowd.fail(new Error('the server closed the connection of a watcher')))
  }

  ask(request: string): void {
    this.#state = 'asked'
    this.#text = ''
    this.socket.write(request, 'latin1')
  }

  #read(text: string): void {
    this.#text += text
    if (this.#state === 'asked') {
      const end = this.#text.indexOf('\r\n\r\n')
      if (end < 0) return
      if (!/^HTTP\/1\.1 200 .*\r\ntransfer-encoding: chunked\r\n/is.test(`${this.#text.slice(0, end)}\r\n`))
        this.#crowd.fail(new Error(`a watch was answered ${this.#text}`))
      this.#text = this.#text.slice(end + 4)
      this.#state = 'accepted'
      this.#crowd.accepted()
    }
    if (this.#state === 'accepted' && this.#text.includes('"action"')) {
      this.toldAt = performance.now()
      this.#state = 'told'
    }
    // The last chunk, of no bytes: the connection is free for the next watch.
    if (this.#state === 'told' && this.#text.endsWith('0\r\n\r\n')) {
      this.#state = 'idle'
      this.#crowd.finished()
    }
  }
}

/** All of them. */
class Crowd {
  /** Shared: what is in it is read before the next takes it. */
  readonly buffer = Buffer.alloc(READ_BYTES)
  readonly #watchers: Watcher[] = []
  #waiting = 0
  #done: () => void = () => undefined

  async open(host: string, port: number, count: number): Promise<void> {
    while (this.#watchers.length < count) {
      const some = Array.from(
        { length: Math.min(CONNECTING_MAX, count - this.#watchers.length) },
        () => new Watcher(host, port, this),
      )
      this.#watchers.push(...some)
      await Promise.all(some.map(({ socket }) => once(socket, 'connect')))
    }
  }

  async round(url: string): Promise<FanOut> {
    const request = `GET /v2/keys/${KEY}?wait=true HTTP/1.1\r\nHost: ${new URL(url).host}\r\n\r\n`
    await this.#all(() => {
      for (const watcher of this.#watchers) watcher.ask(request)
    })
    await pause(SETTLE_MS)
    let started = 0
    await this.#all(() => {
      started = performance.now()
      void put(url, KEY, 'x', WRITE_TIMEOUT_MS).catch(error => this.fail(error))
    })
    const times = this.#watchers.map(({ toldAt }) => toldAt - started)
    return { firstMs: Math.min(...times), medianMs: quantile(times, 0.5), lastMs: Math.max(...times) }
  }

  accepted(): void {
    this.#one()
  }

  finished(): void {
    this.#one()
  }

  fail(error: Error): never {
    process.stderr.write(`watchers: ${error.message}\n`)
    process.exit(1)
  }

  #one(): void {
    this.#waiting -= 1
    if (this.#waiting === 0) this.#done()
  }

  /** Resolves when each has taken its next step. */
  async #all(begin: () => void): Promise<void> {
    this.#waiting = this.#watchers.length
    const timer = setTimeout(
      () => this.fail(new Error(`${this.#waiting} of ${this.#watchers.length} still wait`)),
      ROUND_TIMEOUT_MS,
    )
    await new Promise<void>(resolve => {
      this.#done = resolve
      begin()
    })
    clearTimeout(timer)
  }
}

const [url = '', count = ''] = process.argv.slice(2)
const crowd = new Crowd()
await crowd.open(new URL(url).hostname, Number(new URL(url).port), Number(count))
await put(url, KEY, 'first', WRITE_TIMEOUT_MS)
process.on('message', () => void crowd.round(url).then(fanOut => process.send?.(fanOut)))
process.on('disconnect', () => process.exit(0))
process.send?.('open')
