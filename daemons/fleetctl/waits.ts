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
  const refused = wanted === 'inactive' ? undefined : refusalOf(view, name)
  if (refused !== undefined) return { kind: 'failed', reason: refused }
  const { machineID, reason, desiredState = 'inactive' } = unit
  // One that was unloaded has let go of its machine, too.
  if (unit.currentState === wanted && (wanted !== 'inactive' || machineID === undefined))
    return { kind: 'done', line: await view.line(name, wanted) }
  if (desiredState !== wanted && reason === undefined)
    return {
      kind: 'failed',
      reason: `Unit ${name} is not to be ${wanted} any more: somebody wants it ${desiredState}`,
    }
  if (wanted === 'launched' && machineID !== undefined) {
    const look = lookAtSystemd(name, view.states(name), { hash: view.hash(name), isLaunched: true })
    if (look.kind === 'failed') return look
  }
  // A unit that the engine has refused a machine says so; the reason goes when it gets one.
  const news = reason === undefined ? '' : `Unit ${name} cannot be placed: ${reason}`
  const stuck =
    machineID === undefined
      ? `Unit ${name} was given no machine, and no engine says why`
      : unit.currentState === wanted
        ? `Unit ${name} keeps its machine ${shortId(machineID)}...: no engine takes it from there`
        : `Unit ${name} is not ${wanted}: its machine ${shortId(machineID)}... does nothing about it`
  return { kind: 'wait', news, stuck }
}

/** Says that the machine of a unit has it, and its systemd does not take its text. */
function refusalOf(view: View, name: string): string | undefined {
  const hash = view.hash(name)
  const state = view.states(name).find(one => one.systemdLoadState === 'error' && (one.hash ?? hash) === hash)
  if (state === undefined) return undefined
  return `Unit ${name} has failed: it could not be loaded where it is; see: fleetctl status ${name}`
}

/** What a state must be of to count. */
export interface Expected {
  /** Of the text that is to run; any when undefined. */
  hash?: string | undefined
  /** The restart demand that is to be fulfilled. */
  restart?: string | undefined
  /** What was before the agent has started it does not count. */
  isLaunched?: boolean
}

/**
 * Whether a unit that was started is what it is meant to be. A unit that ran to its end without failing has done its
 * work, as one of type oneshot does. What is told of an older text says nothing.
 *
 * @param states of the unit, on the machines that count
 */
export function lookAtSystemd(name: string, states: readonly UnitStateBody[], expected: Expected = {}): Look {
  const { hash, restart, isLaunched = false } = expected
  const see = `see: fleetctl journal ${name}`
  const isOld = (state: UnitStateBody): boolean => hash !== undefined && (state.hash ?? hash) !== hash
  const isEarly = (state: UnitStateBody): boolean => isLaunched && state.agentState === 'loaded'
  const counts = (state: UnitStateBody): boolean => !isOld(state) && !isEarly(state)
  const failed = states.find(state => state.systemdActiveState === 'failed' && counts(state))
  if (failed !== undefined) return { kind: 'failed', reason: `Unit ${name} has failed; ${see}` }
  const isDone = (state: UnitStateBody): boolean =>
    counts(state) &&
    state.systemdLoadState === 'loaded' &&
    (state.systemdActiveState === 'active' || state.systemdActiveState === 'inactive') &&
    (restart === undefined || state.restart === restart)
  const open = states.find(state => !isDone(state))
  if (states.length > 0 && open === undefined) return { kind: 'done', line: '' }
  const wait = (stuck: string): Look => ({ kind: 'wait', news: '', stuck })
  if (open === undefined) return wait(`no machine tells of unit ${name}`)
  if (isOld(open)) return wait(`Unit ${name} has not got its new text where it is`)
  if (isEarly(open)) return wait(`Unit ${name} has not been started where it is`)
  if (open.systemdLoadState !== 'loaded')
    return wait(`Unit ${name} cannot run: systemd says that it is ${open.systemdLoadState}`)
  if (open.systemdSubState === 'auto-restart')
    return wait(`Unit ${name} fails and is started again and again; ${see}`)
  return open.systemdActiveState === 'activating' || open.systemdActiveState === 'deactivating'
    ? wait('')
    : wait(`Unit ${name} does not change: it is ${open.systemdActiveState}`)
}

/** A machine takes no longer to act on what it is told. */
const STALE_MS = 10_000

/**
 * Looks with one eye shut for failures of the past: a unit that had failed before it was started again is told of as
 * failed until its machine has acted.
 *
 * @param names units that had failed then
 */
export class Forgiving {
  readonly #names: Set<string>
  readonly #until: number
  readonly #io: Io

  constructor(io: Io, names: Iterable<string>) {
    this.#io = io
    this.#names = new Set(names)
    this.#until = io.now() + STALE_MS
  }

  /** A failure that may be the old one is waited over. */
  judge(view: View, name: string, look: Look): Look {
    const isOver = this.#io.now() >= this.#until || view.unit(name)?.currentState === 'launched'
    if (look.kind !== 'failed') this.#names.delete(name)
    if (look.kind !== 'failed' || isOver || !this.#names.has(name)) return look
    return { kind: 'wait', news: '', stuck: look.reason }
  }
}
