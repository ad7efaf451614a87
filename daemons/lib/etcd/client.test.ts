import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import t, { type Test } from 'tap'
import { EtcdClient } from './client.ts'
import { CancelledError, ClusterError, DeadlineError, EndpointError } from './errors.ts'

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void

/** A server of one test; `seen` is what it was asked. */
async function serve(t: Test, answer: Answer) {
  const seen: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', chunk => {
      body += chunk
    })
    request.on('end', () => {
      seen.push(`${request.method} ${request.url} ${body}`.trim())
      answer(request, response, body)
    })
  })
  server.on('connection', socket => sockets.add(socket))
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, sockets }
}

function open(
  t: Test,
  endpoints: string[],
  options: Partial<ConstructorParameters<typeof EtcdClient>[0]> = {},
) {
  const client = new EtcdClient({ endpoints, ...options })
  t.teardown(() => client.close())
  return client
}

const OK: Answer = (_, response) => {
  response.setHeader('X-Etcd-Index', '9')
  response.end('{"action":"get","node":{"key":"/k","value":"v","modifiedIndex":9,"createdIndex":9}}\n')
}
const NO_LEADER: Answer = (_, response) => {
  response.statusCode = 500
  response.end('{"errorCode":300}')
}
/** Nobody listens there: port 1 of this machine needs root. */
const NOBODY = 'http://127.0.0.1:1'

t.test('the next endpoint serves, and is asked first from then on', async t => {
  const broken = await serve(t, NO_LEADER)
  const good = await serve(t, OK)
  const client = open(t, [NOBODY, broken.url, good.url])
  t.match(await client.keys.get('/k'), { index: 9, node: { value: 'v' } })
  await client.keys.set('/k', 'x')
  t.equal(broken.seen.length, 1)
  t.same(good.seen, ['GET /v2/keys/k?quorum=false&recursive=false&sorted=false', 'PUT /v2/keys/k value=x'])
  t.equal(good.sockets.size, 1, 'over one connection')
})

t.test('what may not be done twice goes to one endpoint', async t => {
  const broken = await serve(t, NO_LEADER)
  const good = await serve(t, OK)
  const client = open(t, [broken.url, good.url])
  await t.rejects(client.keys.delete('/k'), EndpointError)
  t.equal(good.seen.length, 0)
  await client.keys.create('/k', 'v')
  t.equal(broken.seen.length, 1, 'but the next request goes to the next')
  await t.rejects(open(t, [NOBODY]).keys.createInOrder('/k', 'v'), EndpointError)
})

t.test('a watch goes along when another endpoint serves', async t => {
  let hasLeader = true
  const silent = await serve(t, (request, response, body) => {
    if (request.url?.includes('wait=true')) return
    if (hasLeader) OK(request, response, body)
    else NO_LEADER(request, response, body)
  })
  const good = await serve(t, OK)
  const client = open(t, [silent.url, good.url])
  const event = client.keys.watch('/k', { afterIndex: 8 }).next()
  await client.keys.get('/k')
  t.equal(good.seen.length, 0)
  hasLeader = false
  await client.keys.get('/k')
  t.match(await event, { node: { modifiedIndex: 9 } })
  t.match(good.seen.at(-1), /wait=true&waitIndex=9/)
})

t.test('when nobody serves, each is named', async t => {
  const broken = await serve(t, NO_LEADER)
  const error = await open(t, [NOBODY, broken.url])
    .keys.get('/k')
    .catch((reason: unknown) => reason)
  t.type(error, ClusterError)
  t.match(error, { errors: [{ message: /connection refused/ }, { message: /has no leader/ }] })
})

t.test('time runs out for one endpoint, and for the whole', async t => {
  const silent = await serve(t, () => undefined)
  const good = await serve(t, OK)
  const client = open(t, [silent.url, good.url], { headerTimeoutMs: 40 })
  t.match(await client.keys.get('/k'), { index: 9 })
  const alone = open(t, [silent.url], { headerTimeoutMs: 0 })
  await t.rejects(alone.keys.get('/k', {}, AbortSignal.timeout(40)), DeadlineError)
  await t.rejects(alone.keys.get('/k', {}, AbortSignal.abort(new Error('stop'))), CancelledError)
  const one = open(t, [silent.url], { headerTimeoutMs: 40 })
  await t.rejects(one.keys.get('/k'), {
    message: new RegExp(`endpoint ${silent.url} exceeded header timeout`),
  })
})

t.test('a body that is cut is an error of the endpoint', async t => {
  const cut = await serve(t, (_, response) => {
    response.write('{"action":')
    setImmediate(() => response.destroy())
  })
  await t.rejects(open(t, [cut.url]).keys.get('/k'), { message: /unexpected EOF/ })
})

t.test('a kept connection that the server closed does not fail a read', async t => {
  const server = await serve(t, (request, response, body) => {
    if (server.seen.length === 2) request.socket.destroy()
    else OK(request, response, body)
  })
  const client = open(t, [server.url])
  await client.keys.get('/k')
  t.match(await client.keys.get('/k'), { index: 9 })
  t.equal(server.seen.length, 3)
})

t.test('but a write is not sent again behind the back of the caller', async t => {
  const server = await serve(t, (request, response, body) => {
    if (server.seen.length === 2) request.socket.destroy()
    else OK(request, response, body)
  })
  const client = open(t, [server.url])
  await client.keys.set('/k', '1')
  await t.rejects(client.keys.set('/k', '2'), ClusterError)
  t.equal(server.seen.length, 2)
})

t.test('redirections are followed, not for ever', async t => {
  const good = await serve(t, OK)
  const moved = await serve(t, (request, response) => {
    response.writeHead(307, { location: `${good.url}${request.url}` }).end()
  })
  const loop = await serve(t, (request, response) => {
    response.writeHead(307, { location: request.url ?? '' }).end()
  })
  t.match(await open(t, [moved.url]).keys.set('/k', 'v'), { index: 9 })
  t.same(good.seen, ['PUT /v2/keys/k value=v'])
  await t.rejects(open(t, [loop.url]).keys.get('/k'), { message: /too many redirects/ })
})

t.test('a watch goes on after the event it got, and after an answer without one', async t => {
  let empty = true
  const server = await serve(t, (request, response) => {
    const index = Number(new URL(request.url ?? '', 'http://x').searchParams.get('waitIndex'))
    if (index === 6 && empty) {
      empty = false
      response.end()
    } else
      response.end(
        `{"action":"set","node":{"key":"/w","value":"v","modifiedIndex":${index},"createdIndex":1}}\n`,
      )
  })
  const watcher = open(t, [server.url], { headerTimeoutMs: 1 }).keys.watch('/w', { afterIndex: 4 })
  t.match(await watcher.next(), { node: { modifiedIndex: 5 } })
  t.match(await watcher.next(), { node: { modifiedIndex: 6 } })
  t.equal(server.seen.length, 3)
})

t.test('sync takes the members for endpoints, with credentials', async t => {
  const good = await serve(t, OK)
  let authorization: string | undefined
  const first = await serve(t, (request, response) => {
    authorization = request.headers.authorization
    response.end(JSON.stringify({ members: [{ id: '1', name: 'a', peerURLs: [], clientURLs: [good.url] }] }))
  })
  const client = open(t, [first.url], { credentials: { username: 'u', password: 'p:q' } })
  await client.sync()
  t.same(client.endpoints, [good.url])
  t.equal(authorization, `Basic ${Buffer.from('u:p:q').toString('base64')}`)
  await client.keys.get('/k')
  t.equal(good.seen.length, 1)
})
