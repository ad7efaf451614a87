// No room for the log: reads go on, writes are refused with a clear error, and go on when there is room. Nothing that
// was acknowledged is lost. The room is taken away by a limit for the length of files; the simulator fills whole disks.

import t, { type Test } from 'tap'
import { ask, isAcknowledged, type JsonAnswer, type Told } from './lib/ask.ts'
import { Cluster } from './lib/cluster.ts'
import { caughtUp, readBack } from './lib/keep.ts'
import type { Member } from './lib/member.ts'
import { findServer } from './lib/programs.ts'
import { limitFiles } from './lib/room.ts'
import { until } from './lib/until.ts'
import type { Promised } from './lib/writers.ts'

/** More than the first segment of the log has, less than the second. */
const FILE_BYTES_MAX = 6 * 1024 * 1024
const VALUE = 'x'.repeat(64 * 1024)
/** As many as fill all the log that such files can hold, several times. */
const WRITES_MAX = 400
const TIMEOUT_MS = 10_000
const FOLDER = '/full'

t.setTimeout(180_000)

const program = await findServer(process.env)
const skip = program.isOurs ? false : 'the original ends when its disk is full'

/** Writes new keys and remembers what became of them. */
class Filler {
  readonly promised = new Map<string, Promised>()
  readonly unknown = new Set<string>()
  readonly folders = new Set([FOLDER])
  #count = 0

  async write(member: Member): Promise<Told> {
    const key = `${FOLDER}/${this.#count}`
    const value = `${this.#count++} ${VALUE}`
    const told = await ask(member.clientUrl, {
      method: 'PUT',
      path: `/v2/keys${key}`,
      form: { value },
      timeoutMs: TIMEOUT_MS,
    })
    const { node, cause } = JSON.parse(told.text) as JsonAnswer
    if (isAcknowledged(told)) this.promised.set(key, { value, index: node?.modifiedIndex ?? 0 })
    // One that is refused for want of room has not happened; any other may have.
    else if (cause !== 'etcdserver: no space') this.unknown.add(key)
    return told
  }

  /** Until one is refused. */
  async fill(member: Member): Promise<Told> {
    for (let count = 0; count < WRITES_MAX; count++) {
      const told = await this.write(member)
      if (!isAcknowledged(told)) return told
    }
    throw new Error(`${WRITES_MAX} writes were taken`)
  }
}

async function start(t: Test, size: number): Promise<Cluster> {
  const cluster = await Cluster.start({ size, program })
  t.teardown(() => cluster.close())
  return cluster
}

async function checkKept(t: Test, cluster: Cluster, filler: Filler): Promise<void> {
  for (const member of cluster.members) {
    await caughtUp(member, cluster.members)
    t.same(await readBack(member, filler, false), [], `${member.name} has what was acknowledged, and no more`)
  }
  t.same(cluster.accidents, [], 'no member ended by itself')
}

t.test('no member has room', { skip }, async t => {
  const cluster = await start(t, 3)
  const filler = new Filler()
  const { leader, followers } = await cluster.roles()
  for (const member of cluster.members) await limitFiles(member, FILE_BYTES_MAX)

  const refusal = await filler.fill(leader)
  t.ok(filler.promised.size > 10, `${filler.promised.size} writes were taken before`)
  t.equal(refusal.status, 500)
  t.match(JSON.parse(refusal.text), { errorCode: 300, cause: 'etcdserver: no space' }, 'a clear error')
  await until('a line in the log', TIMEOUT_MS, () =>
    leader.log.includes('no space left: writes are refused, reads go on'),
  )
  for (const quorum of [false, true])
    for (const member of cluster.members) {
      const path = `/v2/keys${FOLDER}/0?quorum=${quorum}`
      const { status } = await ask(member.clientUrl, { path, timeoutMs: TIMEOUT_MS })
      t.equal(status, 200, `${member.name} answers reads, quorum ${quorum}`)
    }
  // Somebody else may lead now and have a little room left.
  for (const follower of followers) {
    const { status, text } = await filler.fill(follower)
    t.match(
      { status, ...JSON.parse(text) },
      { status: 500, errorCode: 300 },
      `${follower.name} refuses as well`,
    )
  }

  for (const member of cluster.members) await limitFiles(member, 'unlimited')
  for (const member of cluster.members)
    await until(`${member.name} to take writes again`, TIMEOUT_MS, async () =>
      isAcknowledged(await filler.write(member)),
    )
  await checkKept(t, cluster, filler)
})

t.test('the leader has no room', { skip }, async t => {
  const cluster = await start(t, 3)
  const filler = new Filler()
  const { leader, followers } = await cluster.roles()
  await limitFiles(leader, FILE_BYTES_MAX)
  const refusal = await filler.fill(leader)
  t.match(JSON.parse(refusal.text), { errorCode: 300, cause: 'etcdserver: no space' }, 'it refuses')
  const told = await filler.write(followers[0]!)
  t.ok(isAcknowledged(told), 'the others go on')
  t.not(await cluster.leader(), leader, 'under another leader')
  await limitFiles(leader, 'unlimited')
  await checkKept(t, cluster, filler)
})

t.test('one follower has no room', { skip }, async t => {
  const cluster = await start(t, 3)
  const filler = new Filler()
  const { leader, followers } = await cluster.roles()
  const follower = followers[0]!
  await limitFiles(follower, FILE_BYTES_MAX)
  // More than it has room for.
  while (!follower.log.includes('no space left')) {
    const told = await filler.write(leader)
    if (!isAcknowledged(told)) t.fail(`the others have room: ${told.status} ${told.text}`)
    if (filler.promised.size > WRITES_MAX) throw new Error('the follower has room')
  }
  for (let count = 0; count < 100; count++) await filler.write(leader)
  t.equal(filler.unknown.size, 0, 'the other two go on')
  const { status } = await ask(follower.clientUrl, { path: `/v2/keys${FOLDER}/0`, timeoutMs: TIMEOUT_MS })
  t.equal(status, 200, 'it answers reads')
  await limitFiles(follower, 'unlimited')
  await checkKept(t, cluster, filler)
})
