import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { testCertificate } from '#lib/testing/certificates.ts'
import { type FetchOptions, fetchUrl, shownUrl } from './fetch.ts'

const QUICK = { silenceMs: 3000, backoffMs: 1, backoffMaxMs: 4, triesMax: 4, deadlineMs: 5000 }
const TEXT = '#cloud-config\n'

async function listen(t: Test, server: Server): Promise<number> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

async function serve(t: Test, listener: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listen(t, createServer(listener))}`
}

async function get(url: string, options: FetchOptions = {}): Promise<string> {
  const bytes = await fetchUrl(url, { timing: QUICK, ...options })
  return Buffer.from(bytes).toString()
}

t.test('what a server gives, and what it is asked', async t => {
  let asked: IncomingMessage | undefined
  const url = await serve(t, (request, response) => {
    asked = request
    response.end(TEXT)
  })
  t.equal(await get(`${url}/a?b=c`, { headers: [{ name: 'X-Token', value: 't' }] }), TEXT)
  t.equal(asked?.url, '/a?b=c')
  t.match(asked?.headers, { 'x-token': 't', 'accept-encoding': 'identity', 'user-agent': /^orlop/ })
  await get(url, { method: 'PUT' })
  t.match(asked, { method: 'PUT', headers: { 'content-length': '0' } })
})

t.test('a server that fails first is asked again, and each failure told', async t => {
  let count = 0
  const url = await serve(t, (_request, response) => {
    count += 1
    if (count === 1) response.writeHead(503).end()
    else if (count === 2) response.destroy()
    else if (count === 3)
      response.writeHead(200, { 'Content-Length': 100 }).end('short', () => response.destroy())
    else response.end(TEXT)
  })
  const lines: string[] = []
  t.equal(await get(url, { log: line => lines.push(line) }), TEXT)
  t.equal(count, 4)
  t.match(lines, [
    /answers 503; try 2 of 4 in 1 ms/,
    /the connection broke; try 3 of 4 in 2 ms/,
    /; try 4 of 4 in 4 ms/,
  ])
  const none = await serve(t, (_request, response) => response.writeHead(500).end())
  await t.rejects(get(none), { name: 'UserError', message: /answers 500 \(tried 4 times\)/ })
})

t.test('an answer that says no is final', async t => {
  let count = 0
  const url = await serve(t, (request, response) => {
    count += 1
    response.writeHead(Number(request.url!.slice(1))).end()
  })
  for (const status of [400, 401, 404, 410, 304])
    await t.rejects(get(`${url}/${status}`), { message: new RegExp(`answers ${status}$`) })
  t.equal(count, 5)
})

t.test('nobody there', async t => {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  await t.rejects(get(`http://user:secret@127.0.0.1:${port}/x`), {
    message: `http://127.0.0.1:${port}/x: the connection is refused (tried 4 times)`,
  })
})

t.test('silence, before the answer or in it, is a failure, and all of it has an end', async t => {
  const url = await serve(t, (request, response) => {
    if (request.url === '/half') response.write('half')
  })
  const timing = { ...QUICK, silenceMs: 40, triesMax: 2 }
  await t.rejects(get(url, { timing }), { message: /no answer for 0.04 s \(tried 2 times\)/ })
  await t.rejects(get(`${url}/half`, { timing }), { message: /no answer for 0.04 s \(tried 2 times\)/ })
  const short = { ...QUICK, silenceMs: 30, triesMax: 1000, deadlineMs: 150 }
  await t.rejects(get(url, { timing: short }), { message: /not fetched in 0.15 s: no answer for 0.03 s/ })
  const control = new AbortController()
  const given = get(url, { timing: { ...QUICK, silenceMs: 60_000 }, signal: control.signal })
  control.abort()
  await t.rejects(given, { message: /given up/ })
})

t.test('a trickle counts as an answer', async t => {
  const url = await serve(t, (_request, response) => {
    let left = 6
    const timer = setInterval(() => {
      left -= 1
      if (left > 0) response.write('x')
      else response.end()
      if (left === 0) clearInterval(timer)
    }, 100)
  })
  t.equal(await get(url, { timing: { ...QUICK, silenceMs: 400, triesMax: 1 } }), 'xxxxx')
})

t.test('redirects', async t => {
  const other = await serve(t, (request, response) => response.end(`other ${request.headers['x-token']}`))
  const url = await serve(t, (request, response) => {
    const [, word, number] = request.url!.split('/')
    const go = (location: string) => response.writeHead(302, { location }).end()
    if (word === 'count' && Number(number) > 0) go(`/count/${Number(number) - 1}`)
    else if (word === 'other') go(other)
    else if (word === 'bad') go('http://[')
    else if (word === 'file') go('file:///etc/shadow')
    else if (word === 'none') response.writeHead(302).end()
    else response.end(`here ${request.headers['x-token']}`)
  })
  const headers = [{ name: 'x-token', value: 'secret' }]
  t.equal(await get(`${url}/count/5`, { headers }), 'here secret')
  t.equal(await get(`${url}/other`, { headers }), 'other undefined', 'headers are for one server')
  await t.rejects(get(`${url}/count/6`), { message: /redirected more than 5 times/ })
  await t.rejects(get(`${url}/bad`), { message: /which is no URL/ })
  await t.rejects(get(`${url}/file`), { message: /file is not supported/ })
  await t.rejects(get(`${url}/none`), { message: /answers 302$/ })
})

t.test('https, and never from it to http', async t => {
  const { cert, key, ca } = testCertificate('server')
  const plain = await serve(t, (_request, response) => response.end('plain'))
  const server = createSecureServer({ cert, key }, (request, response) => {
    if (request.url === '/plain') response.writeHead(307, { location: plain }).end()
    else response.end('secret')
  })
  const url = `https://127.0.0.1:${await listen(t, server)}`
  t.equal(await get(url, { ca }), 'secret')
  await t.rejects(get(`${url}/plain`, { ca }), { message: /is redirected from https to http:/ })
  await t.rejects(get(url), { message: /certificate.* \(tried 4 times\)/ })
})

t.test('too much', async t => {
  const url = await serve(t, (request, response) => {
    if (request.url === '/told') response.writeHead(200, { 'Content-Length': 5000 }).write('x')
    else if (request.url === '/packed') response.end(gzipSync(Buffer.alloc(5000)))
    else {
      const pour = () => {
        while (!response.destroyed && response.write(Buffer.alloc(1000)));
      }
      response.on('drain', pour)
      pour()
    }
  })
  const bytesMax = 4000
  for (const path of ['told', 'endless'])
    await t.rejects(get(`${url}/${path}`, { bytesMax }), { message: /is longer than 4000 bytes/ }, path)
  await t.rejects(get(`${url}/packed`, { bytesMax, compression: 'gzip' }), {
    message: /longer than 4000 bytes/,
  })
})

t.test('packed content and hashes', async t => {
  const url = await serve(t, (request, response) => {
    // Servers claim of a file *.gz that it is packed in transit.
    response.setHeader('Content-Encoding', 'gzip')
    response.end(request.url === '/gz' ? gzipSync(TEXT) : TEXT)
  })
  const hash = { algorithm: 'sha512' as const, digest: createHash('sha512').update(TEXT).digest('hex') }
  t.equal(await get(`${url}/gz`, { compression: 'gzip', hash }), TEXT)
  t.equal(await get(url, { compression: 'none', hash }), TEXT)
  await t.rejects(get(url, { compression: 'gzip' }), { message: /is no gzip/ })
  await t.rejects(get(url, { hash: { algorithm: 'sha256', digest: '00' } }), {
    message: /has sha256 [0-9a-f]{64}, not 00/,
  })
})

t.test('what can not be asked for', async t => {
  for (const url of ['', 'x', '/etc/passwd', 'http://', 'http://a b/'])
    await t.rejects(get(url), { message: /is no URL/ }, url)
  for (const url of ['ftp://a/', 'tftp://a/b', 'file:///etc/passwd', 'data:,x'])
    await t.rejects(get(url), { message: /is not supported; use http or https/ }, url)
  const url = await serve(t, (_request, response) => response.end())
  await t.rejects(get(url, { headers: [{ name: 'x', value: 'a\r\nb' }] }), {
    message: /Invalid character in header/,
  })
  t.equal(shownUrl('https://a:b@c/d@e'), 'https://c/d@e')
  t.equal(shownUrl('https://c/\x1b[1m'), 'https://c/ [1m')
})
