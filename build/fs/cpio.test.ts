import t from 'tap'
import { directory, file, link } from '../rootfs/fixtures.ts'
import { encodeCpio } from './cpio.ts'

/** Reads an archive back, independently of the writer. */
function decode(bytes: Buffer): { name: string; numbers: number[]; body: string }[] {
  const found = []
  for (let at = 0; ; ) {
    t.equal(bytes.toString('latin1', at, at + 6), '070701')
    const number = (index: number) =>
      Number.parseInt(bytes.toString('latin1', at + 6 + 8 * index, at + 14 + 8 * index), 16)
    const numbers = Array.from({ length: 13 }, (_, index) => number(index))
    const nameLength = numbers[11]!
    const name = bytes.toString('utf8', at + 110, at + 110 + nameLength - 1)
    const start = Math.ceil((at + 110 + nameLength) / 4) * 4
    const size = numbers[6]!
    found.push({ name, numbers, body: bytes.toString('utf8', start, start + size) })
    at = Math.ceil((start + size) / 4) * 4
    if (name === 'TRAILER!!!') {
      t.ok(
        bytes.subarray(at).every(byte => byte === 0),
        'padding',
      )
      return found
    }
  }
}

const common = { mode: 0o600, uid: 0, gid: 0, mtime: 1, origin: 'test' }

t.test('entries come back, sorted, with numbers of their own', async t => {
  const items = [
    { entry: file('init', 'hello', { mode: 0o755, uid: 3, gid: 4, mtime: 77 }), data: Buffer.from('hello') },
    { entry: { ...common, type: 'character' as const, path: 'dev/console', major: 5, minor: 1 } },
    { entry: link('bin', 'usr/bin') },
    { entry: directory('dev') },
    { entry: directory('') },
  ]
  const bytes = encodeCpio(items)
  t.equal(bytes.length % 512, 0)
  const found = decode(bytes)
  t.same(
    found.map(({ name }) => name),
    ['bin', 'dev', 'dev/console', 'init', 'TRAILER!!!'],
  )
  t.same(
    found.map(({ numbers }) => numbers[0]),
    [1, 2, 3, 4, 0],
    'inodes',
  )
  t.match(found[0], { body: 'usr/bin', numbers: { 1: 0o120777 } })
  t.match(found[1], { numbers: { 1: 0o040755, 4: 2 } })
  t.match(found[2], { numbers: { 1: 0o020600, 9: 5, 10: 1 } })
  t.match(found[3], { body: 'hello', numbers: { 1: 0o100755, 2: 3, 3: 4, 4: 1, 5: 77, 6: 5 } })
  t.same(encodeCpio(items.toReversed()), bytes, 'the order of the entries given does not matter')
})

t.test('what cannot be stored is refused', async t => {
  const capability = { 'security.capability': Buffer.from([1]) }
  t.throws(
    () => encodeCpio([{ entry: file('a', '', { xattrs: capability }), data: Buffer.alloc(0) }]),
    /attributes of a/,
  )
  t.throws(() => encodeCpio([{ entry: file('a') }]), /no content for a/)
  t.throws(
    () => encodeCpio([{ entry: link('a', 'b') }, { entry: link('a', 'c') }]),
    /twice in the archive: a/,
  )
  t.throws(
    () => encodeCpio([{ entry: file('a', '', { mtime: 2 ** 33 }), data: Buffer.alloc(0) }]),
    /does not fit/,
  )
})
