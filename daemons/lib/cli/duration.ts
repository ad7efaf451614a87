/** Milliseconds in each unit that Go's duration syntax knows. */
const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['ns', 1e-6],
  ['us', 1e-3],
  ['µs', 1e-3],
  ['μs', 1e-3],
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
])
const PART = /^(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/

/**
 * Reads a duration as Go's flags take it: `2s`, `1h30m`, `1.5s`, `-3ms`, `0`.
 *
 * @returns milliseconds, or undefined when it is no duration
 */
export function parseDuration(text: string): number | undefined {
  const negative = text.startsWith('-')
  let rest = /^[+-]/.test(text) ? text.slice(1) : text
  if (rest === '0') return 0
  if (rest === '') return undefined
  let ms = 0
  while (rest !== '') {
    const part = PART.exec(rest)
    if (part === null) return undefined
    ms += Number(part[1]) * UNIT_MS.get(part[2]!)!
    rest = rest.slice(part[0].length)
  }
  return negative ? -ms : ms
}

/** Writes whole milliseconds as Go prints a duration: `2s`, `1m30s`, `1h0m0s`, `250ms`, `0s`. */
export function formatDuration(ms: number): string {
  const sign = ms < 0 ? '-' : ''
  const total = Math.abs(Math.round(ms))
  if (total === 0) return '0s'
  if (total < 1000) return `${sign}${total}ms`
  const hours = Math.floor(total / 3_600_000)
  const minutes = Math.floor(total / 60_000) % 60
  const seconds = (total % 60_000) / 1000
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}s`
  return minutes > 0 ? `${sign}${minutes}m${seconds}s` : `${sign}${seconds}s`
}
