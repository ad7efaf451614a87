import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { compileConfig } from '../../config.ts'
import { describeStep } from '../../plan/describe.ts'
import { localsOf } from './folder.ts'

t.test('what is in a folder, and what is not', async t => {
  const base = await mkdtemp(join(tmpdir(), 'locals-'))
  t.teardown(async () => await rm(base, { recursive: true }))
  const folder = join(base, 'files')
  await mkdir(join(folder, 'deep'), { recursive: true })
  await writeFile(join(folder, 'plain'), 'text')
  await writeFile(join(folder, 'deep', 'run'), '#!/bin/sh\n')
  await chmod(join(folder, 'deep', 'run'), 0o755)
  await symlink('plain', join(folder, 'link'))
  await writeFile(join(base, 'secret'), 'secret')
  await symlink('..', join(folder, 'out'))
  const locals = localsOf(folder)
  t.same(locals('plain'), { kind: 'file', bytes: Buffer.from('text'), isExecutable: false })
  t.match(locals('deep/run'), { kind: 'file', isExecutable: true })
  t.same(locals('deep'), { kind: 'directory', names: ['run'] })
  t.same(locals('link'), { kind: 'link', target: 'plain' })
  t.equal(locals('none'), undefined)
  t.equal(locals('plain/none'), undefined)
  t.throws(() => locals('out/secret'), /is outside of/)
  t.throws(() => localsOf(join(folder, 'plain')), /is no folder/)
  t.throws(() => localsOf(join(folder, 'none')), /is no folder/)

  const butane =
    'variant: flatcar\nversion: 1.0.0\nstorage:\n  files:\n    - path: /a\n      contents:\n        local: plain\n  trees:\n    - local: deep\n      path: /opt\n'
  const { plan, findings } = compileConfig(Buffer.from(butane), { substitutes: {} }, { locals })
  t.same(findings, [])
  t.same(plan.steps.map(describeStep), ['file /a, 4 bytes', 'file /opt/run 0755, 10 bytes'])
  const without = compileConfig(Buffer.from(butane), { substitutes: {} }, {})
  t.ok(without.findings.length > 0)
})
