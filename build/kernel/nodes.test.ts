import t from 'tap'
import { staticNodes } from './nodes.ts'

t.test('device nodes come from the module index', async t => {
  const devname = '# Device nodes\nfuse fuse c10:229\ntun net/tun c10:200\nloop loop0 b7:0\n\n'
  t.equal(
    staticNodes(devname),
    [
      'd /dev/net 0755 - - -',
      'c! /dev/fuse 0600 - - - 10:229',
      'c! /dev/net/tun 0600 - - - 10:200',
      'b! /dev/loop0 0600 - - - 7:0',
      '',
    ].join('\n'),
  )
  t.equal(staticNodes('# nothing\n'), '')
})
