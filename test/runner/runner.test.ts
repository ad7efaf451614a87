import { readFile } from 'node:fs/promises'
import { constants, getPriority } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { runCheck } from './checks.ts'
import { classify, selectTests } from './discover.ts'
import { runFile } from './file.ts'
import { closingLine, failureText, type Outcome, outcomeLine, slowParts, totalsOf } from './outcome.ts'
import { runJobs } from './schedule.ts'

const fixtures = join(import.meta.dirname, '../fixtures/runner')

function run(name: string, timeoutMs = 20_000, yields = false): Promise<Outcome> {
  return runFile({
    yields,
    name,
    command: [process.execPath, join(fixtures, name)],
    cwd: fixtures,
    env: process.env,
    timeoutMs,
  })
}

/** Whether a process ends within a short time; a killed orphan waits for process 1 to collect it. */
async function isGone(pid: number): Promise<boolean> {
  for (let round = 0; round < 100; round++) {
    const state = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
    if (state === undefined || state.includes(') Z ')) return true
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  return false
}

t.test('a file that passes: assertions are counted, not files or subtests', async t => {
  const outcome = await run('passes.ts')
  t.match(outcome, { passed: 3, failed: 0, skipped: 0, details: [] })
  t.match(outcome.parts, [{ name: 'outer > inner', seconds: Number }])
  t.equal(outcome.parts?.length, 1, 'what holds a test is no part')
  t.ok(outcome.parts?.every(({ seconds }) => seconds >= 0.05 && seconds < outcome.seconds))
})

t.test('a file that fails shows the assertion, the difference and what it printed', async t => {
  const outcome = await run('fails.ts')
  t.match(outcome, { passed: 1, failed: 1, skipped: 1 })
  const text = outcome.details.join('\n')
  t.match(text, /sums > one and one/)
  t.match(text, /-3\n\s+\+2/)
  t.match(text, /a hint on stdout/)
})

t.test('files that end in a wrong way have failed', async t => {
  const cases: [string, RegExp][] = [
    ['crashes.ts', /SIGKILL/],
    ['silent.ts', /tested nothing/],
    ['truncated.ts', /does not add up|tests failed|plan/],
    ['throws.ts', /thrown outside of any test/],
    ['status.ts', /exit status 7/],
    ['absent.ts', /tested nothing \(exit status 1\)/],
  ]
  for (const [name, expected] of cases) {
    const outcome = await run(name)
    t.ok(outcome.failed > 0, `${name} failed`)
    t.match(outcome.details.join('\n'), expected, name)
  }
})

t.test('a file that hangs is ended with everything it started', async t => {
  const outcome = await run('hangs.ts', 1500)
  t.match(outcome, { failed: 1 })
  const text = outcome.details.join('\n')
  t.match(text, /did not end within/)
  const helper = Number(/helper=(\d+)/.exec(text)?.[1])
  t.ok(helper > 0)
  t.ok(await isGone(helper), 'its helper is gone')
})

t.test('a process left behind neither blocks the run nor stays', async t => {
  const outcome = await run('leaves.ts')
  t.match(outcome, { passed: 1, failed: 0 })
  t.ok(outcome.seconds < 15)
})

t.test('a file that yields has what others leave of the processors', async t => {
  t.match(await run('yields.ts', 60_000, true), { failed: 0, details: [] })
  if (getPriority() < constants.priority.PRIORITY_LOW)
    t.not((await run('yields.ts')).failed, 0, 'and no other one')
})

t.test('a check counts as one test', async t => {
  const good = await runCheck({ name: 'good', command: ['true'] }, fixtures)
  t.match(good, { passed: 1, failed: 0 })
  const bad = await runCheck({ name: 'bad', command: ['sh', '-c', 'echo why; exit 4'] }, fixtures)
  t.match(bad, { passed: 0, failed: 1, details: ['✗ exit status 4', 'why'] })
  t.match(await runCheck({ name: 'absent', command: ['/nonexistent'] }, fixtures), { failed: 1 })
})

t.test('jobs run in order, within the width, and every outcome is told', async t => {
  let active = 0
  let most = 0
  const job = (name: string) => async () => {
    active++
    most = Math.max(most, active)
    await new Promise(resolve => setImmediate(resolve))
    active--
    return { name, passed: 1, failed: 0, skipped: 0, seconds: 0, details: [] }
  }
  const told: string[] = []
  const outcomes = await runJobs(['a', 'b', 'c', 'd', 'e'].map(job), 2, outcome => told.push(outcome.name))
  t.same(told.toSorted(), ['a', 'b', 'c', 'd', 'e'])
  t.equal(outcomes.length, 5)
  t.equal(most, 2)
})

t.test('what the report says', async t => {
  const outcome = { name: 'x.test.ts', passed: 3, failed: 1, skipped: 2, seconds: 1.26, details: [] }
  t.equal(outcomeLine(outcome), 'FAIL x.test.ts  3 passed, 1 FAILED, 2 skipped  1.3 s')
  t.equal(outcomeLine({ ...outcome, failed: 0, skipped: 0 }), 'ok   x.test.ts  3 passed  1.3 s')
  const totals = totalsOf([outcome, outcome])
  t.same(totals, { passed: 6, failed: 2, skipped: 4 })
  t.equal(closingLine(totals), '6 passed, 2 failed')
  const parts = [19, 20, 300, 1, 25].map(seconds => ({ name: `of ${seconds}`, seconds }))
  t.same(slowParts({ ...outcome, parts }), ['  300 s  of 300', '   25 s  of 25', '   20 s  of 20'])
  t.same(slowParts(outcome), [])
  t.equal(slowParts({ ...outcome, parts: Array(50).fill(parts[2]) }).length, 10)
  const long = failureText({ name: 'long', diagnostics: { diff: 'line\n'.repeat(500) } })
  t.match(long, /lines more$/)
})

t.test('which file belongs where', async t => {
  t.equal(classify('test/vm/boot.test.ts').group, 'vm')
  t.equal(classify('test/cli/build.test.ts').group, 'vm')
  t.equal(classify('test/powercut/blklog.test.ts').group, 'unit')
  t.equal(classify('build/vm/plan.test.ts').group, 'unit')
  const files = [classify('build/a.test.ts'), classify('build/b.test.ts')]
  t.same(selectTests(files, []), files)
  t.same(selectTests(files, ['b.t']), [files[1]])
})
