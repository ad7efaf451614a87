// A leader that is told to end does not let the others wait.

import t from 'tap'
import { ownFolder, Place } from './lib/program.ts'

t.test('leadership is handed over', async t => {
  const folder = await ownFolder(t)
  const places = ['n1', 'n2', 'n3'].map(name => new Place(name, folder))
  const electionMs = 4_000
  const initial = places.map(({ entry }) => entry).join(',')
  const flags = ['--initial-cluster', initial, '--election-timeout', String(electionMs)]
  const programs = places.map(place => place.start(t, flags))
  for (const program of programs) await program.says('published')
  const { id } = JSON.parse((await places[0]!.ask('GET', '/v2/members/leader')).body) as { id: string }
  const members = await places[0]!.members()
  const at = places.findIndex(({ name }) => name === members.find(member => member.id === id)!.name)
  programs[at]!.signal('SIGTERM')
  t.equal(await programs[at]!.ended(), 'SIGTERM')
  const endedAt = performance.now()
  const other = places[(at + 1) % places.length]!
  t.equal(await other.set('/a', '1'), 201)
  const tookMs = performance.now() - endedAt
  t.ok(tookMs < electionMs / 2, `${Math.round(tookMs)} ms, less than any election takes`)
})
