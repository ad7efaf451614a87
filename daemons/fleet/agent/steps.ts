import type { Job } from '#lib/fleet/registry/job.ts'
import { hasInstall, serializeUnit } from '#lib/fleet/unit/file.ts'
import type { Desired, DesiredUnits } from './desired.ts'

/** What the agent has done with a unit. */
export interface Held {
  name: string
  /** Of the text that systemd was given. */
  hash: string
  state: 'loaded' | 'launched'
  hasInstall: boolean
  isGlobal: boolean
  /** The restart demand that was fulfilled last, or that its start came after; `''` for none. */
  restart: string
}

/** One thing to do. They are done in the order of this table (spec fleet f). */
export type Step =
  | { type: 'unload'; name: string }
  | { type: 'load'; name: string; text: string; held: Held }
  | { type: 'reload' }
  | { type: 'stop'; name: string }
  | { type: 'start'; name: string; restart: string }
  | { type: 'restart'; name: string; restart: string }

/**
 * What leads from what a machine holds to what it should: a pure function. Nothing is in the result for units that
 * are as they should be, so that a unit which systemd sees fail is not touched.
 */
export function stepsTo(desired: DesiredUnits, held: ReadonlyMap<string, Held>, machineId: string): Step[] {
  const unloads: Step[] = []
  const loads: Step[] = []
  const runs: Step[] = []
  for (const name of [...held.keys()].sort()) {
    if (!desired.units.has(name) && !desired.kept.has(name)) unloads.push({ type: 'unload', name })
  }
  for (const name of [...desired.units.keys()].sort()) {
    const wanted = desired.units.get(name)!
    const present = held.get(name)
    if (present === undefined) loads.push(loadStep(wanted.job, 'loaded', ''))
    else if (present.hash !== wanted.job.hash) {
      // An [Install] section has made links elsewhere, which go only by the name they were made for.
      if (present.hasInstall) unloads.push({ type: 'unload', name })
      const state = present.hasInstall ? 'loaded' : present.state
      loads.push(loadStep(wanted.job, state, present.restart))
      if (state === 'launched' && wanted.state === 'launched') {
        runs.push({ type: 'restart', name, restart: demandOf(wanted.job, machineId, present.restart) })
        continue
      }
      if (present.hasInstall) {
        runs.push(...runSteps(wanted, undefined, machineId))
        continue
      }
    }
    runs.push(...runSteps(wanted, present, machineId))
  }
  const reload: Step[] = unloads.length + loads.length > 0 ? [{ type: 'reload' }] : []
  const stops = runs.filter(step => step.type === 'stop')
  return [...unloads, ...loads, ...reload, ...stops, ...runs.filter(step => step.type !== 'stop')]
}

function runSteps({ job, state }: Desired, present: Held | undefined, machineId: string): Step[] {
  const { name } = job
  const handled = present?.restart ?? ''
  const demand = demandOf(job, machineId, handled)
  if (state === 'loaded') return present?.state === 'launched' ? [{ type: 'stop', name }] : []
  if (present?.state !== 'launched') return [{ type: 'start', name, restart: demand }]
  return demand === handled ? [] : [{ type: 'restart', name, restart: demand }]
}

/** The demand that stands for this machine, or the one that it has fulfilled. */
function demandOf({ restart }: Job, machineId: string, handled: string): string {
  if (restart === undefined) return handled
  return restart.machines === undefined || restart.machines.includes(machineId) ? restart.id : handled
}

function loadStep(job: Job, state: Held['state'], restart: string): Step {
  const { name, hash, options, requirements } = job
  const held = {
    name,
    hash,
    state,
    hasInstall: hasInstall(options),
    isGlobal: requirements.isGlobal,
    restart,
  }
  return { type: 'load', name, text: serializeUnit(options), held }
}
