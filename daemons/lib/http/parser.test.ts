// What the parser makes of bytes: the same from any cut, and nothing of what could be read in two ways.

import t from 'tap'
import { DEFAULT_LIMITS, type Limits } from './limits.ts'
import { RequestParser, Step } from './parser.ts'

interface Seen {
  requests: unknown[]
  refused: number | undefined
}

/** All that the parser says about these pieces. */
function read(pieces: readonly Buffer[], limits: Limits = DEFAULT_LIMITS, bodyBytesMax = 1000): Seen {
  const parser = new RequestParser(limits)
  const seen: Seen = { requests: [], refused: undefined }
  for (const piece of pieces) {
    parser.push(piece)
    for (;;) {
      const step = parser.next()
      if (step === Step.MORE) break
      if (step === Step.HEAD) {
        parser.bodyBytesMax = bodyBytesMax
        continue
      }
      if (step === Step.REFUSED) return { ...seen, refused: parser.refusal!.status }
      const request = parser.request!
      seen.requests.push({
        method: request.method,
        target: request.target,
        minor: request.minor,
        keepAlive: request.keepAlive,
        expectsContinue: request.expectsContinue,
        headers: request.headers(),
        body: request.bodyLatin1(),
        tooLarge: request.bodyTooLarge,
      })
      if (request.bodyTooLarge) return seen
    }
  }
  return seen
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
const GET =
  'GET /v2/keys/foo?recursive=true&a=? HTTP/1.1\r\nHost: a:2379\r\nX-Empty:\r\nx-e: \t b c \t\r\n\r\n'
const PUT =
  'PUT /v2/keys/a%20b HTTP/1.1\r\nhost: a\r\nContent-Length: 9\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\nvalue=\xff\r\n'
const CHUNKED =
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n5;ext="a b"\r\nvalue\r\n1\r\n=\r\n00a\r\n0123456789\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n'
const OLD = 'GET /x HTTP/1.0\r\nConnection: foo, Keep-Alive\r\n\r\n'
const CONTINUE = 'PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n\r\n'
const STREAM = `${GET + PUT}\r\n${CHUNKED + OLD + CONTINUE}DELETE http://h:1/p?q HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`

t.test('requests are read as they were meant', t => {
  const { requests, refused } = read([bytes(STREAM)])
  t.equal(refused, undefined)
  t.match(requests, [
    {
      method: 'GET',
      target: '/v2/keys/foo?recursive=true&a=?',
      minor: 1,
      keepAlive: true,
      headers: [
        ['Host', 'a:2379'],
        ['X-Empty', ''],
        ['x-e', 'b c'],
      ],
      body: '',
    },
    { method: 'PUT', target: '/v2/keys/a%20b', body: 'value=\xff\r\n' },
    { method: 'POST', target: '/', body: 'value=0123456789', keepAlive: true },
    { method: 'GET', minor: 0, keepAlive: true, expectsContinue: false },
    { method: 'PUT', expectsContinue: true, body: '\r\n' },
    { method: 'DELETE', target: '/p?q', keepAlive: false },
  ])
  t.equal(requests.length, 6)
  t.end()
})

t.test('headers are found whatever their case', t => {
  const parser = new RequestParser(DEFAULT_LIMITS)
  parser.push(bytes(PUT))
  t.equal(parser.next(), Step.HEAD)
  t.equal(parser.next(), Step.REQUEST)
  const request = parser.request!
  t.equal(request.header('content-type'), 'application/x-www-form-urlencoded')
  t.equal(request.header('host'), 'a')
  t.equal(request.header('content'), undefined)
  t.equal(request.header('origin'), undefined)
  t.same([...request.body], [...bytes('value=\xff\r\n')])
  t.end()
})

t.test('no cut changes anything', t => {
  const whole = read([bytes(STREAM)])
  const all = bytes(STREAM)
  let different = 0
  for (let cut = 0; cut <= all.length; cut++) {
    const parts = [all.subarray(0, cut), all.subarray(cut)]
    if (JSON.stringify(read(parts)) !== JSON.stringify(whole)) different++
  }
  for (const size of [1, 2, 3, 7, 64]) {
    const parts: Buffer[] = []
    for (let at = 0; at < all.length; at += size) parts.push(all.subarray(at, at + size))
    if (JSON.stringify(read(parts)) !== JSON.stringify(whole)) different++
  }
  t.equal(different, 0)
  t.end()
})

const HOST = 'GET / HTTP/1.1\r\nHost: a\r\n'
const POST = 'POST / HTTP/1.1\r\nHost: a\r\n'
const TE = `${POST}Transfer-Encoding: chunked\r\n`
const REFUSED: [text: string, status: number, why: string][] = [
  [`${TE}Content-Length: 5\r\n\r\n0\r\n\r\n`, 400, 'length and chunks'],
  [`${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400, 'chunks and length'],
  [`${POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`, 400, 'two lengths'],
  [`${POST}Content-Length: 5, 5\r\n\r\nhello`, 400, 'a list of lengths'],
  [`${POST}Content-Length: +5\r\n\r\nhello`, 400, 'a sign'],
  [`${POST}Content-Length: -1\r\n\r\n`, 400, 'a negative length'],
  [`${POST}Content-Length: 0x5\r\n\r\nhello`, 400, 'a hexadecimal length'],
  [`${POST}Content-Length:\r\n\r\n`, 400, 'no length'],
  [`${POST}Content-Length: 9007199254740993\r\n\r\n`, 400, 'a length beyond numbers'],
  [`${POST}Content-Length : 5\r\n\r\nhello`, 400, 'a blank before the colon'],
  [`${POST} Content-Length: 5\r\n\r\nhello`, 400, 'a folded line'],
  [`${HOST}X: a\r\n\tb\r\n\r\n`, 400, 'a folded value'],
  [`${HOST}X: a\0b\r\n\r\n`, 400, 'NUL in a value'],
  [`${HOST}X: a\rb\r\n\r\n`, 400, 'CR in a value'],
  [`${HOST}X: a\x7f\r\n\r\n`, 400, 'DEL in a value'],
  [`${HOST}X\r\n\r\n`, 400, 'a header without colon'],
  [`${HOST}: a\r\n\r\n`, 400, 'a header without name'],
  [`${HOST}X(: a\r\n\r\n`, 400, 'a name that is none'],
  [`${HOST}X\xe9: a\r\n\r\n`, 400, 'a name beyond ASCII'],
  ['GET / HTTP/1.1\nHost: a\n\n', 400, 'lines without CR'],
  [`${HOST}X: a\nTransfer-Encoding: chunked\r\n\r\n`, 400, 'a line without CR'],
  ['GET / HTTP/1.1\rHost: a\r\n\r\n', 400, 'a line without LF'],
  [`${TE}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400, 'chunks twice'],
  [`${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 501, 'another encoding'],
  [`${POST}Transfer-Encoding: xchunked\r\n\r\n`, 501, 'an encoding that looks like chunked'],
  [`${POST}Transfer-Encoding: chunked\x0b\r\n\r\n`, 400, 'a control character after chunked'],
  ['POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400, 'chunks in HTTP/1.0'],
  [`${TE}\r\n5 \r\nhello\r\n0\r\n\r\n`, 400, 'a blank after a size'],
  [`${TE}\r\n0x5\r\nhello\r\n0\r\n\r\n`, 400, 'a size with 0x'],
  [`${TE}\r\n-5\r\nhello\r\n0\r\n\r\n`, 400, 'a negative size'],
  [`${TE}\r\n\r\nhello\r\n0\r\n\r\n`, 400, 'no size'],
  [`${TE}\r\n5\nhello\r\n0\r\n\r\n`, 400, 'a size without CR'],
  [`${TE}\r\n5\r\nhello\n0\r\n\r\n`, 400, 'a chunk without CR'],
  [`${TE}\r\n5\r\nhello!\r\n0\r\n\r\n`, 400, 'a chunk longer than its size'],
  [`${TE}\r\n5;a\nb\r\nhello\r\n0\r\n\r\n`, 400, 'LF in an extension'],
  [`${TE}\r\n10000000000000005\r\nhello\r\n0\r\n\r\n`, 400, 'a size that overflows'],
  [`${TE}\r\n0\r\nX : y\r\n\r\n`, 400, 'a bad trailer'],
  [`${TE}\r\n0\r\nX: y\n\n`, 400, 'a trailer without CR'],
  [`${TE}\r\n1;${'x'.repeat(20_000)}\r\na\r\n0\r\n\r\n`, 400, 'an extension without end'],
  [`${TE}\r\n0\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'trailers without end'],
  ['GET / HTTP/1.1\r\n\r\n', 400, 'no Host'],
  [`${HOST}Host: b\r\n\r\n`, 400, 'two Hosts'],
  ['GET  / HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'two blanks'],
  ['GET / x HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'a blank in the target'],
  ['GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'a control character in the target'],
  ['GET foo HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'a relative target'],
  ['GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'another scheme'],
  ['GET /\r\n\r\n', 400, 'HTTP/0.9'],
  ['G(T / HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'a method that is none'],
  ['GET / HTTP/1.1x\r\nHost: a\r\n\r\n', 400, 'a version with more'],
  ['GET / http/1.1\r\nHost: a\r\n\r\n', 400, 'a version in small letters'],
  ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505, 'HTTP/2'],
  [`${POST}Content-Length: 1\r\nExpect: tea\r\n\r\n`, 417, 'an unknown expectation'],
  [`${'\r\n'.repeat(9)}${HOST}\r\n`, 400, 'too many empty lines'],
  ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400, 'a TLS handshake'],
]

t.test('what could be read in two ways is refused, from any cut', t => {
  for (const [text, status, why] of REFUSED) {
    const all = bytes(text)
    t.equal(read([all]).refused, status, why)
    t.equal(read([...all].map(byte => Buffer.of(byte))).refused, status, `${why}, byte by byte`)
    t.equal(read([all]).requests.length, 0, why)
  }
  t.end()
})

t.test('bounds hold', t => {
  const limits = { ...DEFAULT_LIMITS, requestLineBytesMax: 100, headBytesMax: 300, headerCountMax: 3 }
  const long = 'x'.repeat(100)
  t.equal(read([bytes(`GET /${long} HTTP/1.1\r\nHost: a\r\n\r\n`)], limits).refused, 414)
  t.equal(read([bytes(`GET /${long}`)], limits).refused, 414, 'before the line has ended')
  t.equal(read([bytes(`${HOST}A: ${long + long + long}\r\n\r\n`)], limits).refused, 431)
  t.equal(read([bytes(`${HOST}A: ${long + long + long}`)], limits).refused, 431, 'before the head has ended')
  t.equal(read([bytes(`${HOST}A: a\r\nB: b\r\n\r\n`)], limits).refused, undefined)
  t.equal(read([bytes(`${HOST}A: a\r\nB: b\r\nC: c\r\n\r\n`)], limits).refused, 431)
  t.equal(read([bytes(`${POST}Content-Length: 1000\r\n\r\n${'a'.repeat(1000)}`)]).requests.length, 1)
  t.match(read([bytes(`${POST}Content-Length: 1001\r\n\r\n`)]).requests, [
    { tooLarge: true, keepAlive: false },
  ])
  t.match(read([bytes(`${TE}\r\n3e8\r\n${'a'.repeat(1000)}\r\n1\r\n`)]).requests, [
    { tooLarge: true, body: '' },
  ])
  t.end()
})

/** Evenly from 0 up to but not including 1, from a seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

t.test('garbage is refused or waited on, and any cut of it gives the same', t => {
  const seed = Number(process.env.SEED ?? 20261123)
  const random = randomFrom(seed)
  const below = (n: number): number => Math.floor(random() * n)
  const seeds = [STREAM, ...REFUSED.map(([text]) => text)].filter(text => text.length < 2000)
  const spice = [
    '\r\n',
    '\n',
    '\r',
    ' ',
    ':',
    '\0',
    ',',
    ';',
    'chunked',
    'Content-Length: 3\r\n',
    '0\r\n\r\n',
    '\xff',
  ]
  const different: string[] = []
  for (let round = 0; round < 3000; round++) {
    let text = seeds[below(seeds.length)]!
    for (let change = below(4); change >= 0; change--) {
      const at = below(text.length + 1)
      text = text.slice(0, at) + spice[below(spice.length)] + text.slice(at + below(3))
    }
    const all = bytes(text)
    const parts: Buffer[] = []
    for (let at = 0; at < all.length; ) {
      const size = 1 + below(20)
      parts.push(Buffer.from(all.subarray(at, at + size)))
      at += size
    }
    const [whole, cut] = [JSON.stringify(read([all])), JSON.stringify(read(parts))]
    if (whole !== cut) different.push(`seed ${seed}, round ${round}: ${JSON.stringify(text)}`)
  }
  t.same(different, [])
  t.end()
})
