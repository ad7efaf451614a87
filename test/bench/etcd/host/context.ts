import { join } from 'node:path'
import type { ServerProgram } from '../../../cluster/lib/programs.ts'
import type { Pair, Side } from '../results.ts'
import { BenchCluster } from './cluster.ts'

/** What every measurement needs. */
export interface BenchContext {
  programs: Pair<ServerProgram>
  /** The load generator. */
  wrk: string
  /** On a real disk; each cluster has a folder in it. */
  folder: string
  rounds: number
  /** Of each turn of a load. */
  seconds: number
  /** Starts with all keys, of each: elections begin at random moments, so single ones say little. */
  restarts: number
  /** Leaders killed, of each. */
  kills: number
  /** Turns that were taken again; counted here. */
  repeated: Pair<number>
  /** Says how far it is. */
  note(line: string): void
}

/** One cluster of each, for as long as `use` takes. */
export async function withClusters<T>(
  context: BenchContext,
  size: number,
  use: (clusters: Pair<BenchCluster>) => Promise<T>,
): Promise<T> {
  const started: BenchCluster[] = []
  const start = async (side: Side) => {
    const folder = join(context.folder, `${side}-${size}`)
    const cluster = await BenchCluster.start(context.programs[side], size, folder)
    started.push(cluster)
    return cluster
  }
  try {
    const ours = await start('ours')
    const theirs = await start('theirs')
    return await use({ ours, theirs })
  } finally {
    await Promise.all(started.map(cluster => cluster.close()))
  }
}
