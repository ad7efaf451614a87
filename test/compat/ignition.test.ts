// What is right and what is wrong in Ignition, by the original's validator and by ours. The validator of Debian knows
// versions up to 3.3.0; what it knows nothing of (keys of SSH, hashes of passwords, paths in /usr) is in no case here.
// Another validator is named by ORLOP_IGNITION_VALIDATE.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t from 'tap'
import { silent } from '#lib/progress.ts'
import { Cache } from '../../build/cache/cache.ts'
import { findMirrors } from '../../build/deb/host/apt.ts'
import { readLock } from '../../build/deb/host/repository.ts'
import { Tools } from '../../build/tools/tools.ts'
import { FILES } from '../../daemons/cloudinit/cloudconfig/cases/files.ts'
import { KEYS } from '../../daemons/cloudinit/cloudconfig/cases/keys.ts'
import { SCALARS } from '../../daemons/cloudinit/cloudconfig/cases/scalars.ts'
import { SERVICES } from '../../daemons/cloudinit/cloudconfig/cases/services.ts'
import { UNITS } from '../../daemons/cloudinit/cloudconfig/cases/units.ts'
import { compileConfig } from '../../daemons/cloudinit/config.ts'
import { compileIgnition } from '../../daemons/cloudinit/ignition/compile.ts'
import { emitPlan } from '../../daemons/cloudinit/ignition/emit.ts'

/** Fetching the package is a part of it, the first time. */
const TIMEOUT_MS = 120_000
t.setTimeout(TIMEOUT_MS)

const ROOT = resolve(import.meta.dirname, '../..')
const ignition = { version: '3.3.0' }
const hash = `sha512-${'a'.repeat(128)}`

const file = (more: object) => ({ ignition, storage: { files: [{ path: '/a', ...more }] } })
const unit = (more: object) => ({ ignition, systemd: { units: [{ name: 'a.service', ...more }] } })
const disk = (more: object) => ({
  ignition,
  storage: { filesystems: [{ device: '/dev/vdb', format: 'ext4', ...more }] },
})

/** Configurations that both accept. */
const GOOD: object[] = [
  { ignition },
  { ignition: { version: '3.0.0' } },
  file({}),
  file({
    mode: 420,
    overwrite: true,
    contents: { source: 'data:,x%20y' },
    user: { id: 0 },
    group: { name: 'g' },
  }),
  file({ overwrite: true, contents: { source: '' } }),
  file({ contents: { source: 'https://h/x', compression: 'gzip', verification: { hash } } }),
  file({ contents: { source: 'http://h/', httpHeaders: [{ name: 'X-A', value: 'b' }] } }),
  file({ append: [{ source: 'data:;base64,aGk=' }, { source: 'data:;base64,aGk=' }] }),
  file({ mode: null, contents: { compression: null, verification: { hash: null } } }),
  { ignition, storage: { directories: [{ path: '/d', mode: 493 }, { path: '/d/e' }] } },
  {
    ignition,
    storage: {
      links: [
        { path: '/l', target: '../x' },
        { path: '/h', target: '/a', hard: true },
      ],
    },
  },
  disk({ label: 'sixteen-letters-', uuid: 'e1c5b5c0-0000-4000-8000-000000000000', options: ['-m', '1'] }),
  disk({ format: 'swap', wipeFilesystem: true }),
  unit({ enabled: false, mask: false, contents: '[Unit]\nDescription=a\n' }),
  unit({ name: 'a@.socket', dropins: [{ name: 'x.conf', contents: '[Unit]\n' }] }),
  { ignition, passwd: { groups: [{ name: 'g', gid: 7 }], users: [{ name: 'u', uid: 7, groups: ['g'] }] } },
  { ignition: { ...ignition, config: { merge: [{ source: 'https://h/', verification: { hash } }] } } },
]

/** Configurations that neither accepts. */
const BAD: (object | string)[] = [
  '{',
  '[]',
  '{"ignition": {"version": "3.3.0"}',
  { ignition: {} },
  { ignition: { version: '3.9.0' } },
  { ignition: { version: '1.0.0' } },
  { ignition: { version: 3 } },
  file({ path: 'a' }),
  file({ path: '' }),
  file({ mode: '0644' }),
  file({ mode: 4096 }),
  file({ mode: 1.5 }),
  file({ overwrite: true }),
  file({ contents: 'x' }),
  file({ contents: { source: 'ftp://h/' } }),
  file({ contents: { source: '/etc/passwd' } }),
  file({ contents: { source: 'data:,x', compression: 'xz' } }),
  file({ contents: { source: 'data:,x', verification: { hash: 'md5-00' } } }),
  file({ contents: { source: 'data:,x', verification: { hash: 'sha512-00' } } }),
  file({ contents: { source: 'data:,x', httpHeaders: [{ name: 'X-A', value: 'b' }] } }),
  file({ user: { id: 5, name: 'a' } }),
  { ignition, storage: { files: [{ path: '/a' }, { path: '/a' }] } },
  { ignition, storage: { files: [{ path: '/a' }], links: [{ path: '/a', target: '/b' }] } },
  { ignition, storage: { links: [{ path: '/a', target: '/b' }], files: [{ path: '/a/c' }] } },
  { ignition, storage: { files: {} } },
  disk({ device: 'vdb' }),
  disk({ format: 'ntfs' }),
  disk({ label: 'seventeen-letters' }),
  disk({ format: 'vfat', label: 'twelve-chars' }),
  unit({ name: 'a' }),
  unit({ name: 'a.network' }),
  unit({ contents: '[Unit\n' }),
  unit({ dropins: [{ name: 'x' }] }),
  unit({ dropins: [{ name: 'x.conf' }, { name: 'x.conf' }] }),
  { ignition, systemd: { units: [{ name: 'a.service' }, { name: 'a.service' }] } },
  { ignition, passwd: { users: [{ name: 'u' }, { name: 'u' }] } },
]

const context = { cache: await Cache.open(), mirrors: findMirrors, progress: silent }
const { programs } = await Tools.open(await readLock(ROOT), context, 'originals')
const validator = process.env.ORLOP_IGNITION_VALIDATE || join(programs, 'ignition-validate')
if (!existsSync(validator)) throw new Error(`${validator}, a program to compare with, is not there`)
const folder = await mkdtemp(join(tmpdir(), 'orlop-ignition-'))
t.teardown(() => rm(folder, { recursive: true }))

/** Whether the original accepts a configuration, and what it says. */
async function ask(text: string): Promise<{ accepted: boolean; said: string }> {
  const path = join(folder, 'config.ign')
  await writeFile(path, text)
  return await new Promise(resolve =>
    execFile(validator, [path], (error, stdout, stderr) =>
      resolve({ accepted: error === null, said: `${stdout}${stderr}`.trim() }),
    ),
  )
}

function accepts(text: string): boolean {
  return !compileIgnition(text, 'ignition').findings.some(({ severity }) => severity === 'error')
}

for (const [expected, cases] of [
  [true, GOOD],
  [false, BAD],
] as const) {
  t.test(expected ? 'what both accept' : 'what neither accepts', async t => {
    for (const config of cases) {
      const text = typeof config === 'string' ? config : JSON.stringify(config)
      const { accepted, said } = await ask(text)
      t.equal(accepted, expected, `the original: ${text} ${said}`)
      t.equal(accepts(text), expected, `ours: ${text}`)
    }
  })
}

t.test('a key that is not known is a warning to both, at the same place', async t => {
  const text = '{"ignition": {"version": "3.3.0"},\n "colour": 1}'
  const { accepted, said } = await ask(text)
  t.ok(accepted)
  t.match(said, /line 2 col 2/)
  t.match(compileIgnition(text, 'ignition').findings, [{ severity: 'warning', line: 2, column: 2 }])
})

/** All configurations of the table, and the sample, as long as they can be applied. */
async function* applicable(): AsyncGenerator<[string, Buffer]> {
  for (const { name, config } of [SCALARS, KEYS, FILES, UNITS, SERVICES].flat())
    yield [name, Buffer.from(`#cloud-config\n${config}`)]
  yield ['the sample', await readFile(join(ROOT, 'image/examples/user-data'))]
  yield ['a script', Buffer.from('#!/bin/sh\necho "100%"\n')]
  for (const config of GOOD) yield ['Ignition', Buffer.from(JSON.stringify(config))]
}

t.test('all that is emitted is accepted by the original', async t => {
  let count = 0
  for await (const [name, bytes] of applicable()) {
    const { plan, findings } = compileConfig(bytes, { substitutes: { private_ipv4: '10.0.0.1' } })
    if (findings.some(({ severity }) => severity === 'error')) continue
    const { text, mistakes } = emitPlan(plan, 'ignition')
    const { accepted, said } = await ask(text)
    // Refused by ours already; the original is less strict here and there.
    if (mistakes.length > 0) continue
    t.ok(accepted && said === '', `${name}: ${said} ${text}`)
    const butane = emitPlan(plan, 'butane').text
    const again = compileConfig(Buffer.from(butane), { substitutes: {} })
    t.same(again.findings, [], `${name}: Butane: ${butane}`)
    t.same(
      JSON.parse(emitPlan(again.plan, 'ignition').text),
      JSON.parse(text),
      `${name}: Butane says the same`,
    )
    count++
  }
  t.ok(count > 100, `${count} were emitted`)
})
