import t from 'tap'
import { directory, file, link, treeOf } from './fixtures.ts'
import { Tree } from './tree.ts'

t.test('folders above are made, entries are listed in order of their paths', async t => {
  const tree = treeOf(file('usr/bin/ls'), file('etc/b'), file('etc/a'), file('etc-x'))
  t.same(
    tree.list().map(entry => entry.path),
    ['', 'etc', 'etc-x', 'etc/a', 'etc/b', 'usr', 'usr/bin', 'usr/bin/ls'],
  )
  t.match(tree.get('usr/bin'), { type: 'directory', mode: 0o755, uid: 0 })
  t.same(
    tree.children('etc').map(entry => entry.path),
    ['etc/a', 'etc/b'],
  )
})

t.test('the order of putting does not matter', async t => {
  const entries = [file('b/x'), file('a'), directory('b', { mode: 0o700 }), link('c', 'a')]
  const forward = treeOf(...entries).list()
  const backward = treeOf(...entries.toReversed()).list()
  t.same(forward, backward)
})

t.test('a link above is followed', async t => {
  const tree = treeOf(directory('usr/bin'), link('bin', 'usr/bin'))
  t.equal(tree.put(file('bin/ls')), 'usr/bin/ls')
  t.equal(tree.get('usr/bin/ls')?.path, 'usr/bin/ls')
  t.notOk(tree.has('bin/ls'))
})

t.test('what cannot be is refused', async t => {
  const tree = treeOf(file('etc/passwd'), link('a', 'b'), link('b', 'a'))
  t.throws(() => tree.put(file('etc/passwd/x')), { name: 'UserError', message: /etc\/passwd is a file/ })
  t.throws(() => tree.put(file('etc')), { name: 'UserError', message: /folder with content/ })
  t.throws(() => tree.put(file('a/x')), { name: 'UserError', message: /circle/ })
  for (const path of ['/etc/x', 'a//b', '../x', 'x/../y', 'x/', './x'])
    t.throws(() => tree.put(file(path)), { name: 'UserError' }, path)
  t.throws(() => tree.remove(''), /root/)
})

t.test('resolve follows links as the kernel does', async t => {
  const tree = treeOf(
    file('usr/lib/os-release'),
    link('etc/os-release', '../usr/lib/os-release'),
    link('lib', 'usr/lib'),
    link('abs', '/lib/os-release'),
    link('up', '../../..'),
    link('gone', '/run/x/y'),
  )
  t.equal(tree.resolve('etc/os-release').path, 'usr/lib/os-release')
  t.equal(tree.resolve('/abs').entry?.type, 'file')
  t.equal(tree.resolve('up').path, '')
  t.same(tree.resolve('gone'), { path: 'run/x/y', entry: undefined })
})

t.test('removing takes what is below, and only that', async t => {
  const tree = treeOf(file('usr/share/doc/a/copyright'), file('usr/share/docs'), file('usr/share/doc/b'))
  t.equal(tree.remove('usr/share/doc'), true)
  t.equal(tree.remove('usr/share/doc'), false)
  t.same(
    tree.list().map(entry => entry.path),
    ['', 'usr', 'usr/share', 'usr/share/docs'],
  )
  t.equal(tree.removeGlob('usr/*'), 2)
  t.equal(tree.size, 2)
})

t.test('replacing a folder by a link forgets its children set', async t => {
  const tree = new Tree()
  tree.put(directory('var/run'))
  tree.put(link('var/run', '../run'))
  t.equal(tree.get('var/run')?.type, 'symlink')
  t.same(tree.children('var/run'), [])
})
