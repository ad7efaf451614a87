// The command line itself: help, and what it says to words it does not know.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { COMMANDS } from '../../build/cli/commands.ts'
import { FILE_TIMEOUT_MS } from '../vm/lib/guest.ts'
import { ROOT } from '../vm/lib/image.ts'
import { saysOneLine } from './lib/answer.ts'
import { runOrlop, type Said } from './lib/checkout.ts'

t.setTimeout(FILE_TIMEOUT_MS)

const orlop = (...words: string[]): Promise<Said> => runOrlop({ checkout: ROOT, words })

t.test('help, version, and the launcher', async t => {
  const overview = await orlop('--help')
  t.match(overview, { code: 0, stderr: '' })
  for (const { name } of COMMANDS) t.match(overview.stdout, new RegExp(`^  ${name} `, 'm'))
  t.same(await orlop(), overview, 'without words')
  t.match(await orlop('--version'), { code: 0, stdout: /^orlop \d+\.\d+\.\d+\n$/ })
  const launched = await new Promise<string>(resolve =>
    execFile(process.execPath, [join(ROOT, 'build/cli/orlop.mjs'), '--help'], (_error, stdout) =>
      resolve(stdout),
    ),
  )
  t.equal(launched, overview.stdout, 'through the launcher')
})

t.test('every command explains itself, with examples', async t => {
  for (const { name, examples } of COMMANDS) {
    const { code, stdout, stderr } = await orlop(name, '--help')
    t.same({ code, stderr }, { code: 0, stderr: '' }, name)
    t.match(stdout, `usage: orlop ${name}`)
    t.ok(examples.length > 0 && stdout.includes(examples[0]![0]), `${name} has examples`)
  }
})

t.test('wrong words get one line and status 2', async t => {
  const cases: [words: string[], pattern: RegExp][] = [
    [['frobnicate'], /no command 'frobnicate'; it has build, /],
    [['help', 'frobnicate'], /no command 'frobnicate'/],
    [['build', '--frobnicate'], /build: Unknown option '--frobnicate'; see orlop build --help/],
    [['build', 'extra'], /build: wrong number of operands; usage: orlop build/],
    [['build', '--format'], /build: .*--format/],
    [['inspect'], /inspect: wrong number of operands; usage: orlop inspect IMAGE/],
    [['diff', 'one'], /diff: wrong number of operands/],
  ]
  for (const [words, pattern] of cases)
    await t.test(words.join(' '), async t => saysOneLine(t, await orlop(...words), pattern, 2))
})

t.test('right words for things that are not there get one line and status 1', async t => {
  const folder = t.testdir({ 'no.raw': 'this is no disk image', 'empty.raw': '' })
  const cases: [words: string[], pattern: RegExp][] = [
    [['build', '--format', 'tape'], /tape.*raw.*qcow2.*vmdk/],
    [['inspect', '/nonexistent.raw'], /\/nonexistent\.raw: no such file/],
    [['inspect', `${folder}/no.raw`], /no\.raw/],
    [['verify', `${folder}/empty.raw`], /empty\.raw/],
    [['diff', `${folder}/no.raw`, `${folder}/no.raw`], /no\.raw/],
  ]
  for (const [words, pattern] of cases) {
    await t.test(words.join(' '), async t => {
      const said = await orlop(...words, '--quiet')
      saysOneLine(t, said, pattern, said.code === 2 ? 2 : 1)
    })
  }
})
