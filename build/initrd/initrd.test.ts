import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import t from 'tap'
import { silent } from '#lib/progress.ts'
import { Cache } from '../cache/cache.ts'
import { makeElf } from '../rootfs/fixture-elf.ts'
import { file, link, treeOf } from '../rootfs/fixtures.ts'
import { programsWithLibraries } from './closure.ts'
import { makeInitrd } from './initrd.ts'

const LIB = 'usr/lib/x86_64-linux-gnu'
const interpreter = '/lib64/ld-linux-x86-64.so.2'
const root = () =>
  treeOf(
    link('lib64', 'usr/lib64'),
    link('usr/lib64/ld-linux-x86-64.so.2', '../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2'),
    file(`${LIB}/ld-linux-x86-64.so.2`, makeElf({ soname: 'ld-linux-x86-64.so.2' })),
    file('usr/sbin/dmsetup', makeElf({ interpreter, needed: ['liba.so.1', 'libc.so.6'] }), { mode: 0o755 }),
    file('usr/sbin/e2fsck', makeElf({ interpreter, needed: ['libc.so.6'] }), { mode: 0o755 }),
    link(`${LIB}/liba.so.1`, 'liba.so.1.2.3'),
    file(`${LIB}/liba.so.1.2.3`, makeElf({ soname: 'liba.so.1', needed: ['libc.so.6'] })),
    file(`${LIB}/libc.so.6`, makeElf({ soname: 'libc.so.6', needed: ['ld-linux-x86-64.so.2'] })),
    file(`${LIB}/libunused.so.1`, makeElf({ soname: 'libunused.so.1' })),
  )

t.test('programs come with their loader and libraries, under the names they are looked for', async t => {
  const found = programsWithLibraries(root(), ['usr/sbin/dmsetup'])
  t.same(
    found.map(({ path }) => path),
    [
      `${LIB}/ld-linux-x86-64.so.2`,
      `${LIB}/liba.so.1`,
      `${LIB}/libc.so.6`,
      'usr/lib64/ld-linux-x86-64.so.2',
      'usr/sbin/dmsetup',
    ],
  )
  t.equal(found[1]?.file.path, `${LIB}/liba.so.1.2.3`)
})

t.test('what the root lacks is named', async t => {
  t.throws(() => programsWithLibraries(root(), ['usr/sbin/none']), /the initrd needs usr\/sbin\/none/)
  const lacking = root()
  lacking.remove(`${LIB}/libc.so.6`)
  t.throws(
    () => programsWithLibraries(lacking, ['usr/sbin/e2fsck']),
    /needs libc\.so\.6, which the root does not have/,
  )
  t.throws(
    () => programsWithLibraries(treeOf(file('usr/sbin/x', '#!/bin/sh')), ['usr/sbin/x']),
    /not a program/,
  )
})

t.test('the same parts give the same archive, with init and the console in it', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'orlop-test-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const content = (text: string) => ({ kind: 'bytes' as const, bytes: Buffer.from(text) })
  const make = async (name: string) => {
    const cache = await Cache.open(join(folder, name))
    const modules = [file('usr/lib/modules/6/modules.dep', 'dep', { mtime: 1234 })]
    const parts = {
      busybox: content('busybox'),
      root: root(),
      modules,
      init: content('#!/bin/busybox sh\n'),
      mtime: 7,
    }
    return await makeInitrd(parts, { cache, progress: silent })
  }
  const [first, second] = [await make('one'), await make('two')]
  t.equal(first.sha256, second.sha256)
  const archive = zstdDecompressSync(await readFile(first.path)).toString('latin1')
  for (const name of [
    'init',
    'dev/console',
    'sbin/modprobe',
    'usr/lib/modules/6/modules.dep',
    'bin/busybox',
  ]) {
    t.ok(archive.includes(`${name}\0`), name)
  }
})
