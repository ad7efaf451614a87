// Real processes that find one another, join, leave and come back.

import { rm } from 'node:fs/promises'
import t from 'tap'
import { ownFolder, Place, until } from './lib/program.ts'

t.test('three founders; one leaves in order, one is killed, one is added, one has lost its disk', async t => {
  const folder = await ownFolder(t)
  const places = ['n1', 'n2', 'n3'].map(name => new Place(name, folder))
  const [n1, n2, n3] = places as [Place, Place, Place]
  const initial = places.map(({ entry }) => entry).join(',')
  const flags = ['--initial-cluster', initial]
  const [p1, p2, p3] = places.map(place => place.start(t, flags)) as ReturnType<Place['start']>[]
  for (const program of [p1, p2, p3]) await program!.says('published')
  t.equal(await n1.set('/a', '1'), 201)

  p2!.signal('SIGTERM')
  t.equal(await p2!.ended(), 'SIGTERM')
  t.equal(await until('a leader', async () => (await n1.set('/b', '2').catch(() => 0)) || undefined), 201)
  const again = n2.start(t, flags)
  await again.says('published')
  t.equal(await n2.get('/b'), '2')

  const foreign = new Place('n4', folder)
  const unannounced = foreign.start(t, [
    ...['--initial-cluster', `${initial},${foreign.entry}`],
    ...['--initial-cluster-state', 'existing'],
  ])
  t.equal(await unannounced.ended(), 1)
  t.match(unannounced.log, /error validating peerURLs .*: member count is unequal; .*etcdctl member add n4/)

  await p3!.kill()
  await rm(n3.folder, { recursive: true })
  const empty = n3.start(t, flags)
  t.equal(await empty.ended(), 1)
  t.match(empty.log, /member \w+ has already been bootstrapped; .*--rejoin/)
  const rejoined = n3.start(t, [...flags, '--rejoin'])
  await rejoined.says('published')
  t.equal(await n3.get('/a'), '1')
  t.equal((await n1.members()).length, 3)
  rejoined.signal('SIGTERM')
  await rejoined.ended()
  const later = n3.start(t, [...flags, '--rejoin'])
  await later.says('published')
  t.match(later.log, /have no effect/, 'the flag may stay')
})

t.test('a member that is added and removed', async t => {
  const folder = await ownFolder(t)
  const [n1, n2] = [new Place('n1', folder), new Place('n2', folder)]
  const p1 = n1.start(t, [])
  await p1.says('published')
  const added = await n1.ask('POST', '/v2/members', JSON.stringify({ peerURLs: [n2.peerUrl] }))
  t.equal(added.status, 201)
  const p2 = n2.start(t, [
    ...['--initial-cluster', `${n1.entry},${n2.entry}`],
    ...['--initial-cluster-state', 'existing'],
  ])
  await p2.says('published')
  t.equal(await n2.set('/x', 'y'), 201)
  const self = (await n1.members()).find(({ name }) => name === 'n2')
  await until('the removal', async () => {
    const { status } = await n1.ask('DELETE', `/v2/members/${self?.id}`)
    return status === 204 ? true : undefined
  })
  t.equal(await p2.ended(), 0, 'who was removed ends in peace')
})
