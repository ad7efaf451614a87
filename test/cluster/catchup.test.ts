// A member that was away for longer than the others keep their log gets a snapshot. It is killed while that arrives,
// then the connection is cut; in the end it has everything.

import t from 'tap'
import { Cluster } from './lib/cluster.ts'
import { caughtUp, readBack } from './lib/keep.ts'
import { findServer } from './lib/programs.ts'
import { until } from './lib/until.ts'
import { Writers } from './lib/writers.ts'

/** The members keep 5000 entries behind a snapshot. */
const WRITES = 6_500
const SNAPSHOT_COUNT = 500
const WRITERS = 48
const PADDING = 'x'.repeat(2_000)
/** So much of the snapshot has arrived when something happens. */
const ARRIVED_BYTES = 3_000_000
const ARRIVED_TIMEOUT_MS = 30_000

t.setTimeout(180_000)

const program = await findServer(process.env)

t.test('a member that was away for long', async t => {
  const flags = ['--snapshot-count', String(SNAPSHOT_COUNT)]
  const cluster = await Cluster.start({ size: 3, program, flags })
  t.teardown(() => cluster.close())
  const { leader, followers } = await cluster.roles()
  const away = followers[0]!
  await away.kill()
  const present = cluster.members.filter(member => member !== away)
  const writers = new Writers(
    present.map(({ clientUrl }) => clientUrl),
    WRITERS,
    PADDING,
  )
  t.teardown(() => writers.stop())
  while (writers.promised.size < WRITES) await writers.acknowledged(WRITES / 10)
  await writers.stop()

  const [from, to] = [cluster.members.indexOf(leader), cluster.members.indexOf(away)]
  const arrives = async () => {
    const { bytes } = cluster.links.way(from, to)
    await until('much of a snapshot', ARRIVED_TIMEOUT_MS, () => {
      return cluster.links.way(from, to).bytes - bytes > ARRIVED_BYTES
    })
  }
  const first = arrives()
  await away.start()
  await first
  t.equal((await away.kill()).signal, 'SIGKILL', 'it is killed meanwhile')

  const second = arrives()
  await away.start()
  await second
  cluster.links.block(from, to)
  cluster.links.block(to, from)
  cluster.links.heal({ reset: true })

  await away.ready()
  await caughtUp(away, cluster.members)
  t.same(await readBack(away, writers, false), [], 'it has everything that was acknowledged')
  // The cut may have come when all of it had arrived, and only the answer was lost: who sent it does not know then.
  if (program.isOurs)
    t.ok(
      present.some(({ log }) => /handed a snapshot of|could not hand a snapshot to/.test(log)),
      'by a snapshot: the entries are gone',
    )
  await away.kill()
  await away.start()
  await away.ready()
  await caughtUp(away, cluster.members)
  t.same(await readBack(away, writers, false), [], 'and keeps it')
  t.same(cluster.accidents, [], 'no member ended by itself')
})
