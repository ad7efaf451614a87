// Daemons of the fleet over Debian's etcd: what they ask of a store is the original's v2 API, and no more.

import t from 'tap'
import { demonstrate } from '../fleet/lib/demonstration.ts'
import { LiveFleet, until } from '../fleet/lib/live.ts'
import { findOriginals } from './lib/programs.ts'

const UNIT = '[Service]\nExecStart=/bin/sleep 1000\n'
/** Tests wait for its end, and a machine that is late by half of it is lost: no shorter than that. */
const TTL_MS = 5_000
const { server } = await findOriginals(process.env)

t.test('units over the etcd of Debian', async t => {
  const f = await LiveFleet.open({ server: { file: server, flags: ['--enable-v2'] }, ttlMs: TTL_MS })
  t.teardown(() => f.close())
  for (const letter of ['a', 'b', 'c']) await f.add(letter)
  const files = { 'u@.service': UNIT, 'g.service': `${UNIT}\n[X-Fleet]\nGlobal=true\n` }
  const names = [1, 2, 3, 4, 5, 6].map(n => `u@${n}.service`)
  t.equal((await f.fleetctl(['start', ...names], { files })).status, 0)
  t.same(
    f.machines.map(({ systemd }) => systemd.running.length),
    [2, 2, 2],
  )
  await f.fleetctl(['start', 'g.service'], { files })
  await until(() => f.machines.every(({ systemd }) => systemd.running.length === 3))
  t.equal((await f.fleetctl(['restart', 'u@1'])).status, 0)
  // Longer than the life of every key: all of them are renewed, and no watcher hears of it.
  await new Promise(resolve => setTimeout(resolve, TTL_MS + 1_000))
  t.same(
    f.machines.map(({ systemd }) => systemd.running.length),
    [3, 3, 3],
  )
  t.equal((await f.fleetctl(['list-machines', '--no-legend'])).out.split('\n').length, 4)
  t.equal((await f.fleetctl(['list-units', '--no-legend'])).out.match(/active\trunning/g)?.length, 9)
  // One goes without a word: its units run elsewhere when its keys have ended.
  const lost = f.machines.find(({ node }) => node.engine?.isLeader === false)!
  await lost.node.kill()
  const rest = f.machines.filter(machine => machine !== lost)
  await until(() => rest.reduce((sum, { systemd }) => sum + systemd.running.length, 0) === 8)
  t.pass('six units and the global one on two machines')
})

t.test('fleetctl at the registry in the etcd of Debian', async t => {
  const f = await LiveFleet.open({ server: { file: server, flags: ['--enable-v2'] } })
  t.teardown(() => f.close())
  await demonstrate(t, f, 'etcd')
})
