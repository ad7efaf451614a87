// The peer port as others see it, what is fetched from it at the start, and who is let in with certificates.

import t, { type Test } from 'tap'
import { request } from '#lib/http/host/client.ts'
import { testCertificate } from '#lib/testing/certificates.ts'
import { TestMember, until } from '../testing/member.ts'
import type { PeerTls } from '../tls.ts'
import { fetchMembers, fetchVersion } from './fetch.ts'

const MEMBERS = [
  {
    id: '7de024a39b9cb2f6',
    name: 'n1',
    peerUrls: ['http://a:1'],
    clientUrls: ['http://a:2'],
    isLearner: false,
  },
  { id: 'ffffffffffffffff', name: '', peerUrls: ['http://b:1'], clientUrls: [], isLearner: true },
]

async function serve(t: Test, id = 'a', tls?: PeerTls): Promise<TestMember> {
  const member = await new TestMember(id, { tls }).listen(tls === undefined ? 'http' : 'https')
  t.teardown(() => member.close())
  return member
}

t.test('the pages of the peer port', async t => {
  const member = await serve(t)
  member.members = MEMBERS
  const get = async (path: string, method = 'GET', headers: Record<string, string> = {}) => {
    const { status, headers: answered, body } = await request({ url: member.url + path, method, headers })
    return {
      status,
      body: body.toString(),
      type: answered['content-type'],
      cluster: answered['x-etcd-cluster-id'],
    }
  }
  t.same(await get('/members'), {
    status: 200,
    body:
      '[{"id":9070289934633186038,"peerURLs":["http://a:1"],"name":"n1","clientURLs":["http://a:2"]},' +
      '{"id":18446744073709551615,"peerURLs":["http://b:1"],"isLearner":true,"name":"","clientURLs":[]}]\n',
    type: 'application/json',
    cluster: 'c1',
  })
  const version = await get('/version')
  t.equal(version.body, '{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}')
  for (const path of ['/', '/members/', '/v2/keys', '/health', '/raft/stream/message/a'])
    t.match(await get(path), { status: 404, body: '404 page not found\n' }, path)
  t.match(await get('/members', 'POST'), { status: 405, body: 'Method Not Allowed\n' })
  t.match(await get('/orlop/raft/stream', 'DELETE'), { status: 405 })
  t.match(await get('/orlop/raft/stream'), { status: 400, body: /X-Server-From/ })
  const greeting = {
    'X-Etcd-Cluster-ID': 'c1',
    'X-Server-From': 'b',
    'X-Raft-To': 'a',
    'X-Server-Version': '9.0',
  }
  t.match(await get('/orlop/raft/stream', 'GET', greeting), { status: 426, body: /speaks plain HTTP/ })
  const newer = { ...greeting, Connection: 'Upgrade', Upgrade: 'orlop-raft/2' }
  t.match(await get('/orlop/raft/stream', 'GET', newer), {
    status: 426,
    body: /member b of version 9\.0 speaks orlop-raft\/2, this one orlop-raft\/1/,
  })
  t.match(member.log.join('\n'), /refused 127\.0\.0\.1: member b of version 9\.0/)
  member.hasStarted = false
  t.match(await get('/members'), { status: 503 })
  t.match(await get('/version'), { status: 200, body: '{"etcdserver":"3.4.23","etcdcluster":"not_decided"}' })
  t.match(await get('/orlop/raft/snapshot', 'GET', newer), { status: 503 })
})

t.test('what is fetched at the start', async t => {
  const member = await serve(t)
  member.members = MEMBERS
  const dead = 'http://127.0.0.1:1'
  t.same(await fetchMembers([dead, member.url], 2000), { clusterId: 'c1', members: MEMBERS })
  t.same(await fetchVersion([dead, member.url], 2000), { server: '3.4.23', cluster: '3.4.0' })
  member.hasStarted = false
  await t.rejects(fetchMembers([dead, member.url], 2000), {
    name: 'UserError',
    message:
      /^cannot fetch cluster info from peer urls: http:\/\/127\.0\.0\.1:1: .*ECONNREFUSED.*; .*it answers 503$/,
  })
  await t.rejects(fetchVersion([], 2000), { message: /there are none/ })
})

t.test('members with certificates', async t => {
  const names = ['etcd', 'guest', 'unsigned'] as const
  const made = new Map<string, PeerTls & { ca: string }>(
    names.map(name => [name, testCertificate(name, { isUnsigned: name === 'unsigned' })]),
  )
  const strict = { clientCertAuth: true, allowedCommonName: 'etcd' }
  const a = await serve(t, 'a', { ...made.get('etcd')!, ...strict })
  const b = await serve(t, 'b', { ...made.get('etcd')!, ...strict })
  b.members = MEMBERS
  for (const { transport } of [a, b]) {
    transport.setPeers(
      new Map([
        ['a', [a.url]],
        ['b', [b.url]],
      ]),
    )
  }
  await until('connected', () => a.transport.activeCount + b.transport.activeCount === 2)
  for (let index = 0; index < 200; index++) a.send('b', index, index * 50)
  await until('arrived', () => b.messages.length === 200)
  t.same(
    b.messages.map(({ index, entries }) => [index, entries[0]!.data.length]),
    Array.from({ length: 200 }, (_, index) => [index, index * 50]),
  )
  t.same((await fetchMembers([b.url], 2000, made.get('etcd'))).members, MEMBERS)
  await t.rejects(fetchMembers([b.url], 2000, made.get('guest')), { message: /it answers 403/ })
  await t.rejects(fetchMembers([b.url], 2000, made.get('unsigned')), { name: 'UserError' })

  const guest = await serve(t, 'c', made.get('guest')!)
  guest.transport.setPeers(new Map([['b', [b.url]]]))
  await until('refused', () => guest.log.some(line => /403.*not that of a member/.test(line)))
  t.match(b.log.join('\n'), /refused 127\.0\.0\.1: its certificate \(CN guest\)/)
  a.transport.setPeers(new Map([['c', [guest.url]]]))
  await until('a does not speak to it either', () =>
    a.log.some(line => /CN guest.*not that of a member/.test(line)),
  )

  const stranger = await serve(t, 'd', { ...made.get('unsigned')!, skipsVerification: true })
  stranger.transport.setPeers(new Map([['b', [b.url]]]))
  await until('cut off', () => stranger.log.some(line => line.startsWith('cannot reach member b')))
  t.equal(stranger.transport.activeCount, 0)
  stranger.transport.setPeers(new Map([['c', [guest.url]]]))
  await until('let in where no certificate is asked for', () => stranger.transport.activeCount === 1)
  guest.transport.setPeers(new Map([['d', [stranger.url]]]))
  await until('not believed', () => guest.log.some(line => /cannot reach member d.*certificate/.test(line)))
})
