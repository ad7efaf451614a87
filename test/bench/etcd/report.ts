import { type Goal, goalOf, LOAD_CASES, type LoadCase } from './cases.ts'
import type { CaseResult, EtcdResults } from './results.ts'

const OPERATION_NAMES = { put: 'PUT', get: 'GET', qget: 'GET quorum=true' } as const
/** Of the results that are not loads. */
const NAMES: Readonly<Record<string, string>> = {
  'watch-1-1000': '1,000 watchers: until the last is told',
  'watch-1-1000-p50': '1,000 watchers: until half are told',
  'watch-1-10000': '10,000 watchers: until the last is told',
  'watch-1-10000-p50': '10,000 watchers: until half are told',
  memory: 'memory with 100,000 keys (RSS)',
  'memory-pss': 'the same, shared pages by their share (PSS)',
  'memory-restarted': 'memory after a restart with them (RSS)',
  restart: 'restart with 100,000 keys, until the first write',
  failover: 'leader killed, until the first write, median',
  'failover-max': 'the same, the longest',
}

/** The tables for docs/numbers.md and for the terminal. */
export function formatResults(results: EtcdResults): string {
  const { machine, fsync, versions, repeated } = results
  const byId = new Map(results.cases.map(result => [result.id, result]))
  const others = results.cases.filter(({ id }) => id in NAMES)
  const again = repeated.ours + repeated.theirs
  return [
    `Measured on ${machine.cores} cores of ${machine.cpu}, ${machine.memoryMiB} MiB of memory, Linux ${machine.kernel}, ` +
      `Node ${machine.node}; load before the measurement ${machine.loadBefore}. Ours: ${versions.ours}; theirs: ${versions.theirs}. ` +
      `Medians of ${results.rounds} rounds in turns, loads of ${results.seconds} s each. ` +
      `Floor of the disk, 512 bytes and fdatasync: p50 ${fsync.p50Ms.toFixed(3)} ms, p99 ${fsync.p99Ms.toFixed(3)} ms. ` +
      (again === 0 ? 'No request failed.' : `Turns repeated after failed requests: ${again}.`),
    ...table(
      [
        'operation|',
        'nodes:|',
        'conns:|',
        'ours req/s:|',
        'theirs:|',
        'ratio:|',
        'ours p50, p99 ms:|',
        'theirs:|',
        'p99 ratio:|',
        'goal|',
      ],
      LOAD_CASES.flatMap(load => loadRow(load, byId)),
    ),
    ...table(
      ['what|', 'ours:|', 'theirs:|', 'ratio:|', 'goal|'],
      others.map(result => [
        NAMES[result.id]!,
        withUnit(result.ours, result.unit),
        withUnit(result.theirs, result.unit),
        ratioText(result.ratio),
        goalText(result),
      ]),
    ),
  ].join('\n')
}

/** The goals that are missed, one line each. */
export function missedGoals(results: EtcdResults): string[] {
  return results.cases
    .filter(({ reached }) => reached === false)
    .map(({ id, ours, ratio, unit }) => `${id}: ${withUnit(ours, unit)}, ratio ${ratioText(ratio)}`)
}

/** Nothing without rows. A heading ends in `:|` where numbers stand below it. */
function table(headings: string[], rows: string[][]): string[] {
  if (rows.length === 0) return []
  return [
    '',
    `| ${headings.map(heading => heading.replace(/:?\|$/, '')).join(' | ')} |`,
    `|${headings.map(heading => (heading.endsWith(':|') ? '---:' : '---')).join('|')}|`,
    ...rows.map(row => `| ${row.join(' | ')} |`),
  ]
}

function loadRow(load: LoadCase, byId: ReadonlyMap<string, CaseResult>): string[][] {
  const rate = byId.get(load.id)
  const p50 = byId.get(`${load.id}-p50`)
  const p99 = byId.get(`${load.id}-p99`)
  if (rate === undefined || p50 === undefined || p99 === undefined) return []
  const name = OPERATION_NAMES[load.operation]
  const latencyGoal = goalText(p99)
  return [
    [
      load.target === 'follower' ? `${name} to a follower` : name,
      String(load.nodes),
      String(load.connections),
      rate.ours.toFixed(0),
      rate.theirs.toFixed(0),
      ratioText(rate.ratio),
      `${p50.ours.toFixed(2)}, ${p99.ours.toFixed(2)}`,
      `${p50.theirs.toFixed(2)}, ${p99.theirs.toFixed(2)}`,
      ratioText(p99.ratio),
      [goalText(rate), latencyGoal && `p99 ${latencyGoal}`].filter(text => text !== '').join('; '),
    ],
  ]
}

function goalText(result: CaseResult): string {
  const goal: Goal | undefined = goalOf(result.id)
  if (goal === undefined) return ''
  const bound = `${goal.bound === 'min' ? '≥' : '≤'} ${goal.limit}${goal.unit}`
  return `${bound} ${result.reached ? 'reached' : '**missed**'}`
}

function ratioText(ratio: number): string {
  return Number.isFinite(ratio) ? ratio.toFixed(2) : '–'
}

function withUnit(value: number, unit: string): string {
  return `${value.toFixed(value < 100 ? 1 : 0)} ${unit}`
}
