import { UserError } from '#lib/errors.ts'

/** What is asked: a write, a read of the member alone, a read that a quorum confirms. */
export type Operation = 'put' | 'get' | 'qget'

/** Requests without a pause over a number of connections. */
export interface LoadCase {
  /** Operation, nodes, connections, such as `put-1-64`; `put-follower-3-64` where a follower is asked. */
  id: string
  operation: Operation
  nodes: 1 | 3
  target: 'leader' | 'follower'
  connections: number
}

/** Watchers of one key who are told of one change. */
export interface WatchCase {
  id: string
  watchers: number
}

/** A bound on a ratio (ours by theirs) or on our own value. */
export interface Goal {
  of: 'ratio' | 'value'
  /** Whether the bound is the least or the most. */
  bound: 'min' | 'max'
  limit: number
  unit: string
}

const OPERATIONS: readonly Operation[] = ['put', 'get', 'qget']
const CONNECTIONS = [1, 64, 256] as const
/** Connections at which goals are set. */
const GOAL_CONNECTIONS = 64

/** All loads, those of one node first. */
export const LOAD_CASES: readonly LoadCase[] = [
  ...loads(1, 'leader', OPERATIONS),
  ...loads(3, 'leader', OPERATIONS),
  ...loads(3, 'follower', ['put']),
]

/** All fan-outs. */
export const WATCH_CASES: readonly WatchCase[] = [1_000, 10_000].map(watchers => ({
  id: `watch-1-${watchers}`,
  watchers,
}))

/** What is chosen with `--only`: loads, fan-outs, and these three. */
export const CASE_IDS: readonly string[] = [
  ...LOAD_CASES.map(({ id }) => id),
  ...WATCH_CASES.map(({ id }) => id),
  'memory',
  'restart',
  'failover',
]

/** A first look: the loads that decide, one fan-out, memory, and the rest with few turns. */
export const QUICK_IDS: readonly string[] = [
  ...LOAD_CASES.filter(({ connections }) => connections === GOAL_CONNECTIONS).map(({ id }) => id),
  WATCH_CASES[0]!.id,
  'memory',
  'restart',
  'failover',
]

/** Ids of all results in the order in which they are shown. */
export const RESULT_IDS: readonly string[] = [
  ...LOAD_CASES.flatMap(({ id }) => [id, `${id}-p50`, `${id}-p99`]),
  ...WATCH_CASES.flatMap(({ id }) => [id, `${id}-p50`]),
  'memory',
  'memory-pss',
  'memory-restarted',
  'restart',
  'failover',
  'failover-max',
]

/**
 * The cases that words of the command line name: an id, or how ids begin (`put`, `put-1`, `watch`).
 *
 * @throws UserError for a word that names none
 */
export function selectCases(words: readonly string[]): Set<string> {
  if (words.length === 0) return new Set(CASE_IDS)
  const chosen = new Set<string>()
  for (const word of words) {
    const found = CASE_IDS.filter(id => id === word || id.startsWith(`${word}-`))
    if (found.length === 0) throw new UserError(`no case is named ${word}`, `cases: ${CASE_IDS.join(' ')}`)
    for (const id of found) chosen.add(id)
  }
  return chosen
}

/** What a result is to reach, or undefined. */
export function goalOf(resultId: string): Goal | undefined {
  const isLatency = resultId.endsWith('-p99')
  const load = LOAD_CASES.find(({ id }) => resultId === id || resultId === `${id}-p99`)
  if (load !== undefined) {
    if (load.connections !== GOAL_CONNECTIONS || load.operation === 'qget') return undefined
    return { of: 'ratio', bound: isLatency ? 'max' : 'min', limit: 1, unit: '' }
  }
  if (/^memory(-pss)?$/.test(resultId)) return { of: 'ratio', bound: 'max', limit: 1.5, unit: '' }
  if (/^failover(-max)?$/.test(resultId)) return { of: 'value', bound: 'max', limit: 2_000, unit: ' ms' }
  return undefined
}

function loads(nodes: 1 | 3, target: 'leader' | 'follower', operations: readonly Operation[]): LoadCase[] {
  return operations.flatMap(operation =>
    CONNECTIONS.map(connections => {
      const name = target === 'follower' ? `${operation}-follower` : operation
      return { id: `${name}-${nodes}-${connections}`, operation, nodes, target, connections }
    }),
  )
}
