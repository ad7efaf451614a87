import t from 'tap'
import { parseFormat } from './formats.ts'
import { settleDescriptor } from './vmdk.ts'

const TEXT =
  '# Disk DescriptorFile\nversion=1\nCID=69bf011a\nparentCID=ffffffff\nRW 8192 SPARSE "/tmp/x.partial"\n#DDB\n'

t.test('what is random or of the host is replaced, the length stays', async t => {
  const padded = TEXT.padEnd(1024, '\0')
  const settled = settleDescriptor(padded, { id: '01234567', name: 'orlop.vmdk' })
  t.equal(settled.length, 1024)
  t.match(settled, /\nCID=01234567\n/)
  t.match(settled, /\nparentCID=ffffffff\n/)
  t.match(settled, /\nRW 8192 SPARSE "orlop\.vmdk"\n/)
})

t.test('a descriptor that does not look as expected is an error', async t => {
  t.throws(() => settleDescriptor('\0\0', { id: '01234567', name: 'x' }), /unexpected VMDK/)
  t.throws(() => settleDescriptor(TEXT, { id: '01234567', name: 'x'.repeat(99) }), /unexpected VMDK/)
})

t.test('formats by name', async t => {
  t.equal(parseFormat('qcow2'), 'qcow2')
  t.throws(() => parseFormat('vhd'), {
    message: /unknown image format 'vhd'/,
    hint: 'known formats: raw, qcow2, vmdk',
  })
})
