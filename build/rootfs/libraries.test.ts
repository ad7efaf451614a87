import t from 'tap'
import type { ReadAt } from './content.ts'
import { readElf } from './elf.ts'
import { makeElf } from './fixture-elf.ts'
import { directory, file, link, treeOf } from './fixtures.ts'
import { compareNames, decodeCache, encodeCache } from './ldcache.ts'
import { libraryCache, libraryFolders, readElfFiles } from './libraries.ts'

const reader =
  (bytes: Uint8Array): ReadAt =>
  (offset, length) =>
    bytes.subarray(offset, offset + length)

t.test('an ELF file tells its name, needs, loader and run path', async t => {
  const wants = { soname: 'liba.so.1', needed: ['libc.so.6', 'libb.so'], runpath: '/x:$ORIGIN' }
  t.match(readElf(reader(makeElf(wants))), {
    bits: 64,
    machine: 62,
    soname: 'liba.so.1',
    needed: ['libc.so.6', 'libb.so'],
    runpath: ['/x', '$ORIGIN'],
    interpreter: undefined,
  })
  t.match(readElf(reader(makeElf({ interpreter: '/lib64/ld.so' }))), {
    interpreter: '/lib64/ld.so',
    needed: [],
  })
})

t.test('what is no ELF file is told from a broken one', async t => {
  t.equal(readElf(reader(Buffer.from('#!/bin/sh\n'))), undefined)
  t.equal(readElf(reader(Buffer.alloc(0))), undefined)
  const good = makeElf({ soname: 'x' })
  t.throws(() => readElf(reader(good.subarray(0, 100))), /outside the file/)
  const strings = Buffer.from(good)
  strings.writeBigUInt64LE(99n, 64 + 3 * 56 + 8)
  t.throws(() => readElf(reader(strings)), /name lies outside/)
  const nowhere = Buffer.from(good)
  nowhere.writeBigUInt64LE(0n, 64 + 32)
  t.throws(() => readElf(reader(nowhere)), /outside all segments/)
})

t.test('names are ordered as glibc orders them', async t => {
  const rising = [
    'a.so.b',
    'a.so.2',
    'a.so.10',
    'ab.so',
    'lib-x',
    'libcap.so.2',
    'libcap-ng.so.0',
    'libca1.so',
  ]
  for (const [index, name] of rising.entries()) t.equal(compareNames(name, name), 0, `${index}`)
  t.ok(compareNames('libz.so.2', 'libz.so.10') < 0)
  t.ok(compareNames('libz.so.010', 'libz.so.10') === 0)
  t.ok(compareNames('libz', 'libz1') < 0)
  t.ok(compareNames('lib1', 'libz') > 0, 'a digit is above a letter')
  t.ok(compareNames('libB', 'liba') < 0)
})

t.test('a cache reads back, in falling order', async t => {
  const names = ['libc.so.6', 'libz.so.1', 'ld-linux-x86-64.so.2', 'libcap.so.2']
  const cache = encodeCache(names.map(name => ({ name, path: `/lib/${name}`, flags: 0x303 })))
  t.same(
    decodeCache(cache).map(({ path }) => path),
    ['/lib/libz.so.1', '/lib/libcap.so.2', '/lib/libc.so.6', '/lib/ld-linux-x86-64.so.2'],
  )
  t.throws(() => decodeCache(cache.subarray(0, 100)), /cut short/)
  t.throws(() => decodeCache(Buffer.alloc(60)), /not a loader cache/)
})

t.test('the cache of a tree: sonames, first folder first, no development links', async t => {
  const tree = treeOf(
    directory('usr/lib/x86_64-linux-gnu'),
    link('lib', 'usr/lib'),
    file('etc/ld.so.conf', 'include /etc/ld.so.conf.d/*.conf\n'),
    file('etc/ld.so.conf.d/a.conf', '# first\n/usr/local/lib\n'),
    file('usr/lib/x86_64-linux-gnu/liba.so.1.2', makeElf({ soname: 'liba.so.1' })),
    link('usr/lib/x86_64-linux-gnu/liba.so.1', 'liba.so.1.2'),
    link('usr/lib/x86_64-linux-gnu/liba.so', 'liba.so.1'),
    file('usr/lib/x86_64-linux-gnu/libscript.so', 'INPUT(x)'.padEnd(80)),
    file('usr/lib/libb.so', makeElf({})),
  )
  t.same(libraryFolders(tree), [
    'usr/local/lib',
    'lib/x86_64-linux-gnu',
    'usr/lib/x86_64-linux-gnu',
    'lib',
    'usr/lib',
  ])
  t.same(
    decodeCache(libraryCache(tree, readElfFiles(tree))).map(({ name, path }) => [name, path]),
    [
      ['libb.so', '/lib/libb.so'],
      ['liba.so.1', '/lib/x86_64-linux-gnu/liba.so.1'],
    ],
  )
})

t.test('a broken library is named with its package', async t => {
  const tree = treeOf(file('usr/lib/libx.so', makeElf({ soname: 'x' }).subarray(0, 100), { origin: 'libx1' }))
  t.throws(() => readElfFiles(tree), {
    name: 'UserError',
    message: /usr\/lib\/libx.so \(from libx1\) is a broken/,
  })
})
