import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { Outcome } from './outcome.ts'

/** A program that looks at the whole checkout and exits with 0 when it is content. */
export interface Check {
  name: string
  command: [string, ...string[]]
}

/** Output of a check that is shown when it fails. */
const OUTPUT_BYTES_MAX = 20_000
const CHECK_TIMEOUT_MS = 180_000

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
  const [program, ...words] = check.command
  const signal = AbortSignal.timeout(CHECK_TIMEOUT_MS)
  const child = spawn(program, words, { cwd, stdio: ['ignore', 'pipe', 'pipe'], signal })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => {
      output = (output + chunk).slice(0, OUTPUT_BYTES_MAX)
    })
  }
  const end = await new Promise<string | undefined>(resolve => {
    child.on('error', error => resolve(error.message))
    child.on('close', (code, signal) =>
      resolve(code === 0 ? undefined : signal ? `ended by ${signal}` : `exit status ${code}`),
    )
  })
  return {
    name: check.name,
    passed: end === undefined ? 1 : 0,
    failed: end === undefined ? 0 : 1,
    skipped: 0,
    seconds: (performance.now() - started) / 1000,
    details: end === undefined ? [] : [`✗ ${end}`, output.trim()],
  }
}
