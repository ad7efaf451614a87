import { type IncomingMessage, request as requestPlain } from 'node:http'
import { request as requestEncrypted } from 'node:https'
import type { Socket } from 'node:net'
import { greetingHeaders, type OwnGreeting } from '../handshake.ts'
import { clientOptions, type PeerTls } from '../tls.ts'

/** From the first packet to the answer to the greeting. */
const DIAL_TIMEOUT_MS = 3000
/** Of a refusal, as much as is worth a line in the log. */
const REFUSAL_BYTES_MAX = 1024

/** Whom to connect to, and for what. */
export interface Dial {
  /** A peer URL. */
  url: string
  path: string
  greeting: OwnGreeting
  tls: PeerTls | undefined
}

/** Why there is no connection. */
export interface DialFailure {
  /** Of a refusal; 0 when there was no answer. */
  status: number
  why: string
}

/** What came of it: a connection, with what came behind the answer, or a failure. */
export type Dialled = { socket: Socket; rest: Buffer } | DialFailure

/** Connects and greets. Calls back once, in another turn; the result calls it off, and then nothing is called. */
export function dial({ url, path, greeting, tls }: Dial, done: (dialled: Dialled) => void): () => void {
  const { protocol, hostname, port, host, pathname } = new URL(url)
  const isUnix = protocol.startsWith('unix')
  const isEncrypted = protocol === 'https:' || protocol === 'unixs:'
  const request = (isEncrypted ? requestEncrypted : requestPlain)({
    // An IPv6 address stands in brackets in a URL and nowhere else.
    ...(isUnix ? { socketPath: host + pathname } : { host: hostname.replaceAll(/[[\]]/g, ''), port }),
    path,
    headers: { Host: host, ...greetingHeaders(greeting) },
    agent: false,
    ...(isEncrypted && tls !== undefined ? clientOptions(tls) : {}),
  })
  let isOver = false
  const timer = setTimeout(
    () => finish({ status: 0, why: `no answer within ${DIAL_TIMEOUT_MS} ms` }),
    DIAL_TIMEOUT_MS,
  )
  const finish = (dialled: Dialled) => {
    if (isOver) return
    isOver = true
    clearTimeout(timer)
    if (!('socket' in dialled)) request.destroy()
    done(dialled)
  }
  request.on('error', error => finish({ status: 0, why: describe(error) }))
  request.on('upgrade', (_response, socket, rest) => {
    if (isOver) socket.destroy()
    else finish({ socket: prepare(socket as Socket), rest })
  })
  request.on('response', response =>
    readRefusal(response, why => finish({ status: response.statusCode ?? 0, why })),
  )
  request.end()
  return () => {
    isOver = true
    clearTimeout(timer)
    request.destroy()
  }
}

function prepare(socket: Socket): Socket {
  socket.setNoDelay(true)
  socket.on('error', () => {}) // 'close' follows.
  return socket
}

/** The first line of an answer that is no welcome. */
function readRefusal(response: IncomingMessage, done: (why: string) => void): void {
  let text = ''
  response.setEncoding('latin1')
  response.on('data', piece => {
    text += piece
    if (text.length > REFUSAL_BYTES_MAX) response.destroy()
  })
  response.on('error', () => {}) // 'close' follows.
  response.on('close', () => {
    const line = text
      .split('\n')[0]!
      .replaceAll(/[^\x20-\x7e]/g, '?')
      .slice(0, REFUSAL_BYTES_MAX)
    done(`${response.statusCode} ${response.statusMessage}${line === '' ? '' : `: ${line}`}`)
  })
}

/** Node puts what failed at each address into an error without a message. */
function describe(error: Error): string {
  const [first] = error instanceof AggregateError ? (error.errors as unknown[]) : []
  return first instanceof Error ? first.message : error.message
}
