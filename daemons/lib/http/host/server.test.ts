// The server with real clients: node:http, fetch, our own, and bare sockets that behave as no library would.

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request as nodeRequest } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { testCertificate } from '../../testing/certificates.ts'
import type { Request } from '../request.ts'
import type { Response } from '../response.ts'
import { ClientAgent, ClientError, openLines, request } from './client.ts'
import { createServer, type HttpServer, type ServerOptions } from './server.ts'

const TEXT = 'Content-Type: text/plain\r\n'

/** A server on loopback that goes away with the test. */
async function serve(t: Test, options: ServerOptions): Promise<{ server: HttpServer; port: number }> {
  const server = createServer({ now: () => 0, ...options })
  const address = await server.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => server.close(0))
  return { server, port: 'port' in address ? address.port : 0 }
}

/** A folder with a short path: those of unix sockets are bounded. */
async function makeFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'http-'))
  t.teardown(() => rm(folder, { recursive: true }))
  return folder
}

/** All that comes from a server until it ends. */
async function readToEnd(socket: Socket): Promise<string> {
  let text = ''
  socket.setEncoding('latin1')
  for await (const piece of socket) text += piece
  return text
}

/** Reads until `end` stands at the end of what came. */
function readUntil(socket: Socket, end: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const take = (piece: Buffer) => {
      text += piece.toString('latin1')
      if (!text.endsWith(end)) return
      socket.off('data', take)
      resolve(text)
    }
    socket.on('data', take)
    socket.once('close', () => reject(new Error(`closed after ${JSON.stringify(text)}`)))
  })
}

function echo(request: Request, response: Response): void {
  response.end(200, TEXT, `${request.method} ${request.target} ${request.bodyLatin1()}`)
}

t.test('the bytes of an answer', async t => {
  const { port } = await serve(t, { onRequest: echo })
  const socket = connect(port, '127.0.0.1')
  socket.end('GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  t.equal(
    await readToEnd(socket),
    'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 7\r\nConnection: close\r\n\r\nGET /a ',
  )
})

t.test('clients of others: fetch, node:http, and ours', async t => {
  const { port } = await serve(t, { onRequest: echo })
  const url = `http://127.0.0.1:${port}/v2/keys/a?b=c`
  const answer = await fetch(url, { method: 'PUT', body: 'value=é' })
  t.equal(answer.status, 200)
  t.equal(await answer.text(), 'PUT /v2/keys/a?b=c value=Ã©')
  const agent = new ClientAgent({ socketsMax: 1 })
  t.teardown(() => agent.close())
  for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'PURGE']) {
    const { status, body } = await request({ url, method, body: 'x', agent })
    t.same([status, body.toString()], [200, `${method} /v2/keys/a?b=c x`])
  }
  const pool = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => pool.destroy())
  for (let count = 0; count < 3; count++) {
    const call = nodeRequest(url, { method: 'POST', agent: pool })
    call.write('chunk')
    call.end('ed')
    const [response] = await once(call, 'response')
    t.equal((await response.toArray()).join(''), 'POST /v2/keys/a?b=c chunked')
    t.equal(call.reusedSocket, count > 0)
  }
  const head = await request({ url, method: 'HEAD', agent })
  t.equal(head.headers['content-length'], String('HEAD /v2/keys/a?b=c '.length))
  t.equal(head.body.length, 0)
})

t.test('answers leave in the order of requests', async t => {
  const waiting: Response[] = []
  const { port } = await serve(t, {
    onRequest(request, response) {
      if (request.path === '/now') response.end(200, '', 'now')
      else waiting.push(response)
      if (request.keepAlive) return
      waiting[2]!.end(200, '', Buffer.from('third'))
      waiting[1]!.start(200, '')
      waiting[1]!.write('second')
      waiting[0]!.end(200, '', 'first é')
      waiting[1]!.finish()
    },
  })
  const socket = connect(port, '127.0.0.1')
  const one = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`
  socket.write(one('/1') + one('/2') + one('/now') + one('/3') + one('/now', 'Connection: close\r\n'))
  const text = await readToEnd(socket)
  const bodies = text.split(/HTTP\/1\.1 200 OK\r\n[\s\S]*?\r\n\r\n/).slice(1)
  t.same(bodies, ['first Ã©', '6\r\nsecond\r\n0\r\n\r\n', 'now', 'third', 'now'])
})

t.test('a connection is not read beyond its bound of waiting requests', async t => {
  const waiting: Response[] = []
  let most = 0
  let count = 0
  const { port } = await serve(t, {
    limits: { pipelineMax: 4 },
    onRequest(_request, response) {
      waiting.push(response)
      most = Math.max(most, waiting.length)
      setImmediate(() => waiting.shift()?.end(200, '', `${++count};`))
    },
  })
  const socket = connect(port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(99))
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  const text = await readToEnd(socket)
  t.equal(text.match(/HTTP\/1\.1 200 OK/g)?.length, 100)
  t.match(text, /100;$/)
  t.equal(most, 4)
})

t.test('a client that reads slowly is not written to without bound', async t => {
  const megabyte = 'x'.repeat(1024 * 1024)
  let answered = 0
  const { port } = await serve(t, {
    onRequest(_request, response) {
      answered++
      response.end(200, '', megabyte)
    },
  })
  const socket = connect(port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(64))
  await once(socket, 'readable')
  // Another client sees that the server has come to rest.
  for (let round = 0; round < 20; round++) await request({ url: `http://127.0.0.1:${port}/` })
  const before = answered - 20
  t.ok(before < 32, `${before} answers of a megabyte were made for a client that reads none`)
  let length = 0
  const wanted = 64 * (megabyte.length + 'HTTP/1.1 200 OK\r\n'.length)
  for await (const piece of socket) {
    length += piece.length
    if (length > wanted) break
  }
  t.ok(length > wanted)
})

t.test('a stream stops for a slow client and goes on', async t => {
  let drains = 0
  const { port } = await serve(t, {
    onRequest(_request, response) {
      let left = 64
      const pump = () => {
        while (left > 0) {
          left--
          if (!response.write('y'.repeat(256 * 1024))) return
        }
        response.onDrain = undefined
        response.finish('end')
      }
      response.onDrain = () => {
        drains++
        pump()
      }
      response.start(200, TEXT)
      pump()
    },
  })
  const { body } = await request({ url: `http://127.0.0.1:${port}/` })
  t.equal(body.length, 64 * 256 * 1024 + 3)
  t.ok(drains > 0)
})

t.test('a watch: headers at once, lines as they come, an end', async t => {
  let watch: Response | undefined
  const { port } = await serve(t, {
    onRequest(_request, response) {
      watch = response
      response.start(200, 'X-Etcd-Index: 7\r\n')
    },
  })
  const answer = await openLines({ url: `http://127.0.0.1:${port}/`, timeoutMs: 5000 })
  t.equal(answer.headers['x-etcd-index'], '7')
  t.equal(answer.headers['transfer-encoding'], 'chunked')
  const lines = answer.lines[Symbol.asyncIterator]()
  watch!.write('{"a":"é"}\n{"b"')
  t.same(await lines.next(), { done: false, value: '{"a":"é"}' })
  watch!.write(':1}\n')
  t.same(await lines.next(), { done: false, value: '{"b":1}' })
  watch!.finish()
  t.same(await lines.next(), { done: true, value: undefined })
})

t.test('a client that goes away is told of once', async t => {
  for (const way of ['destroy', 'half', 'close'] as const) {
    let started: (response: Response) => void = () => {}
    const begun = new Promise<Response>(resolve => (started = resolve))
    let gone = 0
    let tell: () => void = () => {}
    const told = new Promise<void>(resolve => (tell = resolve))
    const { server, port } = await serve(t, {
      onRequest(_request, response) {
        response.onClose = () => {
          gone++
          tell()
        }
        response.start(200, '')
        started(response)
      },
    })
    if (way === 'close') {
      const { lines, close } = await openLines({ url: `http://127.0.0.1:${port}/` })
      close()
      for await (const _ of lines) t.fail('nothing was sent')
    } else {
      const socket = connect(port, '127.0.0.1')
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
      await begun
      if (way === 'half') socket.end()
      else socket.destroy()
    }
    const response = await begun
    await told
    t.ok(response.isGone, way)
    t.ok(response.write('x'), 'writing to nobody is no error')
    response.finish()
    await server.close(5000)
    t.equal(gone, 1, way)
  }
})

t.test('who ends his side only still gets his answer', async t => {
  const { port } = await serve(t, {
    onRequest: (_request, response) => setImmediate(() => response.end(200, '', 'late')),
  })
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.end('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  t.match(await readToEnd(socket), /late$/)
})

t.test('100-continue, and bodies that are too long', async t => {
  const { port } = await serve(t, {
    bodyBytesMax: request => (request.path === '/small' ? 4 : 1024),
    onRequest(request, response) {
      if (request.bodyTooLarge) response.end(413, TEXT, 'too large')
      else echo(request, response)
    },
  })
  const socket = connect(port, '127.0.0.1')
  socket.write('PUT /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n')
  t.equal(await readUntil(socket, '\r\n\r\n'), 'HTTP/1.1 100 Continue\r\n\r\n')
  socket.write('hello')
  t.match(await readUntil(socket, 'hello'), /PUT \/a hello$/)
  socket.write('PUT /small HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n')
  const refusal = await readToEnd(socket)
  t.match(refusal, /^HTTP\/1\.1 413 .*\r\n[\s\S]*Connection: close\r\n\r\ntoo large$/)
  // Although much more is on its way than is read, the client sees the answer.
  const big = await request({
    url: `http://127.0.0.1:${port}/small`,
    method: 'PUT',
    body: 'z'.repeat(300_000),
  })
  t.equal(big.status, 413)
})

t.test('what is not understood is answered after what was, and ends the connection', async t => {
  const { port } = await serve(t, {
    onRequest: (request, response) => setImmediate(() => echo(request, response)),
  })
  const socket = connect(port, '127.0.0.1')
  socket.write(
    'GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nBad Header: x\r\n\r\nGET /3 HTTP/1.1\r\n\r\n',
  )
  const text = await readToEnd(socket)
  t.match(
    text,
    /GET \/1 HTTP\/1\.1 400 Bad Request\r\n[\s\S]*Connection: close\r\n\r\n400 Bad Request: invalid header name$/,
  )
  t.notMatch(text, /\/3/)
})

t.test('a connection that is taken over for another protocol', async t => {
  let given: Buffer | undefined
  let socket: Socket | undefined
  const { server, port } = await serve(t, {
    onRequest(request, response) {
      if (request.path !== '/up') return void response.end(200, TEXT, 'plain')
      const upgraded = response.upgrade('Upgrade: echo\r\n')
      given = upgraded?.rest
      socket = upgraded?.socket
      socket?.on('data', bytes => socket!.write(bytes)).on('end', () => socket!.end())
    },
  })
  const client = connect(port, '127.0.0.1')
  const ask = (path: string) =>
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`
  client.write(ask('/plain'))
  await readUntil(client, 'plain')
  client.write(`${ask('/up')}GET / not parsed`)
  t.equal(
    await readUntil(client, '\r\n\r\n'),
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n',
  )
  t.equal(given?.toString(), 'GET / not parsed')
  client.write('GET /plain HTTP/1.1\r\nHost: x\r\n\r\n')
  t.equal(
    await readUntil(client, '\r\n\r\n'),
    'GET /plain HTTP/1.1\r\nHost: x\r\n\r\n',
    'came back as it was',
  )
  t.equal(server.connectionCount, 1)
  client.destroy()
  await once(socket!, 'close')
  // Not while an answer to another request is due.
  const waiting: Response[] = []
  const slow = await serve(t, {
    onRequest(request, response) {
      if (request.path !== '/up') waiting.push(response)
      else t.equal(response.upgrade('Upgrade: echo\r\n'), undefined)
    },
  })
  const pipelining = connect(slow.port, '127.0.0.1')
  pipelining.write(ask('/slow') + ask('/up'))
  await once(pipelining.resume(), 'close')
  t.equal(waiting.length, 1)
})

t.test('HTTP/1.0', async t => {
  const { port } = await serve(t, {
    onRequest(request, response) {
      if (request.path !== '/stream') {
        echo(request, response)
        return
      }
      response.start(200, '')
      response.write('a')
      response.finish('b')
    },
  })
  const socket = connect(port, '127.0.0.1')
  socket.write('GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
  t.match(await readUntil(socket, 'GET /1 '), /Connection: keep-alive\r\n/)
  socket.write('GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
  const text = await readToEnd(socket)
  t.match(text, /Connection: close\r\n\r\nab$/)
  t.notMatch(text, /chunked/)
  const once10 = connect(port, '127.0.0.1')
  once10.write('GET /2 HTTP/1.0\r\n\r\n')
  t.match(await readToEnd(once10), /Connection: close\r\n\r\nGET \/2 $/)
})

t.test('who sends too slowly is let go; who is idle is not', async t => {
  const { port } = await serve(t, { limits: { headTimeoutMs: 1 }, onRequest: echo })
  const idle = connect(port, '127.0.0.1')
  idle.write('GET /1 HTTP/1.1\r\nHost: x\r\n\r\n')
  await readUntil(idle, 'GET /1 ')
  const slow = connect(port, '127.0.0.1')
  slow.write('GET /2 HTTP/1.1\r\nHos')
  t.equal(await readToEnd(slow), '')
  idle.write('GET /3 HTTP/1.1\r\nHost: x\r\n\r\n')
  t.match(await readUntil(idle, 'GET /3 '), /200 OK/)
  idle.destroy()
})

t.test('no more connections than allowed', async t => {
  const { server, port } = await serve(t, { limits: { connectionsMax: 1 }, onRequest: echo })
  const first = connect(port, '127.0.0.1')
  first.write('GET /1 HTTP/1.1\r\nHost: x\r\n\r\n')
  await readUntil(first, 'GET /1 ')
  t.equal(server.connectionCount, 1)
  const second = connect(port, '127.0.0.1')
  await once(second, 'close')
  first.end()
  await once(first, 'close')
  t.equal((await request({ url: `http://127.0.0.1:${port}/` })).status, 200)
})

t.test('closing waits for answers, not for idle clients, and not for ever', async t => {
  const held: Response[] = []
  const { server, port } = await serve(t, {
    onRequest(request, response) {
      if (request.path === '/idle') echo(request, response)
      else held.push(response)
    },
  })
  const idle = connect(port, '127.0.0.1')
  idle.write('GET /idle HTTP/1.1\r\nHost: x\r\n\r\n')
  await readUntil(idle, 'GET /idle ')
  const busy = connect(port, '127.0.0.1')
  busy.write('GET /busy HTTP/1.1\r\nHost: x\r\n\r\n')
  const stuck = connect(port, '127.0.0.1')
  stuck.write('GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n')
  while (held.length < 2) await new Promise(setImmediate)
  const closed = server.close(200)
  await once(idle.resume(), 'close')
  await t.rejects(request({ url: `http://127.0.0.1:${port}/` }), { kind: 'connect', code: 'ECONNREFUSED' })
  held[0]!.end(200, '', 'done')
  const texts = Promise.all([readToEnd(busy), readToEnd(stuck).catch(() => '')])
  await closed
  t.match((await texts).join(), /Connection: close\r\n\r\ndone/)
  t.equal(server.connectionCount, 0)
  t.ok(held.some(response => response.isGone))
})

t.test('a unix socket, also where a dead one lies', async t => {
  const path = join(await makeFolder(t), 'socket')
  const first = createServer({ onRequest: echo })
  await first.listen({ path })
  const second = createServer({ onRequest: echo })
  await t.rejects(second.listen({ path }), { code: 'EADDRINUSE' })
  const { body } = await request({ url: 'http://localhost/x', socketPath: path })
  t.equal(body.toString(), 'GET /x ')
  await first.close(0)
  await promisify(execFile)(process.execPath, [
    '-e',
    `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`,
  ]).catch(() => {})
  const third = createServer({ onRequest: echo })
  await third.listen({ path })
  t.equal((await request({ url: 'http://localhost/y', socketPath: path })).status, 200)
  await third.close(0)
})

t.test('the client says what went wrong', async t => {
  const { port } = await serve(t, {
    onRequest(request, response) {
      if (request.path === '/big') response.end(200, '', 'x'.repeat(1000))
      if (request.path !== '/broken') return
      response.start(200, '')
      response.write('half')
      setImmediate(() => response.abort())
    },
  })
  const url = `http://127.0.0.1:${port}`
  await t.rejects(request({ url: `${url}/hang`, timeoutMs: 20 }), {
    kind: 'timeout',
    message: /within 20 ms/,
  })
  await t.rejects(request({ url: `${url}/big`, bodyBytesMax: 999 }), {
    name: 'ClientError',
    message: /longer than 999/,
  })
  await t.rejects(request({ url: `${url}/broken` }), { name: 'ClientError', message: 'aborted' })
  const { lines } = await openLines({ url: `${url}/broken` })
  const reading = (async () => {
    for await (const line of lines) t.equal(line, 'half')
  })()
  await t.rejects(reading, ClientError)
  const controller = new AbortController()
  const called = request({ url: `${url}/hang`, signal: controller.signal })
  setImmediate(() => controller.abort())
  await t.rejects(called, { message: /called off/ })
  await t.rejects(request({ url, signal: AbortSignal.abort() }), { message: /called off/ })
})

/** An authority, and certificates of it for a server on 127.0.0.1 and for a client. */
function certificates(): Record<'ca' | 'serverKey' | 'server' | 'clientKey' | 'client', string> {
  const [server, client] = [testCertificate('127.0.0.1'), testCertificate('root', { organisation: 'orlop' })]
  return {
    ca: server.ca,
    serverKey: server.key,
    server: server.cert,
    clientKey: client.key,
    client: client.cert,
  }
}

t.test('TLS, client certificates, and plain HTTP on the same port', async t => {
  const made = certificates()
  const { server, port } = await serve(t, {
    tls: { key: made.serverKey, cert: made.server, ca: made.ca, requestCert: true, rejectUnauthorized: true },
    plainToo: true,
    onRequest(request, response) {
      response.end(200, '', `${request.peer!.isEncrypted} ${request.clientCertificate?.commonName}`)
    },
  })
  const agent = new ClientAgent({ tls: { ca: made.ca, key: made.clientKey, cert: made.client } })
  t.teardown(() => agent.close())
  for (let count = 0; count < 2; count++)
    t.equal((await request({ url: `https://127.0.0.1:${port}/`, agent })).body.toString(), 'true root')
  t.equal((await request({ url: `http://127.0.0.1:${port}/` })).body.toString(), 'false undefined')
  const unknown = new ClientAgent({ tls: { ca: made.ca } })
  t.teardown(() => unknown.close())
  await t.rejects(request({ url: `https://127.0.0.1:${port}/`, agent: unknown }), ClientError)
  const silent = connect(port, '127.0.0.1')
  await once(silent, 'connect')
  const socket = connectTls({ port, host: '127.0.0.1', ca: made.ca, key: made.clientKey, cert: made.client })
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await readUntil(socket, 'true root')
  agent.close()
  const ended = [once(socket.resume(), 'close'), once(silent.resume(), 'close')]
  await server.close(5000)
  await Promise.all(ended)
  t.equal(server.connectionCount, 0)
})
