import t from 'tap'
import type { PackageContents } from '../deb/unpack.ts'
import type { TreeEntry } from './entry.ts'
import { directory, file, link } from './fixtures.ts'
import { mergePackages } from './merge.ts'

function contents(name: string, entries: TreeEntry[], control: Record<string, string> = {}): PackageContents {
  const locked = { name, version: '1', architecture: 'amd64', size: 1, sha256: '', suite: 'x', path: 'x' }
  return {
    package: locked,
    control,
    conffiles: [],
    entries: entries.map(entry => ({ ...entry, origin: name })),
  }
}

t.test('old paths land in usr, times are cut, base-files decides on folders', async t => {
  const tree = mergePackages(
    [
      contents('a', [directory('usr/local', { mode: 0o700 }), file('bin/x', 'x', { mtime: 50 })]),
      contents('base-files', [
        directory('usr/local', { mode: 0o2775 }),
        link('bin', 'usr/bin', { mtime: 5 }),
      ]),
    ],
    20,
  )
  t.match(tree.get('usr/bin/x'), { type: 'file', mtime: 20, origin: 'a' })
  t.match(tree.get('bin'), { type: 'symlink', target: 'usr/bin' })
  t.match(tree.get('usr/local'), { mode: 0o2775, origin: 'base-files' })
  t.equal(tree.get('usr/local')?.mtime, 1)
})

t.test('the same file twice is no conflict, a different one is', async t => {
  const one = contents('one', [file('etc/x', 'same'), directory('etc/d')])
  t.ok(mergePackages([one, contents('two', [file('etc/x', 'same'), directory('etc/d')])], 9).has('etc/x'))
  for (const other of [file('etc/x', 'other'), file('etc/x', 'same', { mode: 0o600 }), link('etc/x', 'y')])
    t.throws(() => mergePackages([one, contents('two', [other])], 9), {
      name: 'UserError',
      message: /packages one and two both bring etc\/x/,
    })
})

t.test('Replaces decides, whichever comes first', async t => {
  const old = contents('old', [file('bin/x', 'old')])
  const fresh = contents('new', [file('bin/x', 'new')], { Replaces: 'other, old (<< 2)' })
  for (const order of [
    [old, fresh],
    [fresh, old],
  ])
    t.equal(mergePackages(order, 9).get('usr/bin/x')?.origin, 'new')
})
