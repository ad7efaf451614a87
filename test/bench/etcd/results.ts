import type { HostFacts } from '../host.ts'
import { median } from '../timing.ts'
import { goalOf, RESULT_IDS } from './cases.ts'

/** Which of both servers. */
export type Side = 'ours' | 'theirs'

/** One of something for each server. */
export type Pair<T> = Record<Side, T>

/** Unit of a result; less is better for all but requests. */
export type Unit = 'req/s' | 'ms' | 'MiB'

/** One number of ours beside one of theirs. */
export interface CaseResult {
  id: string
  unit: Unit
  ours: number
  theirs: number
  /** Ours by theirs. */
  ratio: number
  /** Whether the goal is reached; absent where none is set. */
  reached?: boolean
  /** Of the single rounds, of which the above are the medians. */
  samples: Pair<number[]>
}

/** What `npm run bench:etcd` found; the text of bench-results/etcd.json. */
export interface EtcdResults {
  cases: CaseResult[]
  /** A write of 512 bytes and its fdatasync on the disk that the servers write to. */
  fsync: { p50Ms: number; p99Ms: number; maxMs: number }
  rounds: number
  /** Of each turn of a load. */
  seconds: number
  /** What was compared, by their own words. */
  versions: Pair<string>
  /** Turns that were taken again since requests had failed in them. */
  repeated: Pair<number>
  machine: HostFacts
}

/** Whose turn it is. */
export interface Turn {
  round: number
  side: Side
}

/** Both by turns, each first in every other round, so that what drifts hits both alike. */
export function turnsOf(rounds: number): Turn[] {
  return Array.from({ length: rounds }, (_, round) => {
    const order: Side[] = round % 2 === 0 ? ['ours', 'theirs'] : ['theirs', 'ours']
    return order.map(side => ({ round, side }))
  }).flat()
}

/** The result of single rounds. */
export function resultOf(
  id: string,
  unit: Unit,
  samples: Pair<number[]>,
  pick: (values: readonly number[]) => number = median,
): CaseResult {
  const ours = pick(samples.ours)
  const theirs = pick(samples.theirs)
  const ratio = theirs === 0 ? Number.NaN : ours / theirs
  const goal = goalOf(id)
  const result: CaseResult = { id, unit, ours, theirs, ratio, samples }
  if (goal === undefined) return result
  const measured = goal.of === 'ratio' ? ratio : ours
  return { ...result, reached: goal.bound === 'min' ? measured >= goal.limit : measured <= goal.limit }
}

/** A run of some cases keeps what an earlier one found for the others, if it was the same machine and the same rival. */
export function mergeResults(before: EtcdResults | undefined, now: EtcdResults): EtcdResults {
  const isComparable =
    before !== undefined &&
    before.machine.cpu === now.machine.cpu &&
    before.machine.cores === now.machine.cores &&
    before.versions.theirs === now.versions.theirs
  const found = new Map((isComparable ? before.cases : []).map(result => [result.id, result]))
  for (const result of now.cases) found.set(result.id, result)
  const cases = RESULT_IDS.map(id => found.get(id)).filter(result => result !== undefined)
  return { ...now, cases }
}

/** Quantile of times: the value that the given share of them does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError('nothing to take a quantile of')
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}
