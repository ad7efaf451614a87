import type { Clock } from '../clock.ts'

/** Longer sleeps would overflow Node's timers. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** The system's time, going on evenly. */
export const systemClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  sleep: (ms, signal) =>
    new Promise(resolve => {
      if (signal?.aborted) {
        resolve()
        return
      }
      const onAbort = (): void => {
        clearTimeout(timer)
        resolve()
      }
      const timer = setTimeout(
        () => {
          signal?.removeEventListener('abort', onAbort)
          resolve()
        },
        Math.min(Math.max(0, ms), TIMER_MS_MAX),
      )
      signal?.addEventListener('abort', onAbort, { once: true })
    }),
}
