// Packs real binaries and runs them: names, exit status, reproducibility, and that nobody's environment gets in.

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { silent } from '#lib/progress.ts'
import { buildBinary } from '../../build/bundle/binary.ts'
import { Cache } from '../../build/cache/cache.ts'
import { findMirrors } from '../../build/deb/host/apt.ts'
import { readLock } from '../../build/deb/host/repository.ts'
import { Tools } from '../../build/tools/tools.ts'

/** Packing writes some hundred megabytes, on a host busy with other tests. */
t.setTimeout(240_000)

const root = resolve(import.meta.dirname, '../..')
const cache = await Cache.open()
const tools = await Tools.open(await readLock(root), { cache, mirrors: findMirrors, progress: silent })
const names = Object.keys(JSON.parse(readFileSync(join(root, 'image/programs.json'), 'utf8'))).sort()

/** Two programs that tell how they were started. */
const TELL = `
export async function main(args: string[]): Promise<number> {
  const { execArgv, pid } = process
  console.log(JSON.stringify({ program: PROGRAM, args, execArgv, running: pid > 0 }))
  return args.length
}
`

/** A repository of two programs. */
function makeRepository(folder: string): string {
  mkdirSync(join(folder, 'image'), { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"type":"module","imports":{"#lib/*":"./daemons/lib/*"}}')
  cpSync(join(root, 'daemons/lib'), join(folder, 'daemons/lib'), { recursive: true })
  const programs: Record<string, string> = { broken: 'daemons/broken.ts' }
  for (const name of ['first', 'second_one']) {
    programs[name] = `daemons/${name}.ts`
    writeFileSync(join(folder, `daemons/${name}.ts`), TELL.replace('PROGRAM', JSON.stringify(name)))
  }
  writeFileSync(
    join(folder, 'daemons/broken.ts'),
    "import { UserError } from '#lib/errors.ts'\nexport const main = async (args: string[]) => {\n" +
      "  throw args[0] ? new Error('a bug') : new UserError('no such thing', 'do that')\n}\n",
  )
  writeFileSync(join(folder, 'image/programs.json'), JSON.stringify(programs))
  return folder
}

function run(path: string, args: string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(path, args, { encoding: 'utf8', env })
  return { status, stdout, stderr }
}

const folder = t.testdir({ one: {}, 'another, further away': { 'and deeper': {} }, names: {} })
const one = await buildBinary({
  root: makeRepository(join(folder, 'one/root')),
  cache: await Cache.open(join(folder, 'one/cache')),
  tools,
  progress: silent,
})

/** The binary by another name. */
function named(name: string): string {
  const link = join(folder, 'names', name)
  if (!existsSync(link)) symlinkSync(one.path, link)
  return link
}

const told = (program: string, args: string[]) => ({
  status: args.length,
  stdout: `${JSON.stringify({ program, args, execArgv: [], running: true })}\n`,
  stderr: '',
})

t.test('its name chooses the program', async t => {
  t.same(one.programs, ['broken', 'first', 'second_one'])
  t.same(run(named('first'), []), told('first', []))
  t.same(run(named('second_one'), ['a', 'b c']), told('second_one', ['a', 'b c']))
  t.same(run(one.path, ['second_one', 'x']), told('second_one', ['x']), 'else the first word does')
  for (const [args, complaint] of [
    [[], 'orlop: no program named; it holds: broken, first, second_one\n'],
    [['third'], 'orlop: no program third; it holds: broken, first, second_one\n'],
    [['toString'], 'orlop: no program toString; it holds: broken, first, second_one\n'],
  ] as const) {
    t.same(run(named('third'), [...args]), { status: 2, stdout: '', stderr: complaint })
  }
})

t.test('errors: one line for what a user can mend, the stack of a bug', async t => {
  t.same(run(named('broken'), []), { status: 1, stdout: '', stderr: 'broken: no such thing; do that\n' })
  const bug = run(named('broken'), ['x'])
  t.equal(bug.status, 1)
  t.match(bug.stderr, /^broken: Error: a bug\n +at /)
})

t.test('no option of Node gets in', async t => {
  const intruder = join(folder, 'intruder.cjs')
  const trace = join(folder, 'trace')
  writeFileSync(intruder, `require('fs').writeFileSync(${JSON.stringify(trace)}, 'was here')\n`)
  const env = { NODE_OPTIONS: `--require=${JSON.stringify(intruder)} --max-http-header-size=9999` }
  t.same(run(named('first'), ['x'], env), told('first', ['x']))
  t.notOk(existsSync(trace))
  t.equal(run(process.execPath, ['-e', ''], env).status, 0)
  t.ok(existsSync(trace), 'such options do get into a plain Node')
  t.same(run(named('first'), [], { NODE_OPTIONS: '--no-such-option' }), told('first', []))
  for (const word of ['--version', '--help', '--inspect-brk', '--require=x', '-e'])
    t.same(run(named('first'), [word]), told('first', [word]), `${word} is the program's`)
})

t.test('the same sources give the same bytes', async t => {
  const umask = process.umask(0o077)
  t.teardown(() => process.umask(umask))
  const far = join(folder, 'another, further away/and deeper')
  const another = await buildBinary({
    root: makeRepository(join(far, 'root')),
    cache: await Cache.open(join(far, 'cache')),
    tools,
    progress: silent,
  })
  t.not(another.path, one.path)
  t.equal(another.sha256, one.sha256)
  t.ok(readFileSync(another.path).equals(readFileSync(one.path)), 'byte by byte')
  t.notOk(readFileSync(one.path).includes(folder), 'no path of this machine')
})

t.test('the binary of this checkout', async t => {
  const binary = await buildBinary({ root, cache, tools, progress: silent })
  t.same(binary.programs, names)
  for (const name of names) {
    const help = run(binary.path, [name, '--help'])
    t.equal(help.status, 0, name)
    t.match(help.stdout, new RegExp(`^${name}: .+\\n\\nusage: `))
    t.equal(help.stderr, '')
  }
})
