import type { HostFacts } from '../host.ts'

/** What was measured of one size; an entry of `cases` in bench-results/fleet.json. */
export interface FleetCase {
  machines: number
  units: number
  /** Engine time to place all units. */
  scheduleSeconds: number
  /** Engine time to place the units of one machine that was lost. */
  reactSeconds: number
  /** The same two through a real etcd: until every unit has its machine written there. */
  placeThroughEtcdSeconds: number
  reactThroughEtcdSeconds: number
  /** Requests to etcd of a machine that does not lead, while nothing changes, with its share of the units. */
  idleOpsPerMachinePerMinute: number
  /** The same of the original's heartbeats alone: machine, and three keys for each unit. */
  heartbeatsPerMachinePerMinute: number
  /** Of the process of the daemon that leads. */
  rssMiB: number
}

/** Three virtual machines with real systemd, from `fleetctl start` of all units. */
export interface FleetCluster {
  machines: number
  units: number
  submittedSeconds: number
  launchedSeconds: number
  activeSeconds: number
}

/** The text of bench-results/fleet.json. */
export interface FleetResults {
  cases: FleetCase[]
  /** Absent: not measured this time. */
  cluster?: FleetCluster
  machine: HostFacts
}

/** What a large fleet has to keep to. */
export const GOALS = { machines: 1_000, units: 10_000, scheduleSeconds: 10 }

const HEAD = [
  '| machines | units | place all: engine, through etcd | after the loss of one | idle etcd requests a machine and minute | heartbeats of the original | daemon, MiB |',
  '|---:|---:|---:|---:|---:|---:|---:|',
]

/** The table for docs/numbers.md. */
export function formatFleet({ cases, cluster, machine }: FleetResults): string {
  const lines = [
    `Measured on ${machine.cores} cores of ${machine.cpu}, ${machine.memoryMiB} MiB of memory, Linux ${machine.kernel}, ` +
      `guests under ${machine.accelerator.toUpperCase()}, Node ${machine.node}; load before the measurement ${machine.loadBefore}.`,
    '',
    ...HEAD,
    ...cases.map(rowOf),
  ]
  if (cluster !== undefined) {
    const { machines, units, submittedSeconds, launchedSeconds, activeSeconds } = cluster
    lines.push(
      '',
      `${units} units on ${machines} virtual machines, from \`fleetctl start\`: submitted after ${tenths(submittedSeconds)} s, ` +
        `launched after ${tenths(launchedSeconds)} s, all of them running after ${tenths(activeSeconds)} s.`,
    )
  }
  return lines.join('\n')
}

/** Goals that were not reached, one sentence each. */
export function missedFleetGoals({ cases }: FleetResults): string[] {
  const missed: string[] = []
  for (const item of cases) {
    const { machines, units, scheduleSeconds, idleOpsPerMachinePerMinute, heartbeatsPerMachinePerMinute } =
      item
    const size = `${machines} machines with ${units} units`
    if (scheduleSeconds >= GOALS.scheduleSeconds)
      missed.push(`${size}: placed in ${scheduleSeconds} s, not in less than ${GOALS.scheduleSeconds}`)
    if (idleOpsPerMachinePerMinute > heartbeatsPerMachinePerMinute)
      missed.push(
        `${size}: ${idleOpsPerMachinePerMinute} requests a minute, more than ${heartbeatsPerMachinePerMinute}`,
      )
  }
  if (!cases.some(({ machines, units }) => machines >= GOALS.machines && units >= GOALS.units))
    missed.push(`no case of ${GOALS.machines} machines with ${GOALS.units} units`)
  return missed
}

function rowOf(item: FleetCase): string {
  const cells = [
    String(item.machines),
    String(item.units),
    `${milliseconds(item.scheduleSeconds)}, ${tenths(item.placeThroughEtcdSeconds)} s`,
    `${milliseconds(item.reactSeconds)}, ${tenths(item.reactThroughEtcdSeconds)} s`,
    verdict(item.idleOpsPerMachinePerMinute, item.heartbeatsPerMachinePerMinute),
    number(item.heartbeatsPerMachinePerMinute),
    String(item.rssMiB),
  ]
  return `| ${cells.join(' | ')} |`
}

function verdict(ours: number, theirs: number): string {
  return ours <= theirs ? `${number(ours)} reached` : `${number(ours)} **missed**`
}

function number(value: number): string {
  return (Math.round(value * 10) / 10).toString()
}

function milliseconds(seconds: number): string {
  return `${Math.round(seconds * 1000)} ms`
}

function tenths(seconds: number): string {
  return seconds.toFixed(1)
}
