import { shortId } from '#lib/fleet/model.ts'
import type { UnitStateBody } from '#lib/fleet/shapes.ts'
import type { Client } from './client.ts'
import type { Io } from './io.ts'
import { View } from './view.ts'

/** One look at the cluster; an attempt is as many as fit into its time (spec fleet a.4). */
const POLL_MS = 250
const ATTEMPT_MS = 2_000
/** After a look, so many times as long as it took. */
const REST = 2
/** What does not move is waited for no longer than this, unless the caller has said how long. */
const HOPELESS_MS = 60_000

/** How long to wait. */
export interface Patience {
  io: Io
  client: Client
  /** 0 is as long as there is hope. */
  attempts: number
}

/**
 * What a look found: it is as wanted, it may still become so, or it never will.
 *
 * `news` is told at once, to whom waits. `stuck` says what is wrong when it stays so; `''` while somebody is at work who
 * knows an end, such as systemd.
 */
export type Look =
  | { kind: 'done'; line: string }
  | { kind: 'wait'; news: string; stuck: string }
  | { kind: 'failed'; reason: string }

/** One unit that was waited for in vain. */
export interface Late {
  name: string
  /** `''` when there is nothing more to say than that it took too long. */
  why: string
}

/**
 * Looks again and again until all units are as wanted, or it is clear that they will not be.
 *
 * @returns those that are not
 */
export async function waitAll(
  patience: Patience,
  names: readonly string[],
  look: (view: View, name: string) => Look | Promise<Look>,
): Promise<Late[]> {
  const { io, client, attempts } = patience
  const late: Late[] = []
  const told = new Map<string, string>()
  const start = io.now()
  for (let pending = [...names]; pending.length > 0; ) {
    const waitedMs = io.now() - start
    const view = await View.of(client, pending)
    const left: string[] = []
    for (const name of pending) {
      const found = await look(view, name)
      if (found.kind === 'done') {
        if (found.line !== '') io.out(`${found.line}\n`)
        continue
      }
      if (found.kind === 'wait' && found.news !== '' && told.get(name) !== found.news) {
        told.set(name, found.news)
        io.err(`${found.news}\n`)
      }
      const why = found.kind === 'failed' ? found.reason : givenUp(found, waitedMs, attempts)
      if (why === undefined) left.push(name)
      else late.push({ name, why })
    }
    pending = left
    // A cluster that takes long to answer is not asked all the time.
    const lookMs = io.now() - start - waitedMs
    if (pending.length > 0) await io.sleep(Math.max(POLL_MS, lookMs * REST))
  }
  return late
}

function givenUp(
  { news, stuck }: { news: string; stuck: string },
  waitedMs: number,
  attempts: number,
): string | undefined {
  if (attempts > 0) return waitedMs >= attempts * ATTEMPT_MS ? '' : undefined
  const problem = news === '' ? stuck : news
  return problem !== '' && waitedMs >= HOPELESS_MS ? problem : undefined
}

/** Whether a unit's current state is the one wanted. One that is gone, or wanted otherwise meanwhile, is never. */
export async function lookAtState(view: View, name: string, wanted: string): Promise<Look> {
  const unit = view.unit(name)
  if (unit === undefined) return { kind: 'failed', reason: `Unit ${name} does not exist` }
  if (unit.currentState === wanted) return { kind: 'done', line: await view.line(name, wanted) }
  const { machineID, reason, desiredState = 'inactive' } = unit
  if (desiredState !== wanted && reason === undefined)
    return {
      kind: 'failed',
      reason: `Unit ${name} is not to be ${wanted} any more: somebody wants it ${desiredState}`,
    }
  if (wanted === 'launched' && machineID !== undefined) {
    const look = lookAtSystemd(name, view.states(name))
    if (look.kind === 'failed') return look
  }
  // A unit that the engine has refused a machine says so; the reason goes when it gets one.
  const news = reason === undefined ? '' : `Unit ${name} cannot be placed: ${reason}`
  const stuck =
    machineID === undefined
      ? `Unit ${name} was given no machine, and no engine says why`
      : `Unit ${name} is not ${wanted}: its machine ${shortId(machineID)}... does nothing about it`
  return { kind: 'wait', news, stuck }
}

/**
 * Whether a unit that was started is what it is meant to be. A unit that ran to its end without failing has done its
 * work, as one of type oneshot does.
 *
 * @param states of the unit, on the machines that count
 */
export function lookAtSystemd(name: string, states: readonly UnitStateBody[], restart?: string): Look {
  const see = `see: fleetctl journal ${name}`
  const failed = states.find(({ systemdActiveState }) => systemdActiveState === 'failed')
  if (failed !== undefined) return { kind: 'failed', reason: `Unit ${name} has failed; ${see}` }
  const isDone = (state: UnitStateBody): boolean =>
    state.systemdLoadState === 'loaded' &&
    (state.systemdActiveState === 'active' || state.systemdActiveState === 'inactive') &&
    (restart === undefined || state.restart === restart)
  const open = states.find(state => !isDone(state))
  if (states.length > 0 && open === undefined) return { kind: 'done', line: '' }
  const wait = (stuck: string): Look => ({ kind: 'wait', news: '', stuck })
  if (open === undefined) return wait(`no machine tells of unit ${name}`)
  if (open.systemdLoadState !== 'loaded')
    return wait(`Unit ${name} cannot run: systemd says that it is ${open.systemdLoadState}`)
  if (open.systemdSubState === 'auto-restart')
    return wait(`Unit ${name} fails and is started again and again; ${see}`)
  return open.systemdActiveState === 'activating' || open.systemdActiveState === 'deactivating'
    ? wait('')
    : wait(`Unit ${name} does not change: it is ${open.systemdActiveState}`)
}
