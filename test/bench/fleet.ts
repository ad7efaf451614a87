import { execFile } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { replaceFile } from '#lib/durable.ts'
import { describeFailure, UserError } from '#lib/errors.ts'
import { startServer } from '../compat/lib/server.ts'
import { timeDecisions } from './fleet/decisions.ts'
import { countIdle, originalHeartbeats } from './fleet/idle.ts'
import { measureLive } from './fleet/live.ts'
import { measureMachines } from './fleet/machines.ts'
import { type FleetCase, type FleetResults, formatFleet, missedFleetGoals } from './fleet/report.ts'
import { UNITS } from './fleet/synthetic.ts'
import { describeHost } from './host.ts'
import { replaceTable } from './report.ts'

const HELP = `Measures how fleet grows: 3, 100 and 1,000 machines with 10,000 units. Takes about 8 minutes.

usage: npm run bench:fleet [-- --no-machines] [-- --json]

  --no-machines   without the part that boots virtual machines
  --json          prints the results as JSON

Of each size: the engine's own time to place all units and to react to the loss of a machine, the same through a real
etcd, the requests of a machine while nothing changes, and the memory of the daemon that leads. Then the machines of
\`npm start\` are booted, and a hundred units are started on them.
Writes bench-results/fleet.json and the table in docs/numbers.md. Run it on an idle machine.
`
const SIZES = [3, 100, 1000]
const TABLE = 'fleet'
const OUTPUT_BYTES_MAX = 1 << 20
const ETCD = resolve(import.meta.dirname, '../../daemons/etcd/main.ts')

const root = resolve(import.meta.dirname, '../..')
const resultsFile = join(root, 'bench-results/fleet.json')
const page = join(root, 'docs/numbers.md')

/** What a size is measured by, each in a process of its own, so that none warms or fills the memory of another. */
const PARTS = {
  decisions: async (machines: number) => timeDecisions(machines, UNITS),
  idle: async (machines: number) => ({ idleOpsPerMachinePerMinute: await countIdle(machines, UNITS) }),
  live: async (machines: number, endpoint: string) => await measureLive(endpoint, machines, UNITS),
}
type Part = keyof typeof PARTS

async function main(words: string[]): Promise<number> {
  const options = {
    json: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
    'no-machines': { type: 'boolean' },
    part: { type: 'string' },
  } as const
  const { values, positionals } = parseArgs({ args: words, options, allowPositionals: true })
  if (values.help) return print(HELP.trimEnd())
  if (values.part !== undefined) {
    const [machines = '', endpoint = ''] = positionals
    return print(JSON.stringify(await PARTS[values.part as Part](Number(machines), endpoint)))
  }
  if (positionals.length > 0) throw new UserError(`${positionals[0]}: not understood`, 'see --help')
  const machine = await describeHost('tcg')
  const cases: FleetCase[] = []
  for (const machines of SIZES) cases.push(await measureSize(machines))
  const cluster = values['no-machines'] ? undefined : await measureMachines()
  const results: FleetResults = { cases, machine, ...(cluster === undefined ? {} : { cluster }) }
  await mkdir(join(root, 'bench-results'), { recursive: true })
  await replaceFile(resultsFile, `${JSON.stringify(results, undefined, 2)}\n`)
  await replaceFile(page, replaceTable(await readFile(page, 'utf8'), formatFleet(results), TABLE))
  print(values.json ? JSON.stringify(results) : formatFleet(results))
  const missed = missedFleetGoals(results)
  for (const sentence of missed) process.stderr.write(`missed: ${sentence}\n`)
  return missed.length > 0 ? 1 : 0
}

async function measureSize(machines: number): Promise<FleetCase> {
  process.stderr.write(`${machines} machines, ${UNITS} units\n`)
  const decisions = await runPart('decisions', machines)
  const idle = await runPart('idle', machines)
  const etcd = await startServer(process.execPath, ['--disable-warning=ExperimentalWarning', ETCD])
  const live = await runPart('live', machines, etcd.client).finally(() => etcd.stop())
  const heartbeats = originalHeartbeats(machines, UNITS)
  const all = {
    machines,
    units: UNITS,
    ...decisions,
    ...live,
    ...idle,
    heartbeatsPerMachinePerMinute: heartbeats,
  }
  return rounded(all as unknown as FleetCase)
}

async function runPart(part: Part, ...words: (string | number)[]): Promise<Record<string, number>> {
  const args = [...process.execArgv, import.meta.filename, '--part', part, ...words.map(String)]
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: OUTPUT_BYTES_MAX })
  return JSON.parse(stdout) as Record<string, number>
}

function rounded(item: FleetCase): FleetCase {
  const entries = Object.entries(item).map(([name, value]) => [name, Math.round(value * 10_000) / 10_000])
  return Object.fromEntries(entries) as FleetCase
}

function print(text: string): number {
  process.stdout.write(`${text}\n`)
  return 0
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const line = describeFailure(error)
  if (line === undefined) throw error
  process.stderr.write(`bench:fleet: ${line}\n`)
  process.exitCode = 1
}
