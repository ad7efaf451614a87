// `npm run bench:fleet`: how fleet grows. Decisions are timed as they are, pure; what goes to etcd is counted on two real
// daemons, the leader and another one, over the real store in simulated time, beside machines that are only entries.

import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Machine } from '#lib/fleet/model.ts'
import type { ScheduleUnit } from '#lib/fleet/placing/able.ts'
import { encodeJob, encodeMachine, encodeUnit } from '#lib/fleet/registry/codec.ts'
import { hashUnit, parseUnit } from '#lib/fleet/unit/file.ts'
import { readRequirements } from '#lib/fleet/unit/requirements.ts'
import { schedule } from '../../daemons/fleet/engine/schedule.ts'
import { TestFleet } from '../fleet/lib/fleet.ts'
import { replaceTable } from './report.ts'

/** What was measured of one size; an entry of `cases` in bench-results/fleet.json. */
interface Case {
  machines: number
  units: number
  /** Engine time to place all units. */
  scheduleSeconds: number
  /** Engine time to place the units of one machine that was lost. */
  reactSeconds: number
  /** Requests to etcd of a machine that does not lead, while nothing changes, with its share of the units. */
  idleOpsPerMachinePerMinute: number
  /** The same of the original's heartbeats alone: machine, and three keys for each unit. */
  heartbeatsPerMachinePerMinute: number
  /** Of the process with both daemons and the store. */
  rssMiB: number
}

const ROOT = resolve(import.meta.dirname, '../..')
const UNITS = 10_000
const SIZES = [3, 100, 1000]
const UNIT_TEXT = '[Service]\nExecStart=/bin/sleep 1\n'
const SETTLE_MS = 120_000
const IDLE_MINUTES = 5
const MINUTE_MS = 60_000
const TTL_MS = 30_000
const TABLE = 'fleet'

const [size] = process.argv.slice(2)
if (size === undefined) await measureAll()
else console.log(JSON.stringify(await measure(Number(size), UNITS)))

/** Each size in a process of its own, so that memory is counted for it alone. */
async function measureAll(): Promise<void> {
  const cases: Case[] = []
  for (const machines of SIZES) {
    console.error(`${machines} machines, ${UNITS} units`)
    const words = [...process.execArgv, import.meta.filename, String(machines)]
    const { stdout } = await promisify(execFile)(process.execPath, words, { maxBuffer: 1 << 20 })
    cases.push(JSON.parse(stdout) as Case)
  }
  const folder = join(ROOT, 'bench-results')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'fleet.json'), `${JSON.stringify({ cases }, undefined, 2)}\n`)
  const table = tableOf(cases)
  console.log(table)
  const numbers = join(ROOT, 'docs/numbers.md')
  await writeFile(numbers, replaceTable(await readFile(numbers, 'utf8'), table, TABLE))
}

function tableOf(cases: readonly Case[]): string {
  const rows = cases.map(
    item =>
      `| ${item.machines} | ${item.units} | ${item.scheduleSeconds} | ${item.reactSeconds} | ${item.idleOpsPerMachinePerMinute} | ${item.heartbeatsPerMachinePerMinute} | ${item.rssMiB} |`,
  )
  return [
    '| machines | units | place all, s | after the loss of one, s | idle etcd requests a machine and minute | heartbeats of the original | MiB |',
    '|---:|---:|---:|---:|---:|---:|---:|',
    ...rows,
  ].join('\n')
}

async function measure(machines: number, units: number): Promise<Case> {
  const { scheduleSeconds, reactSeconds } = timeDecisions(machines, units)
  const idle = await countIdle(machines, units)
  return {
    machines,
    units,
    scheduleSeconds,
    reactSeconds,
    idleOpsPerMachinePerMinute: round(idle),
    heartbeatsPerMachinePerMinute: round(heartbeats(units / machines)),
    rssMiB: Math.round(process.memoryUsage.rss() / 1024 / 1024),
  }
}

function timeDecisions(machines: number, units: number): { scheduleSeconds: number; reactSeconds: number } {
  const present = Array.from({ length: machines }, (_, n) => machineOf(n))
  const options = parseUnit(UNIT_TEXT)
  const all = Array.from({ length: units }, (_, n): ScheduleUnit => {
    const name = nameOf(n)
    return { name, requirements: readRequirements(name, options), desired: 'launched', target: undefined }
  })
  const cluster = { awaited: new Set<string>(), rebalanceMax: 0 }
  const began = performance.now()
  const { decisions } = schedule({ ...cluster, units: all, machines: present })
  const scheduleSeconds = (performance.now() - began) / 1000
  const targets = new Map(decisions.map(({ unit, machine }) => [unit, machine]))
  const placed = all.map(unit => ({ ...unit, target: targets.get(unit.name) }))
  const lost = performance.now()
  const after = schedule({ ...cluster, units: placed, machines: present.slice(1) })
  const reactSeconds = (performance.now() - lost) / 1000
  const moved = after.decisions.filter(({ type }) => type === 'schedule').length
  if (targets.size !== units || moved < Math.floor(units / machines))
    throw new Error('not all units were placed')
  return { scheduleSeconds: round(scheduleSeconds), reactSeconds: round(reactSeconds) }
}

/** Two daemons live, the other machines are entries that do not end; all units are placed already. */
async function countIdle(machines: number, units: number): Promise<number> {
  const fleet = new TestFleet()
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
  const share = Array.from({ length: units }, (_, n) => n).filter(n => n % machines === 1).length
  if (!(await clock.until(() => follower.systemd.running.length === share, SETTLE_MS * 10, 1_000)))
    throw new Error(`the units do not run: ${follower.systemd.running.length} of ${share}`)
  await clock.advance(SETTLE_MS)
  const before = etcd.requests.get(follower.id) ?? 0
  await clock.advance(IDLE_MINUTES * MINUTE_MS)
  const count = (etcd.requests.get(follower.id) ?? 0) - before
  if (follower.node?.engine?.isLeader) throw new Error('it leads')
  await fleet.close()
  return count / IDLE_MINUTES
}

/** A machine's key at half its life, and job-state, state and states of each unit at 0.8 of theirs. */
function heartbeats(units: number): number {
  return MINUTE_MS / (TTL_MS / 2) + (3 * units * MINUTE_MS) / (TTL_MS * 0.8)
}

function machineOf(n: number): Machine {
  const id = String(n).padStart(32, '0')
  return {
    id,
    ip: `10.${n >> 8}.${n & 255}.1`,
    metadata: {},
    version: 'v1',
    capacity: { memoryBytes: 0, cpuMillis: 0 },
    boot: '',
    api: '',
  }
}

function nameOf(n: number): string {
  return `unit@${String(n).padStart(5, '0')}.service`
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
