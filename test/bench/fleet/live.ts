import { setTimeout as pause } from 'node:timers/promises'
import { EtcdClient } from '#lib/etcd/client.ts'
import { encodeJob, encodeMachine, encodeUnit } from '#lib/fleet/registry/codec.ts'
import { Keys } from '#lib/fleet/registry/keys.ts'
import { hashUnit, parseUnit } from '#lib/fleet/unit/file.ts'
import { keepHeapSmall } from '#lib/host/heap.ts'
import { systemClock } from '../../../daemons/fleet/host/clock.ts'
import { SILENT } from '../../../daemons/fleet/log.ts'
import { FleetNode } from '../../../daemons/fleet/node.ts'
import { FakeSystemd } from '../../fleet/lib/systemd.ts'
import { machineOf, nameOf, UNIT_TEXT } from './synthetic.ts'

/** What one daemon that leads takes over a real etcd in a process of its own. */
export interface LiveResult {
  /** From the daemon's start until every unit has a machine in etcd. */
  placeThroughEtcdSeconds: number
  /** From the end of a machine's sign of life until all its units have another machine in etcd. */
  reactThroughEtcdSeconds: number
  /** Of the daemon's process, with all units and machines in its registry. */
  rssMiB: number
}

const TTL_MS = 3_000
const WRITERS = 64
const POLL_MS = 10
const WAIT_MS_MAX = 300_000
/** What was read once is let go of before memory is looked at. */
const REST_MS = 3_000

/**
 * Runs one daemon over an etcd that has units without machines, and machines that are entries which do not end.
 *
 * @param endpoint of an etcd with nothing in it
 */
export async function measureLive(endpoint: string, machines: number, units: number): Promise<LiveResult> {
  keepHeapSmall()
  const client = new EtcdClient({ endpoints: [endpoint] })
  const keys = new Keys('/_coreos.com/fleet/')
  await fill(client, keys, machines, units)
  const own = machineOf(0)
  const systemd = new FakeSystemd()
  const node = new FleetNode({
    store: client.keys,
    keys,
    systemd,
    files: systemd,
    clock: systemClock,
    log: SILENT,
    machineId: own.id,
    describe: async () => own,
    agentTtlMs: TTL_MS,
    engineIntervalMs: 2_000,
    disableEngine: false,
    rebalanceMax: 0,
  })
  // Looked at in the copy that the daemon keeps, so that looking asks nothing of anybody.
  const hasAll = (without: string): boolean => {
    const { tree } = node.jobs.mirror
    for (let n = 0; n < units; n++) {
      const target = tree.group(nameOf(n)).get('target')
      if (target === undefined || target === without) return false
    }
    return true
  }
  const placeThroughEtcdSeconds = await timeUntil(
    async () => node.start(),
    () => hasAll(''),
  )
  // A leadership waits in its beginning for machines that may come back; what comes after it is measured.
  await pause(TTL_MS)
  const lost = machineOf(machines - 1)
  const reactThroughEtcdSeconds = await timeUntil(
    async () => void (await client.keys.delete(keys.machineObject(lost.id))),
    () => hasAll(lost.id),
  )
  await pause(REST_MS)
  const rssMiB = Math.round(process.memoryUsage.rss() / 2 ** 20)
  await node.kill()
  client.close()
  return { placeThroughEtcdSeconds, reactThroughEtcdSeconds, rssMiB }
}

async function fill(client: EtcdClient, keys: Keys, machines: number, units: number): Promise<void> {
  const options = parseUnit(UNIT_TEXT)
  const hash = hashUnit(options)
  await client.keys.set(keys.unit(hash), encodeUnit(options))
  const writes: [key: string, value: string][] = []
  for (let n = 1; n < machines; n++)
    writes.push([keys.machineObject(machineOf(n).id), encodeMachine(machineOf(n), false)])
  for (let n = 0; n < units; n++) {
    const name = nameOf(n)
    writes.push([keys.jobKey(name, 'object'), encodeJob(name, hash)])
    writes.push([keys.jobKey(name, 'target-state'), 'launched'])
  }
  let next = 0
  const writer = async (): Promise<void> => {
    while (next < writes.length) {
      const [key, value] = writes[next++]!
      await client.keys.set(key, value)
    }
  }
  await Promise.all(Array.from({ length: WRITERS }, writer))
}

async function timeUntil(begin: () => Promise<void>, holds: () => boolean): Promise<number> {
  const began = performance.now()
  await begin()
  while (!holds()) {
    if (performance.now() - began > WAIT_MS_MAX)
      throw new Error(`not so after ${WAIT_MS_MAX / 1000} s: ${holds}`)
    await pause(POLL_MS)
  }
  return (performance.now() - began) / 1000
}
