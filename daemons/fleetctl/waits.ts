import { machineLegend } from '#lib/fleet/model.ts'
import type { UnitBody, UnitStateBody } from '#lib/fleet/shapes.ts'
import type { ApiClient } from './client.ts'
import type { Io } from './io.ts'

/** One look at the cluster; an attempt is as many as fit into its time (spec fleet a.4). */
const POLL_MS = 250
const ATTEMPT_MS = 2_000
/** A unit that nobody can place is waited for no longer than this, unless the caller has said how long. */
const HOPELESS_ATTEMPTS = 30

/** How long to wait. */
export interface Patience {
  io: Io
  api: ApiClient
  /** 0 is as long as there is hope. */
  attempts: number
}

/** What a look found: it is as wanted, it may still become so, or it never will. */
export type Look =
  | { kind: 'done'; line: string }
  | { kind: 'wait'; reason: string }
  | { kind: 'failed'; reason: string }

/**
 * Looks again and again until something is so.
 *
 * @returns undefined when it is so; else why it is not
 */
export async function waitFor(patience: Patience, look: () => Promise<Look>): Promise<string | undefined> {
  const { io, attempts } = patience
  const start = io.now()
  let toldReason = ''
  for (;;) {
    const found = await look()
    if (found.kind === 'done') {
      if (found.line !== '') io.out(`${found.line}\n`)
      return undefined
    }
    if (found.kind === 'failed') return found.reason
    const waitedMs = io.now() - start
    if (found.reason !== '' && found.reason !== toldReason) {
      io.err(`${found.reason}\n`)
      toldReason = found.reason
    }
    if (attempts > 0 && waitedMs >= attempts * ATTEMPT_MS) return ''
    if (attempts === 0 && found.reason !== '' && waitedMs >= HOPELESS_ATTEMPTS * ATTEMPT_MS)
      return found.reason
    await io.sleep(POLL_MS)
  }
}

/** `Unit N STATE on 8a6c94dd.../10.0.0.1`, as units are told of. */
export async function unitLine(api: ApiClient, unit: UnitBody, state: string): Promise<string> {
  const { name, machineID } = unit
  if (machineID === undefined || machineID === '') return `Unit ${name} ${state}`
  const machine = (await api.machines()).find(({ id }) => id === machineID)
  return `Unit ${name} ${state} on ${machineLegend(machineID, machine?.primaryIP ?? '', false)}`
}

/** Whether a unit's current state is the one wanted. One that is gone is never. */
export async function lookAtState(api: ApiClient, name: string, wanted: string): Promise<Look> {
  const unit = await api.unit(name)
  if (unit === undefined) return { kind: 'failed', reason: `Unit ${name} does not exist` }
  // A unit that the engine has refused a machine says so; the reason goes when it gets one.
  if (unit.currentState === wanted) return { kind: 'done', line: await unitLine(api, unit, wanted) }
  if (wanted === 'launched' && unit.machineID !== undefined) {
    const look = lookAtSystemd(name, await api.states())
    if (look.kind === 'failed') return look
  }
  const { reason } = unit
  return { kind: 'wait', reason: reason === undefined ? '' : `Unit ${name} cannot be placed: ${reason}` }
}

/**
 * Whether a unit that was started is what it is meant to be. A unit that ran to its end without failing has done its
 * work, as one of type oneshot does.
 */
export function lookAtSystemd(name: string, states: readonly UnitStateBody[], restart?: string): Look {
  const own = states.filter(state => state.name === name)
  const failed = own.find(({ systemdActiveState }) => systemdActiveState === 'failed')
  if (failed !== undefined)
    return { kind: 'failed', reason: `Unit ${name} has failed; see: fleetctl journal ${name}` }
  const isDone = (state: UnitStateBody): boolean =>
    state.systemdLoadState === 'loaded' &&
    (state.systemdActiveState === 'active' || state.systemdActiveState === 'inactive') &&
    (restart === undefined || state.restart === restart)
  if (own.length > 0 && own.every(isDone)) return { kind: 'done', line: '' }
  return { kind: 'wait', reason: '' }
}
