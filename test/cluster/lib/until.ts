import { setTimeout as pause } from 'node:timers/promises'

/** How often a condition is looked at. */
const POLL_MS = 20

/**
 * Waits for a condition that nothing tells of by itself.
 *
 * @param what for the error, after "waited N ms for "
 * @param probe gives undefined or false while it does not hold; an error of it counts as that
 * @throws Error with what the last probe said
 */
export async function until<T>(
  what: string,
  timeoutMs: number,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const end = performance.now() + timeoutMs
  let last = ''
  for (;;) {
    try {
      const result = await probe()
      if (result !== undefined && result !== false) return result
      last = ''
    } catch (error) {
      last = `: ${error instanceof Error ? error.message : error}`
    }
    if (performance.now() >= end) throw new Error(`waited ${timeoutMs} ms for ${what}${last}`)
    await pause(POLL_MS)
  }
}
