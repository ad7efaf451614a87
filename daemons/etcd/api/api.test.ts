// The client port with real requests over loopback, in front of a member in memory (specification §2 to §4).

import { request as nodeRequest } from 'node:http'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { createServer } from '#lib/http/host/server.ts'
import { Failure } from '../member/service.ts'
import { Api, type ApiOptions } from './api.ts'
import { TestService } from './testing/service.ts'

interface Got {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
}

type Ask = (
  method: string,
  path: string,
  options?: { form?: string; json?: string; headers?: object },
) => Promise<Got>

async function serve(t: Test, options: Partial<ApiOptions> = {}) {
  const service = new TestService()
  const api = new Api({ service, version: '3.4.23', ...options })
  const server = createServer({ onRequest: (request, response) => api.answer(request, response) })
  const address = await server.listen({ host: '127.0.0.1', port: 0 })
  const port = 'port' in address ? address.port : 0
  t.teardown(async () => {
    api.close()
    await server.close(0)
  })
  const ask: Ask = (method, path, { form, json, headers = {} } = {}) =>
    new Promise((resolve, reject) => {
      const type = json === undefined ? 'application/x-www-form-urlencoded' : 'application/json'
      const typed = { 'content-type': type, 'content-length': Buffer.byteLength(form ?? json ?? '') }
      const sent = nodeRequest(
        { port, host: '127.0.0.1', method, path, headers: { ...typed, ...headers } },
        response => {
          let body = ''
          response.on('data', data => (body += data))
          response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }))
        },
      )
      sent.on('error', reject)
      sent.end(form ?? json)
    })
  return { service, api, ask, port }
}

t.test('keys: what is written is read, with all headers', async t => {
  const { ask } = await serve(t)
  const made = await ask('PUT', '/v2/keys/message', { form: 'value=Hello+world' })
  t.equal(made.status, 201)
  t.equal(
    made.body,
    '{"action":"set","node":{"key":"/message","value":"Hello world","modifiedIndex":1,"createdIndex":1}}\n',
  )
  t.match(made.headers, {
    'content-type': 'application/json',
    'x-etcd-cluster-id': 'cdf818194e3a8c32',
    'x-etcd-index': '1',
    'x-raft-index': '5',
    'x-raft-term': '2',
    'access-control-allow-origin': '*',
  })
  t.equal((await ask('PUT', '/v2/keys/message?value=query', { form: 'value=body' })).status, 200)
  const read = await ask('GET', '/v2/keys/message?quorum=true')
  t.match(JSON.parse(read.body), { action: 'get', node: { value: 'body', modifiedIndex: 2 } })
  const head = await ask('HEAD', '/v2/keys/message')
  t.match(head, {
    status: 200,
    body: '',
    headers: { 'content-length': String(Buffer.byteLength(read.body)) },
  })
  t.match(await ask('POST', '/v2/keys/queue', { form: 'value=x' }), {
    status: 201,
    body: /"key":"\/queue\/00000000000000000003"/,
  })
  t.match(await ask('DELETE', '/v2/keys/message'), { status: 200, body: /"action":"delete"/ })
})

t.test('keys: what is refused', async t => {
  const { ask, service } = await serve(t)
  const missing = await ask('GET', '/v2/keys/a/b')
  t.equal(missing.status, 404)
  t.equal(missing.body, '{"errorCode":100,"message":"Key not found","cause":"/a","index":0}\n')
  t.equal(missing.headers['x-raft-index'], undefined)
  t.equal(missing.headers['x-etcd-index'], '0')
  t.match(await ask('PUT', '/v2/keys/a', { form: 'ttl=x' }), { status: 400, body: /"errorCode":202/ })
  t.match(await ask('PUT', '/v2/keys/a', { form: 'value=%zz' }), { status: 400, body: /"errorCode":210/ })
  t.match(await ask('PATCH', '/v2/keys/a'), {
    status: 405,
    body: 'Method Not Allowed\n',
    headers: { allow: 'HEAD,GET,PUT,POST,DELETE' },
  })
  const large = await ask('PUT', '/v2/keys/a', { form: `value=${'x'.repeat(11 * 1024 * 1024)}` })
  t.match(large, { status: 400, body: /"cause":"http: request body too large"/ })
  // A body that is no form counts for nothing, and the key becomes empty.
  const ignored = await ask('PUT', '/v2/keys/a', { json: '{"value":"x"}' })
  t.match(JSON.parse(ignored.body), { node: { value: '' } })
  service.failure = new Failure('timeout', false)
  for (const [method, path] of [
    ['PUT', '/v2/keys/a'],
    ['GET', '/v2/keys/a?quorum=true'],
  ] as const)
    t.match(await ask(method, path), {
      status: 500,
      body: '{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":0}\n',
    })
})

t.test('watches: one event, a stream, the past, and who leaves', async t => {
  const { ask, api, service, port } = await serve(t)
  const waiting = ask('GET', '/v2/keys/a?wait=true')
  await until(() => api.watching === 1)
  await ask('PUT', '/v2/keys/b', { form: 'value=1' })
  await ask('PUT', '/v2/keys/a', { form: 'value=2' })
  const event = await waiting
  t.match(JSON.parse(event.body), { action: 'set', node: { key: '/a', value: '2', modifiedIndex: 2 } })
  t.equal(event.headers['x-etcd-index'], '0', 'the index when it began')
  t.equal(api.watching, 0)
  t.match(JSON.parse((await ask('GET', '/v2/keys/?wait=true&recursive=true&waitIndex=1')).body), {
    node: { key: '/b' },
  })

  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.on('data', data => (text += data))
  socket.write('GET /v2/keys/d?wait=true&stream=true&recursive=true HTTP/1.1\r\nHost: x\r\n\r\n')
  await until(() => text.includes('\r\n\r\n'))
  t.match(text, /^HTTP\/1\.1 200 OK\r\n[\s\S]*Transfer-Encoding: chunked\r\n/, 'headers before any event')
  for (const value of ['1', '2', '3']) await ask('PUT', '/v2/keys/d/x', { form: `value=${value}` })
  await until(() => (text.match(/"action"/g) ?? []).length === 3)
  t.equal(service.store.watchers.count, 1)
  socket.destroy()
  await until(() => service.store.watchers.count === 0)
  t.equal(api.watching, 0)

  const ended = ask('GET', '/v2/keys/a?wait=true')
  await until(() => api.watching === 1)
  api.close()
  t.match(await ended, { status: 200, body: '' })
})

t.test('watches: an event for ten thousand', async t => {
  const { ask, api, port } = await serve(t)
  const COUNT = 10_000
  const PER_SOCKET = 50
  let events = 0
  // A connection has one answer at a time, and up to 64 requests behind it: the first of each is told at once.
  const sockets = Array.from({ length: COUNT / PER_SOCKET }, () => connect(port, '127.0.0.1'))
  for (const socket of sockets) {
    socket.on('data', data => (events += (data.toString('latin1').match(/"action"/g) ?? []).length))
    socket.write('GET /v2/keys/k?wait=true HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(PER_SOCKET))
  }
  await until(() => api.watching === COUNT)
  await ask('PUT', '/v2/keys/k', { form: 'value=1' })
  await until(() => events === COUNT)
  t.equal(api.watching, 0)
  for (const socket of sockets) socket.destroy()
})

t.test('members', async t => {
  const { ask, service } = await serve(t)
  const one =
    '{"id":"8e9e05c52164694d","name":"default","peerURLs":["http://localhost:2380"],"clientURLs":["http://localhost:2379"]}'
  for (const path of ['/v2/members', '/v2/members/'])
    t.match(await ask('GET', path), { status: 200, body: `{"members":[${one}]}\n` })
  t.match(await ask('GET', '/v2/members/leader'), { status: 200, body: `${one}\n` })
  t.match(await ask('GET', '/v2/members/x'), { status: 404, body: '{"message":"Not found"}' })
  t.match(await ask('GET', '/v2/machines'), { status: 200, body: 'http://localhost:2379' })
  service.leader = ''
  t.match(await ask('GET', '/v2/members/leader'), { status: 503, body: '{"message":"During election"}' })

  const json = '{"peerURLs":["http://127.0.0.1:7001"]}'
  const added = await ask('POST', '/v2/members', { json })
  t.match(added, {
    status: 201,
    body: '{"id":"abc","name":"","peerURLs":["http://127.0.0.1:7001"],"clientURLs":[]}\n',
    headers: { 'x-etcd-cluster-id': 'cdf818194e3a8c32' },
  })
  t.match(await ask('POST', '/v2/members', { form: json }), {
    status: 415,
    body: '{"message":"Bad Content-Type application/x-www-form-urlencoded, accept application/json"}',
  })
  for (const [bad, message] of [
    ['{', /"message"/],
    ['{}', /no valid URLs given/],
    ['{"peerURLs":["http://a:1/x"]}', /URL must not contain a path: http:\/\/a:1\/x/],
    ['{"peerURLs":"http://a:1"}', /cannot unmarshal string into/],
  ] as const)
    t.match(await ask('POST', '/v2/members', { json: bad }), { status: 400, body: message }, bad)
  t.match(await ask('PUT', '/v2/members/00ABC', { json }), { status: 204, body: '' })
  t.match(await ask('DELETE', '/v2/members/abc'), { status: 204, body: '' })
  t.same(service.changes, [
    ['add', ['http://127.0.0.1:7001']],
    ['update', 'abc', ['http://127.0.0.1:7001']],
    ['remove', 'abc'],
  ])
  t.match(await ask('DELETE', '/v2/members/xyz'), { status: 404, body: '{"message":"No such member: xyz"}' })
  t.match(await ask('DELETE', '/v2/members'), { status: 405, body: 'Method Not Allowed\n' })
  for (const [refused, status, message] of [
    ['idNotFound', 404, 'No such member: abc'],
    ['idRemoved', 410, 'Member permanently removed: abc'],
    ['unhealthy', 500, 'Internal Server Error'],
  ] as const) {
    service.refusal = { refused, why: '' }
    t.match(await ask('DELETE', '/v2/members/abc'), { status, body: `{"message":"${message}"}` })
  }
  service.refusal = { refused: 'peerUrlExists', why: '' }
  const conflict = { status: 409, body: '{"message":"membership: peerURL exists"}' }
  t.match(await ask('POST', '/v2/members', { json }), conflict)
  t.match(await ask('PUT', '/v2/members/abc', { json }), conflict)
})

t.test('health, version, statistics and what is not there', async t => {
  let level = ''
  const setLogLevel = (word: string) => {
    level = word
    return word === 'DEBUG'
  }
  const { ask, service } = await serve(t, { setLogLevel })
  t.match(await ask('GET', '/version'), {
    status: 200,
    body: '{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}',
  })
  service.clusterVersion = undefined
  t.match(await ask('GET', '/version'), { body: /"not_decided"/ })
  t.match(await ask('GET', '/health'), { status: 200, body: '{"health":"true"}' })
  t.match(await ask('POST', '/health'), { status: 405 })
  service.isHealthy = false
  t.match(await ask('GET', '/health'), { status: 503, body: '{"health":"false"}\n' })
  t.match(await ask('GET', '/v2/stats/self'), {
    status: 200,
    body: /^\{"name":"default","id":"8e9e05c52164694d","state":"StateLeader","startTime":"2026/,
  })
  t.match(JSON.parse((await ask('GET', '/v2/stats/leader')).body), {
    leader: '8e9e05c52164694d',
    followers: { abc: { counts: { fail: 1, success: 7 }, latency: { standardDeviation: 0.25 } } },
  })
  await ask('GET', '/v2/keys/none')
  t.match(JSON.parse((await ask('GET', '/v2/stats/store')).body), { getsFail: 1, watchers: 0 })
  service.role = 'follower'
  t.match(await ask('GET', '/v2/stats/leader'), { status: 403, body: '{"message":"not current leader"}' })
  t.match(await ask('GET', '/v2/stats/none'), { status: 404, body: '404 page not found\n' })
  t.match(await ask('GET', '/nothing'), {
    status: 404,
    body: '404 page not found\n',
    headers: { 'x-content-type-options': 'nosniff' },
  })
  t.match(await ask('PUT', '/config/local/log', { json: '{"Level":"DEBUG"}' }), { status: 204 })
  t.equal(level, 'DEBUG')
  t.match(await ask('PUT', '/config/local/log', { json: '{"Level":"LOUD"}' }), { status: 400 })
  t.match(await ask('PUT', '/config/local/log', { json: '{' }), { status: 400 })
})

t.test('metrics', async t => {
  const { ask, service } = await serve(t)
  await ask('PUT', '/v2/keys/a', { form: 'value=1' })
  await ask('GET', '/v2/keys/a?quorum=true')
  await ask('GET', '/v2/keys/none')
  await ask('DELETE', '/v2/keys/a?prevValue=2')
  await ask('PUT', '/v2/keys/a', { form: 'ttl=x' })
  await ask('GET', '/health')
  service.counters.onWalSync?.(3)
  const { status, headers, body } = await ask('GET', '/metrics')
  t.equal(status, 200)
  t.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  for (const line of [
    'etcd_server_has_leader 1',
    'etcd_server_version{server_version="3.4.23"} 1',
    'etcd_cluster_version{cluster_version="3.4"} 1',
    'etcd_debugging_store_writes_total{action="set"} 1',
    'etcd_disk_wal_fsync_duration_seconds_bucket{le="0.002"} 0',
    'etcd_disk_wal_fsync_duration_seconds_bucket{le="0.004"} 1',
    'etcd_http_received_total{method="GET"} 1',
    'etcd_http_received_total{method="QGET"} 1',
    'etcd_http_received_total{method="PUT"} 1',
    'etcd_http_failed_total{code="404",method="GET"} 1',
    'etcd_http_failed_total{code="412",method="DELETE"} 1',
    'etcd_http_successful_duration_seconds_count{method="PUT"} 1',
    'etcd_http_successful_duration_seconds_count{method="QGET"} 1',
    'etcd_server_health_success 1',
    'etcd_network_active_peers{Local="8e9e05c52164694d",Remote="abc"} 1',
  ])
    t.ok(body.includes(`\n${line}\n`), line)
  t.match(body, /\nprocess_resident_memory_bytes [1-9]/)
})

t.test('variables', async t => {
  const { ask } = await serve(t)
  const { status, headers, body } = await ask('GET', '/debug/vars')
  t.match(
    { status, headers },
    { status: 200, headers: { 'content-type': 'application/json; charset=utf-8' } },
  )
  t.match(JSON.parse(body), {
    cmdline: process.argv,
    file_descriptor_limit: Number,
    memstats: { Alloc: Number, Sys: Number, HeapAlloc: Number },
    'raft.status': {
      id: '8e9e05c52164694d',
      term: 2,
      vote: '8e9e05c52164694d',
      commit: 4,
      lead: '8e9e05c52164694d',
      raftState: 'StateLeader',
      applied: 4,
      progress: {},
      leadtransferee: '0',
    },
  })
  t.match(await ask('POST', '/debug/vars'), { status: 405 })
})

t.test('paths that are not clean, origins, and hosts that may ask', async t => {
  const { ask } = await serve(t, { cors: ['https://a.example'], hostWhitelist: ['etcd.local'] })
  const headers = { host: 'etcd.local:2379' }
  t.match(await ask('GET', '/v2//keys/../keys/a?x=1', { headers }), {
    status: 301,
    headers: { location: '/v2/keys/a?x=1' },
  })
  t.match(await ask('GET', '/v2/keys/%zz', { headers }), { status: 400 })
  t.match(await ask('GET', '/version', { headers: { host: 'other:2379' } }), { status: 421 })
  const origin = (origin: string) => ask('OPTIONS', '/any', { headers: { ...headers, origin } })
  t.match(await origin('https://a.example'), {
    status: 200,
    headers: { 'access-control-allow-origin': 'https://a.example' },
  })
  t.equal((await origin('https://b.example')).headers['access-control-allow-origin'], undefined)
})

async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`in vain: ${isSo}`)
    await new Promise(done => setTimeout(done, 1))
  }
}
