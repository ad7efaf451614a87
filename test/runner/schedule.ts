import type { Outcome } from './outcome.ts'

/** A piece of the test run that gives one outcome. */
export type Job = () => Promise<Outcome>

/**
 * Runs jobs in their order, at most `width` at a time, and gives their outcomes in the order in which they ended.
 *
 * @param onEnd is told of each outcome as it comes
 */
export async function runJobs(
  jobs: readonly Job[],
  width: number,
  onEnd: (outcome: Outcome) => void,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  let next = 0
  const worker = async () => {
    for (let job = jobs[next++]; job !== undefined; job = jobs[next++]) {
      const outcome = await job()
      outcomes.push(outcome)
      onEnd(outcome)
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, jobs.length) }, worker))
  return outcomes
}
