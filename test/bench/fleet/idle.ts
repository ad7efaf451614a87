import { encodeJob, encodeMachine, encodeUnit } from '#lib/fleet/registry/codec.ts'
import { hashUnit, parseUnit } from '#lib/fleet/unit/file.ts'
import { TestFleet } from '../../fleet/lib/fleet.ts'
import { machineOf, nameOf, TTL_MS, UNIT_TEXT } from './synthetic.ts'

/** The original renews a machine's key at half its life, and those of units at 0.8 of theirs (spec fleet d, f). */
const MACHINE_RENEWAL_MS = TTL_MS / 2
const UNIT_RENEWAL_MS = TTL_MS * 0.8
/** job-state, state and states. */
const KEYS_PER_UNIT = 3
const MINUTE_MS = 60_000
/** Whole periods of all renewals, so that none counts more than it should. */
const WINDOW_MS = 10 * Math.max(MACHINE_RENEWAL_MS, UNIT_RENEWAL_MS) * 3
const SETTLE_MS = 120_000
const START_MS = 20 * 60_000

/**
 * Counts what a machine that does not lead asks of the store while nothing changes: two real daemons live over the real
 * store in simulated time, the other machines are entries that do not end, and all units are placed already.
 *
 * @returns requests a minute
 */
export async function countIdle(machines: number, units: number): Promise<number> {
  const fleet = new TestFleet({ agentTtlMs: TTL_MS })
  const { etcd, keys, clock } = fleet
  const options = parseUnit(UNIT_TEXT)
  const hash = hashUnit(options)
  etcd.write(keys.unit(hash), encodeUnit(options))
  for (let n = 0; n < units; n++) {
    const name = nameOf(n)
    etcd.write(keys.jobKey(name, 'object'), encodeJob(name, hash))
    etcd.write(keys.jobKey(name, 'target-state'), 'launched')
    etcd.write(keys.jobKey(name, 'target'), machineOf(n % machines).id)
  }
  for (let n = 2; n < machines; n++)
    etcd.write(keys.machineObject(machineOf(n).id), encodeMachine(machineOf(n), false))
  fleet.add(machineOf(0).id)
  await clock.advance(1_000)
  const follower = fleet.add(machineOf(1).id)
  const share = shareOf(1, machines, units)
  if (!(await clock.until(() => follower.systemd.running.length === share, START_MS, 1_000)))
    throw new Error(`the units do not run: ${follower.systemd.running.length} of ${share}`)
  await clock.advance(SETTLE_MS)
  const before = etcd.requests.get(follower.id) ?? 0
  await clock.advance(WINDOW_MS)
  const count = (etcd.requests.get(follower.id) ?? 0) - before
  if (follower.node?.engine?.isLeader) throw new Error('it leads')
  await fleet.close()
  return count / (WINDOW_MS / MINUTE_MS)
}

/** What the heartbeats of the original alone would be, with as many units on the machine: requests a minute. */
export function originalHeartbeats(machines: number, units: number): number {
  const perUnit = (KEYS_PER_UNIT * MINUTE_MS) / UNIT_RENEWAL_MS
  return MINUTE_MS / MACHINE_RENEWAL_MS + perUnit * shareOf(1, machines, units)
}

/** How many of the units the n-th machine has when they are dealt out in turn. */
function shareOf(n: number, machines: number, units: number): number {
  return Math.floor(units / machines) + (n < units % machines ? 1 : 0)
}
