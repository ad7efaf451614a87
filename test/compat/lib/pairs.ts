import { connect } from 'node:net'
import type { Names } from './normalise.ts'

/**
 * A file of requests with what the original answered:
 *
 *     # a comment
 *     $ PUT /v2/keys/a value=1
 *     + Accept: text/plain
 *     < 201 Content-Type: application/json | X-Etcd-Index: 4
 *     < {"action":"set", …
 *     ! why ours is another one, on purpose
 *     = 400 …
 *
 * The body of a request is the rest of its line; `\n` and `\xHH` stand for bytes. JSON goes out as such, all else as a
 * form, unless a header says otherwise.
 */
export type Item = { kind: 'text'; line: string } | Pair

/** One request and its answers. */
export interface Pair {
  kind: 'pair'
  method: string
  target: string
  body: string
  headers: readonly string[]
  /** Lines as recorded. */
  theirs: readonly string[]
  /** Why ours answers otherwise; '' when it does not. */
  reason: string
  ours: readonly string[]
}

const TIMEOUT_MS = 10_000
/** Headers that are part of an answer, in this order. Others are the transport's, or tell the time. */
const HEADERS = [
  'Content-Type',
  'X-Etcd-Index',
  'X-Etcd-Cluster-Id',
  'X-Raft-Index',
  'X-Raft-Term',
  'Allow',
  'Location',
  'Www-Authenticate',
  'X-Content-Type-Options',
  'Access-Control-Allow-Methods',
  'Access-Control-Allow-Origin',
  'Access-Control-Allow-Headers',
]

/** @throws Error that names the line */
export function parsePairs(text: string, name: string): Item[] {
  const items: Item[] = []
  for (const [at, line] of text.replace(/\n$/, '').split('\n').entries()) {
    const mark = line.slice(0, 2)
    const rest = line.slice(2)
    const last = items.at(-1)
    if (mark === '$ ') {
      const [, method = '', target = '', body = ''] = /^(\S+) (\S+) ?(.*)$/.exec(rest) ?? []
      items.push({ kind: 'pair', method, target, body, headers: [], theirs: [], reason: '', ours: [] })
    } else if (line === '' || line.startsWith('#')) {
      items.push({ kind: 'text', line })
    } else if (last?.kind !== 'pair') {
      throw new Error(`${name}:${at + 1}: no request before '${line}'`)
    } else if (mark === '+ ') {
      items[items.length - 1] = { ...last, headers: [...last.headers, rest] }
    } else if (mark === '< ') {
      items[items.length - 1] = { ...last, theirs: [...last.theirs, rest] }
    } else if (mark === '! ') {
      items[items.length - 1] = { ...last, reason: rest }
    } else if (mark === '= ') {
      items[items.length - 1] = { ...last, ours: [...last.ours, rest] }
    } else {
      throw new Error(`${name}:${at + 1}: not a line of requests and answers: '${line}'`)
    }
  }
  return items
}

/** As `parsePairs` reads it. */
export function formatPairs(items: readonly Item[]): string {
  const lines = items.flatMap(item => {
    if (item.kind === 'text') return [item.line]
    const { method, target, body, headers, theirs, reason, ours } = item
    return [
      `$ ${method} ${target}${body === '' ? '' : ` ${body}`}`,
      ...headers.map(header => `+ ${header}`),
      ...theirs.map(line => `< ${line}`),
      ...(reason === '' ? [] : [`! ${reason}`]),
      ...ours.map(line => `= ${line}`),
    ]
  })
  return `${lines.join('\n')}\n`
}

/** Sends a request as bytes of its own, so that it may be as wrong as it likes; the answer as lines. */
export async function ask(pair: Pair, names: Names): Promise<string[]> {
  const url = new URL(names.client)
  const fill = (text: string): string =>
    text.replaceAll('{client}', names.client).replaceAll('{peer}', names.peer)
  const body = bytesOf(fill(pair.body))
  const type = pair.body.startsWith('{') ? 'application/json' : 'application/x-www-form-urlencoded'
  const given = pair.headers.map(fill)
  const has = (name: string): boolean => given.some(header => header.toLowerCase().startsWith(`${name}:`))
  const head = [
    `${pair.method} ${fill(pair.target)} HTTP/1.1`,
    ...(has('host') ? [] : [`Host: ${url.host}`]),
    'Connection: close',
    ...(pair.body === '' || has('content-type') ? [] : [`Content-Type: ${type}`]),
    ...(pair.body === '' || has('content-length') || has('transfer-encoding')
      ? []
      : [`Content-Length: ${body.length}`]),
    ...given,
  ]
  const sent = Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), body])
  return linesOf(await exchange(url, sent), names)
}

function exchange(url: URL, sent: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: url.hostname, port: Number(url.port) })
    const chunks: Buffer[] = []
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)))
    socket.on('data', chunk => chunks.push(chunk))
    socket.on('error', error => (chunks.length > 0 ? resolve(Buffer.concat(chunks)) : reject(error)))
    socket.on('close', () => resolve(Buffer.concat(chunks)))
    socket.write(sent)
  })
}

/** Status and headers in one line, then the lines of the body. */
function linesOf(answer: Buffer, names: Names): string[] {
  const text = answer.toString('latin1')
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return [`no answer: ${JSON.stringify(text)}`]
  const [first = '', ...rest] = text.slice(0, end).split('\r\n')
  const found = new Map<string, string>()
  for (const line of rest) {
    const colon = line.indexOf(':')
    found.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
  }
  const isChunked = found.get('transfer-encoding') === 'chunked'
  const bytes = isChunked ? unchunked(text.slice(end + 4)) : text.slice(end + 4)
  const body = Buffer.from(bytes, 'latin1').toString('utf8')
  const headers = HEADERS.filter(name => found.has(name.toLowerCase())).map(
    name => `${name}: ${headerOf(name, found.get(name.toLowerCase())!)}`,
  )
  const status = first.split(' ')[1]
  const head = headers.length === 0 ? `${status}` : `${status} ${headers.join(' | ')}`
  return [head, ...(body === '' ? [] : neutral(body, names).split('\n'))]
}

function headerOf(name: string, value: string): string {
  if (name === 'X-Etcd-Cluster-Id') return '{id}'
  return name.startsWith('X-Raft') ? '{number}' : value
}

function unchunked(text: string): string {
  let rest = text
  let body = ''
  for (;;) {
    const end = rest.indexOf('\r\n')
    const length = Number.parseInt(rest.slice(0, end), 16)
    if (!(length > 0)) return body
    body += rest.slice(end + 2, end + 2 + length)
    rest = rest.slice(end + 2 + length + 2)
  }
}

/** Takes out what cannot be the same twice: addresses, ids made of them, times, durations and rates. */
function neutral(body: string, { client, peer }: Names): string {
  return body
    .replaceAll(client, '{client}')
    .replaceAll(peer, '{peer}')
    .replaceAll(/(?<![0-9a-f])(?!\d+\b)[0-9a-f]{13,16}(?![0-9a-f])/g, '{id}')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)/g, '{time}')
    .replaceAll(/"ttl":\d+/g, '"ttl":{seconds}')
    .replaceAll(/"uptime":"[^"]*"/g, '"uptime":"{duration}"')
}

function bytesOf(text: string): Buffer {
  const plain = text.replaceAll(/\\n|\\x([0-9a-f]{2})/g, (whole, hex?: string) =>
    whole === '\\n' ? '\n' : String.fromCharCode(Number.parseInt(hex!, 16)),
  )
  return Buffer.from(plain, 'latin1')
}
