import t from 'tap'
import { brokenLinks, checkTree, missingInterpreters, missingLibraries, missingPrograms } from './checks.ts'
import { makeElf } from './fixture-elf.ts'
import { file, link, treeOf } from './fixtures.ts'
import { readElfFiles } from './libraries.ts'

const program = (path: string, content: string | Uint8Array = '#!/usr/bin/sh\n') =>
  file(path, content, { mode: 0o755 })
const loader = program('usr/lib64/ld.so', makeElf({ soname: 'ld.so' }))

t.test('links that lead nowhere are found, those out of the image are allowed by pattern', async t => {
  const tree = treeOf(
    file('usr/bin/mawk'),
    link('usr/bin/awk', 'mawk'),
    link('usr/bin/perl', 'perl5'),
    link('etc/mtab', '../proc/self/mounts'),
    link('usr/bin/indirect', 'awk'),
  )
  t.same(brokenLinks(tree, ['proc/**']), ['usr/bin/perl (from test) links to perl5, which is not there'])
  t.equal(brokenLinks(tree, []).length, 2)
})

t.test('libraries are found in the folders of the loader, the run path and beside', async t => {
  const lib = 'usr/lib/x86_64-linux-gnu'
  const tree = treeOf(
    loader,
    link('lib', 'usr/lib'),
    file(`${lib}/liba.so.1`, makeElf({ soname: 'liba.so.1' })),
    file(`${lib}/private/libp.so`, makeElf({ soname: 'libp.so' })),
    file(`${lib}/private/libq.so`, makeElf({ soname: 'libq.so', needed: ['libp.so'] })),
    program('usr/bin/good', makeElf({ needed: ['liba.so.1', 'libp.so'], runpath: `/${lib}/private` })),
    program(
      'usr/bin/origin',
      makeElf({ needed: ['libp.so'], runpath: '$ORIGIN/../lib/x86_64-linux-gnu/private' }),
    ),
    program('usr/bin/bad', makeElf({ needed: ['liba.so.1', 'libp.so', 'libgone.so.2'] })),
  )
  t.same(missingLibraries(tree, readElfFiles(tree)), [
    'usr/bin/bad (from test) needs the library libp.so',
    'usr/bin/bad (from test) needs the library libgone.so.2',
  ])
})

t.test('interpreters of scripts and loaders of programs', async t => {
  const tree = treeOf(
    loader,
    program('usr/bin/sh', 'x'),
    program('usr/bin/env', 'x'),
    program('usr/bin/a', '#! /usr/bin/sh -e\n'),
    program('usr/bin/b', '#!/usr/bin/perl -w\n'),
    program('usr/bin/c', '#!/usr/bin/env -S python3\n'),
    program('usr/bin/d', makeElf({ interpreter: '/usr/lib64/ld.so' })),
    program('usr/bin/e', makeElf({ interpreter: '/lib/ld-musl.so' })),
    file('usr/share/not-executable', '#!/usr/bin/ruby\n'),
  )
  t.same(missingInterpreters(tree, readElfFiles(tree)), [
    'usr/bin/b (from test) needs the interpreter /usr/bin/perl',
    'usr/bin/c (from test) needs the interpreter /usr/bin/python3',
    'usr/bin/e (from test) needs the interpreter /lib/ld-musl.so',
  ])
})

t.test('programs that units start', async t => {
  const unit = (name: string, text: string) => file(`usr/lib/systemd/system/${name}`, text)
  const tree = treeOf(
    program('usr/bin/good'),
    file('usr/bin/data'),
    unit('a.service', '[Service]\nExecStart=/usr/bin/good -x\nExecStartPre=-/usr/bin/gone\nExecStop=good\n'),
    unit('b.service', '[Service]\nExecStart=@+/usr/bin/gone name\nExecReload=/usr/bin/data\n'),
    unit('c.service', '[Service]\nExecStart=/usr/bin/%i\nExecStop=$X\n'),
    unit('d.service', '[Service]\nExecStart=/usr/bin/gone\n'),
    file('etc/systemd/system/d.service.d/x.conf', '[Service]\nExecStart=\nExecStart=/usr/bin/good\n'),
  )
  t.same(missingPrograms(tree), [
    'usr/lib/systemd/system/b.service (from test) starts /usr/bin/gone',
    'usr/lib/systemd/system/b.service (from test) starts /usr/bin/data',
  ])
})

t.test('all findings are told in one error, many are cut', async t => {
  const many = Array.from({ length: 20 }, (_, index) => link(`l${index}`, '/gone'))
  t.throws(() => checkTree(treeOf(...many), new Map(), []), {
    name: 'UserError',
    message: /l0 .*and 8 more/s,
  })
  checkTree(treeOf(file('a')), new Map(), [])
})
