// Packs the binary of this checkout with the real tools, as it goes into images. What it does with its name, its
// arguments and its environment is tested beside the packer, with small programs.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
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
const binary = await buildBinary({ root, cache, tools, progress: silent })

function run(path: string, args: string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(path, args, { encoding: 'utf8', env })
  return { status, stdout, stderr }
}

t.test('every program of the list is in it and explains itself', async t => {
  t.same(binary.programs, names)
  for (const name of names) {
    const help = run(binary.path, [name, '--help'])
    t.match(help, { status: 0, stderr: '' }, name)
    t.match(help.stdout, /^usage: |\n\nUSAGE:\n|\nusage: /i, name)
    t.match(help.stdout, name)
    t.match(run(binary.path, [name, '--no-such-option']), {
      status: /^[12]$/,
      stderr: /no-such-option/,
    })
  }
})

t.test('no option of Node gets in', async t => {
  const folder = t.testdir()
  const intruder = join(folder, 'intruder.cjs')
  const trace = join(folder, 'trace')
  writeFileSync(intruder, `require('fs').writeFileSync(${JSON.stringify(trace)}, 'was here')\n`)
  const env = { NODE_OPTIONS: `--require=${JSON.stringify(intruder)}` }
  for (const name of names) {
    t.same(run(binary.path, [name, '--help'], env), run(binary.path, [name, '--help']), name)
    t.notOk(existsSync(trace))
  }
  t.equal(run(process.execPath, ['-e', ''], env).status, 0)
  t.ok(existsSync(trace), 'such options do get into a plain Node')
})

t.test('another cache, at another time, by a careful user: the same bytes', async t => {
  const umask = process.umask(0o077)
  t.teardown(() => process.umask(umask))
  const elsewhere = await Cache.open(join(t.testdir(), 'a longer path', 'cache'))
  const another = await buildBinary({ root, cache: elsewhere, tools, progress: silent })
  t.not(another.path, binary.path)
  t.equal(another.sha256, binary.sha256)
  t.ok(readFileSync(another.path).equals(readFileSync(binary.path)), 'byte by byte')
  t.notOk(readFileSync(binary.path).includes(root), 'no path of this machine')
})
