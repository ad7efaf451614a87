import { TapFile } from 'tap'
import { type End, pause, type Start, startProgram, waitForEnd } from './group.ts'
import { type Failure, failureText, type Outcome, type Part } from './outcome.ts'

/** What this needs to know of an assertion in tap's lists. */
interface Result {
  fullname: string
  diag: Record<string, unknown> | null
}

type Parser = TapFile['parser']

/** How a test file is run. */
export interface FileRun extends Start {
  /** What it is called in the report: its path in the repository. */
  name: string
  /** After this the file is ended and has failed. */
  timeoutMs: number
}

/** What is kept of a file's output that is no TAP, for its failure report. */
const OUTPUT_BYTES_MAX = 16_384
/** For the output of a process that has exited to arrive; a leftover grandchild may hold the pipe for ever. */
const DRAIN_MS = 2_000

/**
 * Runs one test file in a process group of its own and reads its TAP by tap's own reader. However the file ends,
 * nothing of its group is left.
 */
export async function runFile(run: FileRun): Promise<Outcome> {
  const started = performance.now()
  const child = startProgram({
    ...run,
    env: { ...run.env, TAP: '1', TAP_TIMEOUT: String(Math.ceil(run.timeoutMs / 1000) + 1) },
  })
  const output = new Tail(OUTPUT_BYTES_MAX)
  child.stderr.on('data', chunk => output.add(chunk))
  const reader = new TapFile({ name: run.name, filename: run.name, tapStream: child.stdout })
  const parts: Part[] = []
  collectParts(reader.parser, '', parts)
  reader.parser.on('extra', (text: string) => output.add(text))
  const read = new Promise<void>(resolve => reader.main(resolve))
  const end = await waitForEnd(child, run.timeoutMs)
  await Promise.race([read, pause(DRAIN_MS)])
  child.stdout.destroy()
  child.stderr.destroy()
  const { pass, fail, skip } = reader.counts
  const failures = reader.lists.fail.map(item => toFailure(item))
  const problem = fileProblem(end, { pass, fail, skip }, reader.results, run.timeoutMs)
  const details = failures.map(failureText)
  if (problem !== undefined) details.push(`✗ ${problem}`)
  if (details.length > 0 && output.text.trim() !== '') details.push(`output:\n${indent(output.text.trim())}`)
  return {
    name: run.name,
    passed: pass,
    failed: fail + (problem === undefined ? 0 : 1),
    skipped: skip,
    seconds: (performance.now() - started) / 1000,
    details,
    parts,
  }
}

/** Follows a file's TAP, and that of the tests within. */
function collectParts(parser: Parser, name: string, parts: Part[]): void {
  let hasChildren = false
  parser.on('child', (child: Parser) => {
    hasChildren = true
    collectParts(child, name === '' ? child.name : `${name} > ${child.name}`, parts)
  })
  parser.on('complete', ({ time }: { time: number | null }) => {
    if (!hasChildren && name !== '') parts.push({ name, seconds: (time ?? 0) / 1000 })
  })
}

/** Why the file failed as a whole; undefined when its assertions say all. */
function fileProblem(
  end: End,
  counts: { pass: number; fail: number; skip: number },
  results: { ok: boolean; bailout: string | boolean } | null | undefined,
  timeoutMs: number,
): string | undefined {
  if (end.error) return `cannot be started: ${end.error.message}`
  if (end.timedOut) return `did not end within ${Math.round(timeoutMs / 1000)} s`
  if (end.signal !== null) return `ended by ${end.signal}`
  if (results === null || results === undefined) return 'its output did not end'
  if (results.bailout) return `gave up: ${results.bailout}`
  if (counts.fail > 0) return undefined
  if (counts.pass + counts.skip === 0) return `tested nothing (exit status ${end.code})`
  if (!results.ok) return 'its TAP output does not add up: a test did not end, or the plan was not met'
  if (end.code !== 0) return `exit status ${end.code} although every assertion passed`
  return undefined
}

/** tap's lists hold assertions, with diagnostics, and errors in the TAP itself. */
function toFailure(item: Result | { tapError: string }): Failure {
  if ('fullname' in item) return { name: item.fullname, diagnostics: item.diag ?? {} }
  return { name: `TAP error: ${item.tapError}`, diagnostics: {} }
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '    ')
}

/** The last bytes of a stream of text. */
class Tail {
  text = ''
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  add(chunk: Uint8Array | string): void {
    const piece = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8')
    this.text = (this.text + piece).slice(-this.#max)
  }
}
