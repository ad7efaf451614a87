import type { Progress } from '#lib/progress.ts'

/** A phase of work and how long it took. */
export interface Phase {
  title: string
  seconds: number
}

/** Keeps how long each phase took, and hands everything on. Phases may overlap. */
export function timedProgress(phases: Phase[], now: () => number, next: Progress): Progress {
  return {
    begin: (title, options) => {
      const started = now()
      const task = next.begin(title, options)
      return {
        advance: amount => task.advance(amount),
        end: summary => {
          phases.push({ title, seconds: (now() - started) / 1000 })
          task.end(summary)
        },
      }
    },
    note: line => next.note(line),
  }
}

/** The one in the middle; of an even number the higher of both. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted[sorted.length >> 1]
  if (middle === undefined) throw new RangeError('nothing to take the median of')
  return middle
}
