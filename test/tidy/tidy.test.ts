// The rules of the house, read from the sources. Each rule is first shown something that breaks it.

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { findMirrors } from '../../build/deb/host/apt.ts'
import { checkArrows, checkDataFolders } from './arrows.ts'
import { checkManifest } from './manifest.ts'
import { checkPurity } from './purity.ts'
import { checkDocs, checkLength, checkMarks } from './shape.ts'
import { listSources, ROOT, type Source } from './sources.ts'
import { checkJson, checkPlaces, checkSecrets } from './texts.ts'

const sources = await listSources()
const file = (path: string, text: string): Source => ({ path, text })

t.test('there is something to check', t => {
  t.ok(sources.some(({ path }) => path === 'build/image.ts'))
  t.ok(sources.length > 100)
  t.end()
})

t.test('imports follow the arrows of the architecture', t => {
  const planted: [path: string, text: string, problem: RegExp | undefined][] = [
    ['daemons/lib/x.ts', "import { a } from '../../build/a.ts'", /nothing of ours/],
    ['update-engine/x.ts', "import { a } from '../build/a.ts'", /may import from daemons\/lib/],
    ['update-engine/x.ts', "import { a } from '#lib/a.ts'", undefined],
    ['build/x.ts', "import { a } from '../daemons/etcd/a.ts'", /not from daemons\/etcd/],
    ['build/x.ts', "import a from '../image/a.json'", /data is read as a file/],
    ['build/x.ts', "import { a } from '../test/a.ts'", /not from test/],
    ['build/cli/x.ts', "const a = await import('../../update-engine/slots/a.ts')", undefined],
    ['daemons/fleet/x.ts', "import { a } from '../etcd/store.ts'", /not from daemons\/etcd/],
    ['daemons/fleet/x.ts', "import { a } from '../etcd/client.ts'", undefined],
    ['daemons/fleet/x.ts', "import { a } from 'systemd-journald-ts'", undefined],
    ['daemons/fleet/x.ts', "import { a } from '../journald/read/file.ts'", /not from daemons\/journald/],
    ['daemons/lib/x.ts', "import { a } from 'systemd-journald-ts'", /nothing of ours/],
    ['daemons/journald/x.ts', "import { a } from '#lib/a.ts'", /nothing of ours/],
    ['daemons/etcd/x.ts', "import tar from 'tar-stream'", /needs Node only/],
    ['build/deb/x.ts', "import pty from 'node-pty'", /stays on the host/],
    ['build/deb/x.ts', "import t from 'tap'", /for tests/],
    ['build/deb/x.test.ts', "import t from 'tap'", undefined],
  ]
  for (const [path, text, problem] of planted) {
    const found = checkArrows([file(path, text)]).join('\n')
    if (problem === undefined) t.equal(found, '', `${path}: ${text}`)
    else t.match(found, problem, `${path}: ${text}`)
  }
  t.same(checkArrows(sources), [])
  t.end()
})

t.test('image/ and kernel-config/ hold no code', t => {
  for (const name of ['a.ts', 'deep/a.py', 'a.mjs', 'a.js'])
    t.match(checkDataFolders([file(`image/${name}`, '')]), [/is code/], name)
  t.same(checkDataFolders([file('image/initrd/init', '#!/bin/sh')]), [])
  t.same(checkDataFolders(sources), [])
  t.end()
})

t.test('pure files are pure', t => {
  const planted: [text: string, problem: RegExp][] = [
    ["import { readFile } from 'node:fs/promises'", /node:fs\/promises is not/],
    ["import { a } from './impure.ts'", /impure\.ts is not/],
    ['const a = Date.now()', /a\.ts:1 .* Date\.now/],
    ['const a = 1\nconst b = new Date()', /a\.ts:2/],
    ['const a = Math.random()', /Math\.random/],
    ['setTimeout(() => 1, 2)', /setTimeout/],
    ["const a = process.env['HOME']", /process/],
  ]
  for (const [text, problem] of planted)
    t.match(checkPurity([file('build/a.ts', text)], ['build/a.ts']).join('\n'), problem, text)
  const innocent =
    "// process.env\nimport type { A } from './impure.ts'\nconst a = record.process.pid + 'Date.now'"
  t.same(checkPurity([file('build/a.ts', innocent)], ['build/a.ts']), [])
  t.match(checkPurity([], ['build/a.ts']), [/gone/])
  t.same(checkPurity(sources), [])
  t.end()
})

t.test('files and functions fit', t => {
  const long = `export function f(a: number): void {\n${'  a\n'.repeat(69)}}\n`
  t.match(checkLength([file('build/a.ts', long)]), [/a\.ts:1 is a function of 71 lines/])
  t.same(checkLength([file('build/a.ts', long.replace('  a\n', ''))]), [])
  t.match(checkLength([file('build/a.ts', '// long\n'.repeat(3000))]), [/has 24000 bytes/])
  t.same(checkLength([file('build/a.test.ts', '// long\n'.repeat(3000))]), [])
  t.same(checkLength(sources), [])
  t.end()
})

t.test('work is finished and things say what they are', t => {
  t.match(checkMarks([file('docs/a.md', `one\n${'TO'}${'DO'}: two`)]), [/a\.md:2/])
  t.same(checkMarks(sources), [])
  t.match(checkDocs([file('build/a.ts', 'export function f() {}')]), [/exports f without/])
  t.match(checkDocs([file('build/a.ts', '// note\nexport const A = 1')]), [/exports A without/])
  t.same(checkDocs([file('build/a.ts', '/** Bounds. */\nexport const A = 1\nexport const B = 2')]), [])
  t.match(checkDocs([file('build/a.ts', '/** A. */\nexport const A = 1\n\nexport const B = 2')]), [
    /exports B/,
  ])
  t.same(checkDocs(sources), [])
  t.end()
})

t.test('no key, no name of one machine, no broken JSON', async t => {
  t.match(checkSecrets([file('image/a', `-----BEGIN OPENSSH ${'PRIVATE'} KEY-----`)]), [/image\/a/])
  t.same(checkSecrets([file('image/a', '-----BEGIN PGP PUBLIC KEY BLOCK-----')]), [])
  t.same(checkSecrets(sources), [])
  t.match(checkPlaces([file('a', 'x\nget http://mirror.example/debian')], ['mirror.example']), [/a:2/])
  for (const place of [`/${'work'}/main/x`, `/${'home'}/somebody/x`])
    t.match(checkPlaces([file('a', place)], []), [/folder of one machine/], place)
  t.same(checkPlaces([file('a', '/home/core/x, /root/x, ~/work')], []), [])
  const hosts = await packageHosts()
  t.ok(hosts.length > 0, 'this machine has package sources')
  t.same(checkPlaces(sources, hosts), [])
  t.match(checkJson([file('image/a.json', '{')]), [/image\/a\.json/])
  t.same(checkJson(sources), [])
})

t.test('dependencies are exact, used and declared', async t => {
  const code = [file('build/a.ts', "import a from '@x/a/b'\nimport c from 'c'")]
  t.match(checkManifest({ dependencies: { '@x/a': '^1.0.0', c: '1.0.0', d: '1.0.0' } }, code), [
    /@x\/a \^1\.0\.0 is no exact version/,
    /nothing uses d/,
  ])
  t.match(checkManifest({ dependencies: { '@x/a': '1.0.0' } }, code), [/lacks c/])
  t.same(checkManifest({ dependencies: { '@x/a': '1.0.0', c: 'npm:@y/c@1.0.0' } }, code), [])
  const own = [
    file('a/package.json', '{"name": "ours", "dependencies": {"c": "1.0.0", "e": "2.0.0"}}'),
    file('build/a.ts', "import c from 'c'\nimport ours from 'ours'"),
  ]
  const root = { workspaces: ['a'], dependencies: { c: '1.0.0' } }
  t.same(checkManifest(root, own), ['a/package.json: e 2.0.0 is not there in package.json'])
  t.match(checkManifest({ dependencies: { c: '1.0.0' } }, own), [/lacks ours/])
  t.same(checkManifest(JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')), sources), [])
})

/** The hosts that this machine gets Debian and npm packages from, but for names that mean it itself. */
async function packageHosts(): Promise<string[]> {
  const mirrors = await findMirrors()
  const npm = await promisify(execFile)('npm', ['config', 'get', 'registry'], { cwd: ROOT })
  const urls = [mirrors.main, mirrors.security, mirrors.proxy, npm.stdout.trim()]
  const hosts = urls.filter(url => typeof url === 'string').map(url => new URL(url).hostname)
  return [...new Set(hosts)].filter(host => host !== 'localhost' && !/^127\.|^\[?::1/.test(host))
}
