import { buffer } from 'node:stream/consumers'
import t from 'tap'
import { extract, type Header } from 'tar-stream'
import { directory, file, link, treeOf } from './fixtures.ts'
import { writeTar } from './tar.ts'
import type { Tree } from './tree.ts'

type Read = Header & { body: Buffer }

async function readBack(tree: Tree): Promise<Read[]> {
  const entries: Read[] = []
  for await (const entry of writeTar(tree).pipe(extract())) {
    const chunks: Buffer[] = []
    for await (const chunk of entry) chunks.push(chunk as Buffer)
    entries.push({ ...entry.header, body: Buffer.concat(chunks) })
  }
  return entries
}

t.test('a tree comes back as it was, the root first', async t => {
  const entries = await readBack(
    treeOf(
      file('usr/bin/sudo', 'binary', { mode: 0o4755, uid: 1, gid: 2, mtime: 1700000000 }),
      directory('tmp', { mode: 0o1777 }),
      link('etc/mtab', '../proc/self/mounts'),
      {
        type: 'character',
        path: 'dev/null',
        mode: 0o666,
        uid: 0,
        gid: 0,
        mtime: 1,
        origin: 'x',
        major: 1,
        minor: 3,
      },
    ),
  )
  t.match(
    entries.map(entry => [entry.name, entry.type, entry.mode]),
    [
      ['./', 'directory', 0o755],
      ['dev/', 'directory', 0o755],
      ['dev/null', 'character-device', 0o666],
      ['etc/', 'directory', 0o755],
      ['etc/mtab', 'symlink', 0o777],
      ['tmp/', 'directory', 0o1777],
      ['usr/', 'directory', 0o755],
      ['usr/bin/', 'directory', 0o755],
      ['usr/bin/sudo', 'file', 0o4755],
    ],
  )
  t.match(entries.at(-1), {
    uid: 1,
    gid: 2,
    size: 6,
    mtime: new Date(1700000000_000),
    body: Buffer.from('binary'),
  })
  t.match(entries[2], { devmajor: 1, devminor: 3 })
  t.match(entries[4], { linkname: '../proc/self/mounts' })
})

t.test('long and foreign names and binary attributes survive', async t => {
  const long = `usr/${'folder/'.repeat(20)}Főtanúsítvány`
  const entries = await readBack(
    treeOf(
      file(long, 'a'),
      link('l', long),
      file('usr/bin/ping', 'p', { xattrs: { 'security.capability': Uint8Array.of(1, 0, 0, 2, 65) } }),
    ),
  )
  t.ok(entries.find(entry => entry.name === long && entry.type === 'file'))
  t.equal(entries.find(entry => entry.name === 'l')?.linkname, long)
  const ping = entries.find(entry => entry.name === 'usr/bin/ping')
  t.match(ping?.pax, { 'SCHILY.xattr.security.capability': '\x01\0\0\x02A' })
})

t.test('equal files are stored once, unless setuid or empty', async t => {
  const entries = await readBack(
    treeOf(
      file('a', 'same'),
      file('b', 'same'),
      file('c', 'same', { mode: 0o755 }),
      file('d', 'same', { mode: 0o4755 }),
      file('e', 'same', { mode: 0o4755 }),
      file('f', ''),
      file('g', ''),
    ),
  )
  t.match(
    entries.slice(1).map(entry => [entry.name, entry.type]),
    ['a file', 'b link', 'c file', 'd file', 'e file', 'f file', 'g file'].map(text => text.split(' ')),
  )
  t.equal(entries[2]?.linkname, 'a')
})

t.test('a big blob is streamed, and a missing one fails the stream', async t => {
  const path = `${t.testdir({ blob: 'x'.repeat(300_000) })}/blob`
  const sha256 = '0'.repeat(64)
  const tree = treeOf(file('big', '', { content: { kind: 'blob', path, size: 300_000, sha256 } }))
  t.equal((await readBack(tree)).at(-1)?.body.length, 300_000)
  const broken = treeOf(file('big', '', { content: { kind: 'blob', path: `${path}-`, size: 5, sha256 } }))
  await t.rejects(buffer(writeTar(broken)))
  const short = treeOf(file('big', '', { content: { kind: 'blob', path, size: 300_001, sha256 } }))
  await t.rejects(buffer(writeTar(short)), /mismatch/i)
})

t.test('the same tree gives the same bytes', async t => {
  const make = () => treeOf(file('b', 'x'), file('a/b', 'y'), link('c', 'a'))
  t.ok((await buffer(writeTar(make()))).equals(await buffer(writeTar(make()))))
})
