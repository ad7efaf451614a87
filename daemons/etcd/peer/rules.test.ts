// The decisions and small codecs of the transport, without any connection.

import t from 'tap'
import { Backoff } from './backoff.ts'
import { type Greeting, judgeGreeting } from './handshake.ts'
import { Latency } from './latency.ts'
import { decodeMembers, decodeVersions, encodeMembers, encodeVersions } from './members.ts'
import { clientOptions, isAllowed, serverOptions } from './tls.ts'

t.test('who is let in', t => {
  const host = { protocol: 'p/1', clusterId: 'c1', id: 'b', wasRemoved: (id: string) => id === 'dead' }
  const good: Greeting = { protocol: 'p/1', clusterId: 'c1', from: 'a', to: 'b', version: '1.0' }
  const cases: [Partial<Greeting>, number | undefined, RegExp][] = [
    [{}, undefined, /^/],
    [{ clusterId: 'c2' }, 412, /cluster ID mismatch: member a is of cluster c2, this one of c1/],
    [{ clusterId: undefined }, 412, /of cluster \(none\)/],
    [{ to: 'c' }, 412, /member a looks for member c, this one is b/],
    [{ from: 'dead' }, 410, /permanently removed.*dead/],
    [{ from: 'dead', protocol: 'p/2', to: 'x' }, 410, /removed/],
    [{ from: undefined }, 400, /X-Server-From/],
    [{ from: '0' }, 400, /X-Server-From/],
    [{ from: 'a\nb' }, 400, /X-Server-From/],
    [{ from: '11111111111111111' }, 400, /X-Server-From/],
    [{ protocol: 'p/2' }, 426, /of version 1\.0 speaks p\/2, this one p\/1/],
    [{ protocol: undefined }, 426, /plain HTTP/],
  ]
  for (const [change, status, why] of cases) {
    const refusal = judgeGreeting({ ...good, ...change }, host)
    t.equal(refusal?.status, status, JSON.stringify(change))
    t.match(refusal?.why ?? '', why)
  }
  t.end()
})

t.test('members keep all 64 bits of their ids', t => {
  const members = ['1', '7de024a39b9cb2f6', 'ffffffffffffffff', '20000000000001'].map(id => ({
    id,
    name: `n"${id}`,
    peerUrls: ['http://a:1', 'http://b:2'],
    clientUrls: [],
    isLearner: id === '1',
  }))
  const text = encodeMembers(members)
  t.match(text, '"id":18446744073709551615,')
  t.same(decodeMembers(text), members)
  const original =
    '[{"id":9073661055398834934,"peerURLs":["http://127.0.0.1:36380"]},{"id":1,"peerURLs":null}]\n'
  t.same(
    decodeMembers(original)?.map(({ id, peerUrls, name }) => [id, peerUrls, name]),
    [
      ['7dec1ea7d357f2f6', ['http://127.0.0.1:36380'], ''],
      ['1', [], ''],
    ],
  )
  for (const bad of [
    '',
    '{}',
    '[1]',
    '[{}]',
    '[{"id":"1"}]',
    '[{"id":1.5}]',
    '[{"id":0}]',
    '[{"id":-1}]',
    '[null]',
  ])
    t.equal(decodeMembers(bad), undefined, bad)
  t.equal(decodeMembers('[{"id":18446744073709551616}]'), undefined)
  t.equal(decodeMembers('[{"id":1,"peerURLs":[1]}]'), undefined)
  t.end()
})

t.test('versions', t => {
  const text = encodeVersions({ server: '3.4.23', cluster: '3.4.0' })
  t.equal(text, '{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}')
  t.same(decodeVersions(text), { server: '3.4.23', cluster: '3.4.0' })
  for (const bad of ['etcd 2.0.0', 'null', '[]', '{"etcdserver":"1"}'])
    t.equal(decodeVersions(bad), undefined, bad)
  t.end()
})

t.test('waiting longer each time, up to a second', t => {
  const most = new Backoff(() => 0)
  t.same(
    [1, 2, 3, 4, 5, 6].map(() => most.next()),
    [100, 200, 400, 800, 1000, 1000],
  )
  most.reset()
  t.equal(most.next(), 100)
  const least = new Backoff(() => 1 - Number.EPSILON)
  t.ok(Math.abs(least.next() - 50) < 1)
  t.end()
})

t.test('mean and deviation', t => {
  const latency = new Latency()
  t.equal(latency.standardDeviation, 0)
  for (const ms of [2, 4, 4, 4, 5, 5, 7, 9]) latency.add(ms)
  t.same(
    [latency.average, latency.standardDeviation, latency.minimum, latency.maximum, latency.current],
    [5, 2, 2, 9, 9],
  )
  t.end()
})

t.test('whose certificate is a member of ours', t => {
  const files = { cert: '', key: '' }
  const shown = { commonName: 'etcd', alternativeNames: 'DNS:node1.example, IP Address:10.0.0.1' }
  t.ok(isAllowed(undefined, undefined))
  t.ok(isAllowed(files, undefined))
  t.ok(isAllowed({ ...files, allowedCommonName: 'etcd' }, shown))
  t.notOk(isAllowed({ ...files, allowedCommonName: 'etc' }, shown))
  t.notOk(isAllowed({ ...files, allowedCommonName: 'etcd' }, undefined))
  t.ok(isAllowed({ ...files, allowedHostname: 'node1.example' }, shown))
  t.ok(isAllowed({ ...files, allowedHostname: '10.0.0.1' }, shown))
  t.notOk(isAllowed({ ...files, allowedHostname: 'node2.example' }, shown))
  t.notOk(isAllowed({ ...files, allowedHostname: 'node1.example', allowedCommonName: 'x' }, shown))
  t.same(serverOptions(files), { ...files, requestCert: false, rejectUnauthorized: false })
  t.equal(serverOptions({ ...files, allowedCommonName: 'etcd' }).rejectUnauthorized, true)
  t.equal(clientOptions(files).rejectUnauthorized, true)
  t.equal(clientOptions({ ...files, skipsVerification: true }).rejectUnauthorized, false)
  t.end()
})
