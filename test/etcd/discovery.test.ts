// Members that find one another by our discovery service over our store, and proxies before them.

import t from 'tap'
import { request } from '#lib/http/host/client.ts'
import { ownAddress, ownFolder, Place, Program } from './lib/program.ts'

t.test('a token for two, a third that becomes a proxy, and who comes too late', async t => {
  const folder = await ownFolder(t)
  const store = new Place('store', folder)
  const backing = store.start(t, [])
  await backing.says('published')
  const url = `http://${ownAddress()}:8087`
  const address = new URL(url).host
  const service = new Program(t, 'daemons/discovery/main.ts', [
    ...['--addr', address, '--host', url, '--etcd', store.clientUrl],
  ])
  await service.says('listening')
  t.match((await request({ url: `${url}/health` })).body.toString(), 'OK')
  const bad = await request({ url: `${url}/new?size=x` })
  t.equal(bad.status, 400)
  const made = await request({ url: `${url}/new?size=2`, method: 'PUT' })
  const token = made.body.toString()
  t.match(token, /^http:\/\/[\d.]+:8087\/[0-9a-f]{32}$/)

  const [n1, n2, n3, n4] = ['n1', 'n2', 'n3', 'n4'].map(name => new Place(name, folder)) as Place[]
  const flags = ['--discovery', token]
  const p1 = n1!.start(t, flags)
  await p1.says('found 1 of 2 members')
  await p1.kill()
  const again = n1!.start(t, flags)
  const p2 = n2!.start(t, flags)
  await again.says('published')
  await p2.says('published')
  t.equal(await n1!.set('/a', '1'), 201)

  const proxy = n3!.start(t, flags)
  await proxy.says('discovery cluster full, falling back to proxy')
  await proxy.says('httpproxy: endpoints found')
  t.equal(await n3!.get('/a'), '1')
  const local = JSON.parse((await n3!.ask('GET', '/v2/config/local/proxy')).body) as { endpoints: string[] }
  t.same(local.endpoints.toSorted(), [n1!.clientUrl, n2!.clientUrl].toSorted())

  const late = n4!.start(t, [...flags, '--discovery-fallback', 'exit'])
  t.equal(await late.ended(), 1)
  t.match(late.log, /failed to join discovery cluster \(discovery: cluster is full\); the token is used up/)
  const unknown = n4!.start(t, ['--discovery', `${url}/${'0'.repeat(32)}`])
  t.equal(await unknown.ended(), 1)
  t.match(unknown.log, /discovery: size key not found .*make a new one/)

  await service.kill()
  await backing.kill()
  await proxy.kill()
  const restarted = n3!.start(t, flags)
  await restarted.says('httpproxy: endpoints found')
  t.equal(await n3!.set('/b', '2'), 201, 'a proxy starts again, whatever has become of the token')
})
