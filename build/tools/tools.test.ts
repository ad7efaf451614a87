import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { UserError } from '#lib/errors.ts'
import { silent } from '#lib/progress.ts'
import { Cache } from '../cache/cache.ts'
import type { Lock } from '../deb/lock.ts'
import { lockedAs, makeDeb } from '../deb/testing/deb.ts'
import { ToolError, Tools } from './tools.ts'

const SCRIPTS: Record<string, string> = {
  show: 'printf "%s\\n" "$@"; pwd',
  environment: 'env',
  fail: 'echo first >&2; echo "second line" >&2; exit 7',
  copy: 'cat',
  deaf: 'exit 0',
  forever: 'echo started >&2; exec sleep 1000',
  suicide: 'kill -TERM $$',
}

/** Tools made of shell scripts, opened as those of a real lock. */
async function setUp(
  test: Test,
): Promise<{ tools: Tools; cache: Cache; open: () => Promise<Tools>; folder: string }> {
  const items = Object.entries(SCRIPTS).map(([name, text]) => ({
    name: `./usr/bin/${name}`,
    mode: 0o755,
    content: `#!/bin/sh\n${text}\n`,
  }))
  const data = [
    { name: './usr/sbin/x', mode: 0o644, content: 'data' },
    { name: './usr/bin/other', type: 'symlink' as const, linkname: 'show' },
    { name: './usr/bin/dangling', type: 'symlink' as const, linkname: 'none' },
  ]
  const bytes = await makeDeb({ name: 'scripts', items: [...items, ...data] })
  const folder = test.testdir()
  const cache = await Cache.open(join(folder, 'cache'))
  const item = lockedAs('scripts', bytes)
  mkdirSync(join(cache.root, 'debs'))
  writeFileSync(cache.path('debs', item.sha256), bytes)
  const lock: Lock = {
    version: 1,
    date: 1,
    request: '',
    suites: [],
    groups: { tools: ['scripts'] },
    packages: [item],
  }
  const mirrors = () => Promise.reject(new Error('no mirror is needed'))
  const open = () => Tools.open(lock, { cache, mirrors, progress: silent })
  return { tools: await open(), cache, open, folder }
}

t.test('runs programs by name and by path', async t => {
  const { tools, folder } = await setUp(t)
  t.equal((await tools.run('show', ['a b', "c'd"], { cwd: folder })).stdout, `a b\nc'd\n${folder}\n`)
  t.match((await tools.run('usr/bin/other', ['x'])).stdout, /^x\n/)
  await t.rejects(tools.run('absent', []), {
    name: 'UserError',
    message: /no program absent/,
    hint: /packages.json/,
  })
})

t.test("gets nothing of the host's environment", async t => {
  const { tools } = await setUp(t)
  process.env['LEAK'] = '1'
  process.env['LC_ALL'] = 'tr_TR.UTF-8'
  const { stdout } = await tools.run('environment', [], { env: { SOURCE_DATE_EPOCH: '5' } })
  const names = stdout.split('\n').map(line => line.split('=', 1)[0])
  t.notMatch(stdout, /LEAK|tr_TR/)
  for (const name of ['LC_ALL', 'TZ', 'PATH', 'SOURCE_DATE_EPOCH']) t.ok(names.includes(name), name)
})

t.test('a program that fails is shown with its complaint', async t => {
  const { tools } = await setUp(t)
  const error = await tools.run('fail', ["it's", 'x']).catch(error => error)
  t.ok(error instanceof ToolError && error instanceof UserError)
  t.equal(error.message, "`fail 'it'\\''s' x` failed with status 7: first; second line")
  t.equal(error.status, 7)
  t.match(await tools.run('suicide', []).catch(error => error.message), /was ended by SIGTERM/)
})

t.test('input and output', async t => {
  const { tools, folder } = await setUp(t)
  const bytes = Buffer.alloc(300_000, 'x\0\xff', 'latin1')
  t.same((await tools.runBytes('copy', [], { input: bytes })).stdout, bytes)
  t.same(
    (await tools.runBytes('copy', [], { input: Readable.from([bytes, bytes]) })).stdout,
    Buffer.concat([bytes, bytes]),
  )
  t.equal((await tools.run('copy', [])).stdout, '', 'nothing to read')
  const path = join(folder, 'out')
  await tools.run('copy', [], { input: bytes, stdout: { path } })
  t.same(readFileSync(path), bytes)
  await tools.run('deaf', [], { input: Buffer.alloc(1_000_000) })
  const broken = Readable.from(
    (function* () {
      yield Buffer.from('x')
      throw new UserError('the source broke')
    })(),
  )
  await t.rejects(
    tools.run('copy', [], { input: broken }),
    { message: 'the source broke' },
    'half an input is no success',
  )
  await t.rejects(tools.run('fail', [], { input: Buffer.alloc(1_000_000) }), { message: /status 7: first/ })
})

t.test('an interruption ends the program', async t => {
  const { tools } = await setUp(t)
  const stop = new AbortController()
  const running = tools.run('forever', [], { signal: stop.signal })
  setTimeout(() => stop.abort(new UserError('interrupted')), 100)
  await t.rejects(running, { message: 'interrupted' })
  await t.rejects(tools.run('show', [], { signal: stop.signal }), { message: 'interrupted' })
})

t.test('programs that start others find them by PATH', async t => {
  const { tools } = await setUp(t)
  const env = { PATH: `${tools.programs}:/usr/bin:/bin` }
  t.match(
    execFileSync('/bin/sh', ['-c', 'show one "two three"'], { env, encoding: 'utf8' }),
    /^one\ntwo three\n/,
  )
})

t.test('the tree', async t => {
  const { tools, cache, open } = await setUp(t)
  t.equal(statSync(tools.path('usr/bin/show')).mode & 0o777, 0o755)
  t.equal(statSync(tools.path('usr/sbin/x')).nlink, 2, 'plain files share the space of the cache')
  rmSync(join(cache.root, 'debs'), { recursive: true })
  t.equal((await open()).folder, tools.folder, 'the packages are not needed again')
})
