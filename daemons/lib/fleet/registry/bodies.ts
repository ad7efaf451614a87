import type { Machine, TargetState, UnitState } from '../model.ts'
import { problemsByMachine } from '../placing/why.ts'
import type { MachineBody, UnitBody, UnitStateBody, WhyBody } from '../shapes.ts'
import { type BrokenJob, isBroken, type Job } from './job.ts'

/*
 * What is in the registry, in the shapes in which clients are told of it: by the API, and by fleetctl where it reads the
 * registry itself.
 */

/** The state that a unit is in, which nobody stores: everyone computes it so (spec fleet d). */
export function currentState(job: Job, hasState: (machineId: string) => boolean): TargetState {
  if (job.target === undefined || !hasState(job.target)) return 'inactive'
  return job.heartbeat === job.target ? 'launched' : 'loaded'
}

/**
 * A unit.
 *
 * @param hasState whether a machine has published a state of it
 * @param isListed in a listing, a global unit has the current state inactive, and alone it has none
 */
export function unitBody(
  job: Job | BrokenJob,
  hasState: (machineId: string) => boolean,
  isListed: boolean,
): UnitBody {
  if (isBroken(job)) {
    const { name, reason, target } = job
    return { name, desiredState: 'inactive', currentState: 'inactive', reason, ...machineField(target) }
  }
  const { name, options, desired, requirements, target, problem } = job
  const { isGlobal } = requirements
  return {
    name,
    options: [...options],
    desiredState: desired,
    ...(isGlobal && !isListed ? {} : { currentState: isGlobal ? 'inactive' : currentState(job, hasState) }),
    ...machineField(isGlobal ? undefined : target),
    ...(problem === '' ? {} : { reason: problem }),
  }
}

/** A unit on a machine. */
export function stateBody(state: UnitState): UnitStateBody {
  return {
    name: state.name,
    hash: state.hash,
    machineID: state.machineId,
    systemdLoadState: state.load,
    systemdActiveState: state.active,
    systemdSubState: state.sub,
    ...(state.restart === '' ? {} : { restart: state.restart }),
    ...(state.agentState === '' ? {} : { agentState: state.agentState }),
  }
}

/** A machine. */
export function machineBody({ id, ip, metadata, capacity }: Machine): MachineBody {
  const { cpuMillis, memoryBytes } = capacity
  return {
    id,
    primaryIP: ip,
    ...(Object.keys(metadata).length === 0 ? {} : { metadata: { ...metadata } }),
    ...(cpuMillis === 0 && memoryBytes === 0 ? {} : { capacity }),
  }
}

/** Whether a machine's daemon heeds demands to restart; the original's does not, nor does it tell of its boot. */
export function canRestart({ boot }: Machine): boolean {
  return boot !== ''
}

/** Why a unit has its machine or none, by the rules of the engine. */
export function whyBody(job: Job | BrokenJob, others: readonly Job[], machines: readonly Machine[]): WhyBody {
  const { name } = job
  if (isBroken(job))
    return { name, desiredState: 'inactive', reason: `it cannot be read: ${job.reason}`, machines: [] }
  const problems = problemsByMachine(job, others, machines)
  const reason = reasonOf(job, machines, problems.filter(({ problem }) => problem === '').length)
  return { name, desiredState: job.desired, ...machineField(job.target), reason, machines: problems }
}

function machineField(machineId: string | undefined): { machineID?: string } {
  return machineId === undefined ? {} : { machineID: machineId }
}

function reasonOf(job: Job, machines: readonly Machine[], free: number): string {
  if (job.desired === 'inactive') return 'it is neither loaded nor started'
  if (job.requirements.isGlobal) return `it is global: ${free} of ${machines.length} machines can run it`
  if (job.target !== undefined) {
    const isThere = machines.some(({ id }) => id === job.target)
    return isThere
      ? `it is on machine ${job.target}`
      : `its machine ${job.target} has gone, and is waited for`
  }
  if (job.problem !== '') return job.problem
  return free > 0 ? 'the engine is about to place it' : 'no machine can run it'
}
