// All members are restarted one after the other while clients write, as for an upgrade. A leader that is asked to end
// hands over first: nobody has to wait for an election.

import t from 'tap'
import { Cluster } from './lib/cluster.ts'
import { caughtUp, readBack } from './lib/keep.ts'
import { findServer } from './lib/programs.ts'
import { Writers } from './lib/writers.ts'

const WRITERS = 16
const WRITES_BETWEEN = 100
const END_TIMEOUT_MS = 20_000
/** Less than it takes to notice that a leader has died: an election begins 1 to 2 s after the last heartbeat. */
const HANDOVER_MS_MAX = 900

t.setTimeout(120_000)

const program = await findServer(process.env)

t.test('every member is restarted, the leader each time', async t => {
  const cluster = await Cluster.start({ size: 3, program })
  t.teardown(() => cluster.close())
  const writers = new Writers(cluster.clientUrls, WRITERS)
  t.teardown(() => writers.stop())
  for (const _ of cluster.members) {
    const leader = await cluster.leader()
    await writers.acknowledged(WRITES_BETWEEN)
    writers.longestGapMs = 0
    const exit = await leader.terminate(END_TIMEOUT_MS)
    t.same(exit, { code: null, signal: 'SIGTERM' }, `${leader.name} ends by the signal`)
    await writers.acknowledged(WRITES_BETWEEN)
    t.comment(`no write for ${writers.longestGapMs.toFixed(0)} ms at most`)
    t.ok(writers.longestGapMs < HANDOVER_MS_MAX, 'nobody waited for an election')
    t.not(await cluster.leader(), leader, 'another one leads')
    await leader.start()
    await leader.ready()
  }
  await writers.stop()
  for (const member of cluster.members) {
    await caughtUp(member, cluster.members)
    t.same(await readBack(member, writers, false), [], `${member.name} has everything that was acknowledged`)
  }
  t.same(cluster.accidents, [], 'no member ended by itself')
})
