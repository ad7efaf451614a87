import t from 'tap'
import type { TreeEntry } from '../rootfs/entry.ts'
import { layOut } from './layout.ts'

const attributes = { mode: 0o755, uid: 0, gid: 0, mtime: 0, origin: 'test' }
const file = (path: string, text = path): TreeEntry => ({
  ...attributes,
  type: 'file',
  path,
  content: { kind: 'bytes', bytes: new TextEncoder().encode(text) },
})
const link = (path: string, target: string): TreeEntry => ({ ...attributes, type: 'symlink', path, target })
const folder = (path: string): TreeEntry => ({ ...attributes, type: 'directory', path })

t.test('folders that moved below usr, and links into them', async t => {
  const tree = layOut([
    { entries: [link('bin', 'usr/bin'), folder('lib64'), file('lib64/ld.so'), file('bin/sh')] },
    {
      entries: [
        link('usr/bin/awk', '/etc/alternatives/awk'),
        link('etc/alternatives/awk', '/bin/mawk'),
        link('usr/lib/x.so', 'x.so.1'),
      ],
    },
  ])
  t.same(
    [...tree.keys()],
    ['etc/alternatives/awk', 'usr/bin/awk', 'usr/bin/sh', 'usr/lib/x.so', 'usr/lib64', 'usr/lib64/ld.so'],
  )
  t.match(tree.get('usr/bin/awk'), { target: '../../etc/alternatives/awk' })
  t.match(tree.get('etc/alternatives/awk'), { target: '../../usr/bin/mawk' })
  t.match(tree.get('usr/lib/x.so'), { target: 'x.so.1' })
})

t.test('what only people read is left out', async t => {
  const paths = ['usr/share/doc', 'usr/share/doc/x/copyright', 'usr/share/man/man1/x.1', 'usr/share/docbook']
  t.same([...layOut([{ entries: paths.map(path => file(path)) }]).keys()], ['usr/share/docbook'])
})
