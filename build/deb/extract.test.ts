import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { extractDeb } from './extract.ts'
import { makeAr, makeDeb, makeTar, type TarItem } from './testing/deb.ts'
import { storeXz } from './testing/xz.ts'

const ITEMS: TarItem[] = [{ name: './usr/bin/tool', mode: 0o755, content: 'a tool' }]

const keep = (bytes: Uint8Array) => ({ path: '/nowhere', size: bytes.length, sha256: '' })

t.test('packages that are broken', async t => {
  const good = await makeDeb({ name: 'a', items: ITEMS })
  const binary = { name: 'debian-binary', content: Buffer.from('2.0\n') }
  const control = {
    name: 'control.tar',
    content: await makeTar([{ name: './control', content: 'Package: a\n' }]),
  }
  const tar = await makeTar([{ name: './usr/bin/tool', content: 'x'.repeat(5000) }])
  const withData = (name: string, content: Uint8Array) => makeAr([binary, control, { name, content }])
  const items = async (item: TarItem) => withData('data.tar', await makeTar([item]))
  const table: [string, Uint8Array, RegExp][] = [
    ['empty', Buffer.alloc(0), /no ar archive/],
    ['text', Buffer.from('<html>sorry</html>'), /no ar archive/],
    ['cut in content', good.subarray(0, good.length - 100), /ends within data.tar.xz/],
    ['cut in a header', good.subarray(0, 90), /ends within a header/],
    [
      'bad header',
      Buffer.concat([good.subarray(0, 50), Buffer.from('xxxxxxxxxx'), good.subarray(60)]),
      /no header/,
    ],
    ['no version', makeAr([control]), /does not start with debian-binary/],
    ['other version', makeAr([{ ...binary, content: Buffer.from('3.0\n') }, control]), /format is 3.0/],
    ['no data', makeAr([binary, control]), /0 members data.tar/],
    [
      'no control',
      makeAr([binary, { name: 'control.tar', content: tar }, { name: 'data.tar', content: tar }]),
      /no control file/,
    ],
    ['unknown compression', withData('data.tar.lz4', tar), /compression of data.tar.lz4 is not known/],
    ['tar cut short', withData('data.tar', tar.subarray(0, 3000)), /Unexpected end of data/],
    ['xz cut short', withData('data.tar.xz', storeXz(tar).subarray(0, 2000)), /xz data that ends too early/],
    ['not xz', withData('data.tar.xz', tar), /no .xz data/],
    ['not zstd', withData('data.tar.zst', tar), /Unknown frame descriptor|[Uu]nsupported|prefix/],
    ['not gzip', withData('data.tar.gz', tar), /incorrect header check/],
    ['climbs out', await items({ name: '../../etc/passwd', content: 'x' }), /path with '..'/],
    ['a pipe', await items({ name: './p', type: 'fifo' }), /p is a fifo/],
    [
      'a link to nothing',
      await items({ name: './l', type: 'link', linkname: './none' }),
      /hard link to none/,
    ],
  ]
  const path = join(t.testdir(), 'broken.deb')
  for (const [name, bytes, expected] of table) {
    writeFileSync(path, bytes)
    await t.rejects(extractDeb(path, 'broken', keep), { message: expected }, name)
  }
})
