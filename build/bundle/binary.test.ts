import { spawnSync } from 'node:child_process'
import { copyFile, cp, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { silent } from '#lib/progress.ts'
import { Cache } from '../cache/cache.ts'
import { buildBinary, bundlePrograms } from './binary.ts'
import { measureBinary } from './measure.ts'

/** Two times a hundred megabytes are written and started, on a host that may be busy. */
t.setTimeout(180_000)

const repository = fileURLToPath(new URL('../..', import.meta.url))

/** Stands for the tools tree: what is tested here does not need a stripped Node. */
const tools = {
  folder: '/nowhere/none',
  run: async (_program: string, [, output, input]: string[]) => {
    await copyFile(input!, output!)
    return { stdout: '', stderr: '' }
  },
}

const TALKER = `import { UserError } from '#lib/errors.ts'
export async function main(args: string[]): Promise<number> {
  if (args[0] === 'user-error') throw new UserError('no such thing', 'try another')
  if (args[0] === 'bug') throw new TypeError('a bug')
  console.log(JSON.stringify({ args, execArgv: process.execArgv, coverage: process.env['NODE_V8_COVERAGE'] ?? null }))
  return args[0] === 'seven' ? 7 : 0
}
`
const LOUD = `console.log('loud was evaluated')
export async function main(): Promise<number> { return 0 }
`

/** A repository with two programs of its own. */
async function makeRepository(folder: string): Promise<string> {
  for (const name of ['image', 'daemons']) await mkdir(join(folder, name), { recursive: true })
  await cp(join(repository, 'daemons/lib'), join(folder, 'daemons/lib'), { recursive: true })
  await writeFile(join(folder, 'package.json'), '{"type":"module","imports":{"#lib/*":"./daemons/lib/*"}}')
  await writeFile(
    join(folder, 'image/programs.json'),
    '{"talker":"daemons/talker.ts","loud":"daemons/loud.ts"}',
  )
  await writeFile(join(folder, 'daemons/talker.ts'), TALKER)
  await writeFile(join(folder, 'daemons/loud.ts'), LOUD)
  return folder
}

async function buildIn(folder: string) {
  const root = await makeRepository(join(folder, 'repository'))
  const cache = await Cache.open(join(folder, 'cache'))
  return { root, cache, binary: await buildBinary({ root, cache, tools, progress: silent }) }
}

t.test('the single binary', async t => {
  const folder = t.testdir()
  const { root, cache, binary } = await buildIn(join(folder, 'one'))
  const link = join(folder, 'talker')
  await symlink(binary.path, link)
  const run = (file: string, args: string[], env: Record<string, string> = {}, argv0?: string) => {
    const { status, stdout, stderr } = spawnSync(file, args, {
      env: { PATH: process.env['PATH'], ...env },
      encoding: 'utf8',
      ...(argv0 === undefined ? {} : { argv0 }),
    })
    return { status, stdout, stderr }
  }

  t.test('is what it says', async t => {
    t.equal((await stat(binary.path)).size, binary.size)
    t.ok((await stat(binary.path)).mode & 0o111, 'executable')
    t.same(binary.programs, ['loud', 'talker'])
    t.ok(binary.bundleBytes > 500 && binary.bundleBytes < 20_000, `${binary.bundleBytes} bytes of bundle`)
    t.notOk((await readFile(binary.path)).includes(folder), 'no path of the build in it')
  })

  t.test('is chosen by name', async t => {
    const expected = { args: ['x', '--y'], execArgv: [], coverage: null }
    for (const { stdout, stderr, status } of [
      run(link, ['x', '--y']),
      run(binary.path, ['talker', 'x', '--y']),
      run(binary.path, ['x', '--y'], {}, 'talker'),
    ]) {
      t.same({ stderr, status }, { stderr: '', status: 0 })
      t.same(JSON.parse(stdout), expected, 'and the other program is not evaluated')
    }
    t.match(run(binary.path, ['loud']), { status: 0, stdout: 'loud was evaluated\n' })
    for (const unknown of [
      run(binary.path, []),
      run(binary.path, ['nothing']),
      run(binary.path, ['constructor']),
    ])
      t.match(unknown, { status: 2, stdout: '', stderr: /^orlop: no program .*it holds: loud, talker\n$/ })
  })

  t.test('tells failures from bugs', async t => {
    t.match(run(link, ['seven']), { status: 7 })
    t.same(run(link, ['user-error']), {
      status: 1,
      stdout: '',
      stderr: 'talker: no such thing; try another\n',
    })
    t.match(run(link, ['bug']), { status: 1, stderr: /^talker: TypeError: a bug\n {4}at / })
  })

  t.test("does what its caller's environment says in nothing", async t => {
    const evil = join(folder, 'evil.cjs')
    await writeFile(evil, "console.log('evil')")
    const control = run(process.execPath, ['-e', ''], { NODE_OPTIONS: `--require ${evil}` })
    t.equal(control.stdout, 'evil\n', 'the trap works on a plain Node')
    const { stdout, stderr } = run(link, [`--node-options=--require=${evil}`], {
      NODE_OPTIONS: `--require ${evil} --max-old-space-size=20 --no-such-option`,
      NODE_EXTRA_CA_CERTS: '/etc/ssl/certs/ca-certificates.crt',
    })
    t.same([JSON.parse(stdout).execArgv, stderr], [[], ''])
  })

  t.test('writes no coverage where its caller wants it', async t => {
    const coverage = join(folder, 'coverage')
    const plain = run(process.execPath, ['-e', ''], { NODE_V8_COVERAGE: coverage })
    t.same([plain.status, (await readdir(coverage)).length], [0, 1], 'a plain Node does')
    const { status, stdout } = run(link, [], { NODE_V8_COVERAGE: coverage })
    t.equal(status, 0)
    t.equal(JSON.parse(stdout).coverage, null, 'nor do its children inherit it')
    t.equal((await readdir(coverage)).length, 1, 'no file more')
  })

  t.test('is made once, and the same in another folder', async t => {
    const again = await buildBinary({
      root,
      cache,
      tools: { ...tools, run: async () => t.fail('packed again') as never },
      progress: silent,
    })
    t.same(again, binary)
    const other = (await buildIn(join(folder, 'another'))).binary
    t.equal(other.sha256, binary.sha256)
    t.ok((await readFile(other.path)).equals(await readFile(binary.path)), 'byte for byte')
  })

  t.test('is measured', async t => {
    const { startMs, ...sizes } = await measureBinary(binary, 'talker')
    t.same(sizes, { bundleBytes: binary.bundleBytes, binaryBytes: binary.size })
    t.ok(startMs.min > 1 && startMs.min <= startMs.median, JSON.stringify(startMs))
    await t.rejects(measureBinary(binary, 'nothing'), /nothing --help of .* ended with status 2/)
  })
})

t.test('a program that does not compile is named with its line', async t => {
  const root = await makeRepository(join(t.testdir(), 'r'))
  await writeFile(join(root, 'daemons/talker.ts'), 'export const x = 1\nexport const y = = 2\n')
  const programs = new Map([['talker', 'daemons/talker.ts']])
  await t.rejects(bundlePrograms(root, programs), { name: 'UserError', message: /^daemons\/talker\.ts:2: / })
  await t.rejects(bundlePrograms(root, new Map([['gone', 'daemons/gone.ts']])), {
    name: 'UserError',
    message: /daemons\/gone\.ts/,
  })
})
