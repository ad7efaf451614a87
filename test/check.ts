import { join, resolve } from 'node:path'
import t from 'tap'
import { runCheck, sourceChecks } from './runner/checks.ts'
import { findTests } from './runner/discover.ts'
import { runFile } from './runner/file.ts'
import { endAll } from './runner/group.ts'
import { closingLine, outcomeLine, totalsOf } from './runner/outcome.ts'
import { type Job, runJobs } from './runner/schedule.ts'

// `npm run check`: types, style and the rules of test/tidy, one line each. `npm test` runs the same.

const TIDY_TIMEOUT_MS = 60_000
// This program only borrows tap's reader: it is no test itself, and tap must not end it as one that takes too long.
t.setTimeout(0)

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void endAll().then(() => process.exit(130)))

const root = resolve(import.meta.dirname, '..')

const tidy = (await findTests(root)).filter(file => file.path.startsWith('test/tidy/'))
const jobs: Job[] = [
  ...sourceChecks(root).map(check => () => runCheck(check, root)),
  ...tidy.map(
    file => () =>
      runFile({
        name: file.path,
        command: [process.execPath, join(root, file.path)],
        cwd: root,
        env: process.env,
        timeoutMs: TIDY_TIMEOUT_MS,
      }),
  ),
]
const outcomes = await runJobs(jobs, 2, outcome => {
  console.log(outcomeLine(outcome))
  for (const detail of outcome.details) console.log(detail.replaceAll(/^/gm, '     '))
})
const totals = totalsOf(outcomes)
console.log(closingLine(totals))
process.exitCode = totals.failed > 0 ? 1 : 0
