/** What came of one test file, or of one check that counts as a test. */
export interface Outcome {
  name: string
  /** Assertions. A file that fails as a whole (no plan, crash, time-out) counts as one failure more. */
  passed: number
  failed: number
  skipped: number
  seconds: number
  /** What to show of the failures; empty when nothing failed. */
  details: string[]
  /** The tests in it that hold no others, in the order in which they ended. */
  parts?: Part[]
}

/** A test within a file. */
export interface Part {
  name: string
  seconds: number
}

/** Sums over many outcomes. */
export interface Totals {
  passed: number
  failed: number
  skipped: number
}

/** One failed assertion as tap reports it. */
export interface Failure {
  name: string
  diagnostics: Record<string, unknown>
}

/** Lines of a diff or of an error that are shown; the rest is in the file's own output when it is run alone. */
const DIAGNOSTIC_LINES_MAX = 40
/** From here on a part is told of. */
const SLOW_SECONDS = 20
const SLOW_PARTS_MAX = 10
/** Diagnostics that repeat the source or mean nothing to a reader. */
const HIDDEN = new Set(['source', 'stack', 'at', 'tapCaught', 'compare', 'signal', 'expired', 'test'])

/** The line that is shown when a file has ended. */
export function outcomeLine(outcome: Outcome): string {
  const counts = [`${outcome.passed} passed`]
  if (outcome.failed > 0) counts.push(`${outcome.failed} FAILED`)
  if (outcome.skipped > 0) counts.push(`${outcome.skipped} skipped`)
  const mark = outcome.failed > 0 ? 'FAIL' : 'ok  '
  return `${mark} ${outcome.name}  ${counts.join(', ')}  ${outcome.seconds.toFixed(1)} s`
}

/** The slowest parts, a line each, where a file has some that are slow. */
export function slowParts({ parts = [] }: Outcome): string[] {
  return parts
    .filter(({ seconds }) => seconds >= SLOW_SECONDS)
    .sort((a, b) => b.seconds - a.seconds)
    .slice(0, SLOW_PARTS_MAX)
    .map(({ name, seconds }) => `${seconds.toFixed(0).padStart(5)} s  ${name}`)
}

/** Adds all up. */
export function totalsOf(outcomes: readonly Outcome[]): Totals {
  const sum = (key: keyof Totals) => outcomes.reduce((total, outcome) => total + outcome[key], 0)
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') }
}

/** The closing line, which other programs read. */
export function closingLine({ passed, failed }: Totals): string {
  return `${passed} passed, ${failed} failed`
}

/** A failed assertion for people: its name, where it stands, what differs. */
export function failureText(failure: Failure): string {
  const { diagnostics } = failure
  const { stack } = diagnostics
  const lines = [`✗ ${failure.name}`]
  if (typeof stack === 'string' && stack.trim() !== '') lines.push(`at ${stack.trim().split('\n')[0]}`)
  for (const [key, value] of Object.entries(diagnostics)) {
    if (HIDDEN.has(key) || value === undefined || value === null) continue
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    lines.push(...`${key}: ${text}`.trimEnd().split('\n'))
  }
  const shown = lines.slice(0, DIAGNOSTIC_LINES_MAX)
  if (shown.length < lines.length) shown.push(`… ${lines.length - shown.length} lines more`)
  return shown.map((line, index) => (index === 0 ? line : `    ${line}`)).join('\n')
}
