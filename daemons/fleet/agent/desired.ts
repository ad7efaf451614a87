import type { Machine } from '#lib/fleet/model.ts'
import { addGlobals, Station } from '#lib/fleet/placing/able.ts'
import type { Job } from '#lib/fleet/registry/job.ts'

/** What a machine has to do with a unit. */
export interface Desired {
  job: Job
  state: 'loaded' | 'launched'
}

/** What a machine should run, and what it shall leave as it is because nobody can tell. */
export interface DesiredUnits {
  units: ReadonlyMap<string, Desired>
  /** Units that cannot be read: neither started nor stopped. */
  kept: ReadonlySet<string>
}

/** The registry as far as an agent needs it. */
export interface AgentView {
  jobs: Iterable<Job>
  broken: Iterable<{ name: string }>
  machine: Machine
}

/** What a machine should run: units placed on it, and global ones by the rule that the engine uses as well. */
export function desiredUnits({ jobs, broken, machine }: AgentView): DesiredUnits {
  const units = new Map<string, Desired>()
  const station = new Station(machine)
  const globals: Job[] = []
  for (const job of jobs) {
    if (job.desired === 'inactive') continue
    if (job.requirements.isGlobal) globals.push(job)
    else if (job.target === machine.id) {
      station.add(job)
      units.set(job.name, { job, state: job.desired })
    }
  }
  addGlobals(
    station,
    globals.sort((a, b) => (a.name < b.name ? -1 : 1)),
  )
  for (const job of globals) {
    if (station.has(job.name) && job.desired !== 'inactive') units.set(job.name, { job, state: job.desired })
  }
  return { units, kept: new Set([...broken].map(({ name }) => name)) }
}
