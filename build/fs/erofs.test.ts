import t from 'tap'
import { file, link, treeOf } from '../rootfs/fixtures.ts'
import { compressHints } from './erofs.ts'

const tree = treeOf(
  file('usr/bin/ctr'),
  file('usr/lib/libc++.so.1'),
  link('usr/lib/libc++.so', 'libc++.so.1'),
)
const settings = (...files: string[][]) => ({
  compressor: 'zstd,level=9',
  clusterSize: 65536,
  features: [],
  special: files.map(list => ({ why: 'test', compressor: 'lzma', files: list })),
})

t.test('each file with the number of its compressor, exactly', async t => {
  t.equal(compressHints(tree, settings()), '')
  t.equal(
    compressHints(tree, settings(['usr/bin/ctr'], ['usr/lib/libc*'])),
    '65536 1 ^/?usr/bin/ctr$\n65536 2 ^/?usr/lib/libc\\+\\+\\.so\\.1$\n',
  )
})

t.test('a path that is not there is a mistake', async t => {
  t.throws(
    () => compressHints(tree, settings(['usr/bin/none'])),
    /special\[0\]\.files": no file usr\/bin\/none/,
  )
})
