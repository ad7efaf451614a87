import type { Disk, Env } from '../env.ts'

/** The real world. A timer of 0 ms means: when what is at hand is done, without a wait. */
export function nodeEnv(disk: Disk): Env {
  return {
    now: () => performance.now(),
    wallClock: () => Date.now(),
    setTimer: (delayMs, callback) => {
      if (delayMs === 0) {
        const immediate = setImmediate(callback)
        return () => clearImmediate(immediate)
      }
      const timer = setTimeout(callback, delayMs)
      return () => clearTimeout(timer)
    },
    random: Math.random,
    disk,
  }
}
