import { join } from 'node:path'
import { pause, type Start, startProgram, waitForEnd } from './group.ts'
import type { Outcome } from './outcome.ts'

/** A program that looks at the whole checkout and exits with 0 when it is content. */
export interface Check {
  name: string
  command: Start['command']
  timeoutMs?: number
}

/** The end of a check's output, shown when it fails. */
const OUTPUT_BYTES_MAX = 20_000
const CHECK_TIMEOUT_MS = 180_000
/** For output that is still on its way when the program has ended. */
const DRAIN_MS = 2_000

/** Types and style. The rules of the house that neither knows are tests, in test/tidy. */
export function sourceChecks(root: string): Check[] {
  return [
    {
      name: 'types (tsc)',
      command: [process.execPath, join(root, 'node_modules/typescript/bin/tsc'), '--noEmit', '-p', root],
    },
    {
      name: 'style (biome)',
      command: [
        join(root, 'node_modules/@biomejs/cli-linux-x64/biome'),
        'check',
        '--colors=off',
        '--diagnostic-level=warn',
        '--error-on-warnings',
        root,
      ],
    },
  ]
}

/** Runs a check; it counts as one test. */
export async function runCheck(check: Check, cwd: string): Promise<Outcome> {
  const started = performance.now()
  const program = startProgram({ command: check.command, cwd, env: process.env })
  let output = ''
  const closed = [program.stdout, program.stderr].map(
    stream =>
      new Promise(resolve => {
        stream.on('data', chunk => {
          output = (output + chunk).slice(-OUTPUT_BYTES_MAX)
        })
        stream.on('close', resolve)
      }),
  )
  const timeoutMs = check.timeoutMs ?? CHECK_TIMEOUT_MS
  const { code, signal, timedOut, error } = await waitForEnd(program, timeoutMs)
  await Promise.race([Promise.all(closed), pause(DRAIN_MS)])
  const problem = error
    ? error.message
    : timedOut
      ? `did not end within ${Math.round(timeoutMs / 1000)} s`
      : signal
        ? `ended by ${signal}`
        : `exit status ${code}`
  const good = code === 0 && !timedOut
  return {
    name: check.name,
    passed: good ? 1 : 0,
    failed: good ? 0 : 1,
    skipped: 0,
    seconds: (performance.now() - started) / 1000,
    details: good ? [] : [`✗ ${problem}`, output.trim()],
  }
}
