// A proxy before members that come and go.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { openLines, request } from '#lib/http/host/client.ts'
import { ownFolder, Place, until } from './lib/program.ts'

t.test('what goes through a proxy, and whom it asks', async t => {
  const folder = await ownFolder(t)
  const [n1, n2, front] = ['n1', 'n2', 'front'].map(name => new Place(name, folder)) as [Place, Place, Place]
  const flags = [
    '--proxy-refresh-interval',
    '200',
    '--proxy-write-timeout',
    '300',
    '--proxy-failure-wait',
    '500',
  ]
  const proxy = front.start(t, ['--proxy', 'on', '--initial-cluster', n1.entry, ...flags])
  await proxy.says('cannot fetch cluster info')
  const none = await front.ask('GET', '/v2/keys/')
  t.same([none.status, none.body], [503, '{"message":"httpproxy: zero endpoints currently available"}'])
  const p1 = n1.start(t, [])
  await proxy.says('httpproxy: endpoints found')

  t.equal(await front.set('/a', '1'), 201)
  t.equal(await n1.get('/a'), '1')
  t.equal((await front.ask('GET', '/v2/keys/none')).status, 404, 'errors pass as they are')
  const { headers } = await request({ url: `${front.clientUrl}/v2/keys/a` })
  t.ok(Number(headers['x-etcd-index']) > 0 && headers['x-etcd-cluster-id'], 'so do headers')

  // These outlive the time in which a request must be written: a watch is not late.
  const poll = request({ url: `${front.clientUrl}/v2/keys/a?wait=true`, timeoutMs: 20_000 })
  const stream = await openLines({ url: `${front.clientUrl}/v2/keys/?wait=true&recursive=true&stream=true` })
  t.equal(stream.status, 200, 'headers come before events')
  const lines = stream.lines[Symbol.asyncIterator]()

  const added = await front.ask('POST', '/v2/members', JSON.stringify({ peerURLs: [n2.peerUrl] }))
  t.equal(added.status, 201)
  const initial = ['--initial-cluster', `${n1.entry},${n2.entry}`, '--initial-cluster-state', 'existing']
  const p2 = n2.start(t, initial)
  await p2.says('published')
  t.equal(await n1.set('/a', '2'), 200)
  t.match((await poll).body.toString(), /^{"action":"set","node":{"key":"\/a","value":"2"/)
  t.match((await lines.next()).value, /"value":"2"/)
  t.equal(await n1.set('/b', '3'), 201)
  t.match((await lines.next()).value, /"key":"\/b","value":"3"/)
  await lines.return?.()

  await until('both endpoints', async () => {
    const { body } = await front.ask('GET', '/v2/config/local/proxy')
    return (JSON.parse(body) as { endpoints: string[] }).endpoints.length === 2 || undefined
  })
  const kept = JSON.parse(await readFile(join(front.folder, 'proxy/cluster'), 'utf8')) as {
    PeerURLs: string[]
  }
  t.same(kept.PeerURLs.toSorted(), [n1.peerUrl, n2.peerUrl].toSorted())
  await p1.kill()
  for (let at = 0; at < 8; at++)
    t.equal((await front.ask('GET', '/v2/keys/a')).status, 200, 'the other answers')
  await p2.kill()
  t.equal((await front.ask('GET', '/v2/keys/a')).status, 502)
  t.equal((await front.ask('GET', '/v2/keys/a')).status, 503, 'both have just failed')

  proxy.signal('SIGTERM')
  t.equal(await proxy.ended(), 'SIGTERM')
  const again = front.start(t, ['--proxy', 'readonly', ...flags])
  const back = [n1.start(t, []), n2.start(t, initial)]
  for (const program of back) await program.says('published')
  await again.says('httpproxy: endpoints found')
  t.match((await front.ask('GET', '/v2/keys/a')).body, '"value":"2"', 'its folder says where the members are')
  t.equal((await front.ask('PUT', '/v2/keys/a', 'value=x')).status, 501)
  t.equal((await front.ask('DELETE', '/v2/keys/a')).status, 501)
})
