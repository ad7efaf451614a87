/** What one run of wrk found. */
export interface Load {
  requestsPerSecond: number
  p50Ms: number
  p99Ms: number
  maxMs: number
  /** Answers of status 400 and above, and connections that failed. */
  errors: number
}

const LINE = /^load (.*)$/m
const FIELDS = ['requests', 'duration_us', 'p50_us', 'p99_us', 'max_us'] as const
const ERRORS = ['status', 'connect', 'read', 'write', 'timeout'] as const

/**
 * Reads the line that `load.lua` prints at its end.
 *
 * @throws Error when it is not there, or lacks a number
 */
export function parseLoad(output: string): Load {
  const line = LINE.exec(output)?.[1]
  if (line === undefined) throw new Error(`wrk said nothing of its load: ${output.slice(0, 400)}`)
  const pairs = new Map(line.split(' ').map(word => word.split('=') as [string, string]))
  const numberOf = (name: string): number => {
    const text = pairs.get(name) ?? ''
    if (!/^\d+$/.test(text)) throw new Error(`wrk gave no ${name}: ${line}`)
    return Number(text)
  }
  const [requests, duration, p50, p99, max] = FIELDS.map(numberOf) as [number, number, number, number, number]
  if (duration === 0) throw new Error(`wrk took no time: ${line}`)
  return {
    requestsPerSecond: (requests * 1e6) / duration,
    p50Ms: p50 / 1000,
    p99Ms: p99 / 1000,
    maxMs: max / 1000,
    errors: ERRORS.map(numberOf).reduce((sum, count) => sum + count, 0),
  }
}
