import t from 'tap'
import { firmwareFiles, tmpfilesLines } from './credentials.ts'

t.test('credentials get the prefix that systemd reads', async t => {
  const files = firmwareFiles(
    { 'agetty.autologin': 'core', a: new Uint8Array([0, 255]) },
    { 'opt/org.x/y': 'é' },
  )
  t.same(
    files.map(file => [file.name, [...file.content]]),
    [
      ['opt/io.systemd.credentials/a', [0, 255]],
      ['opt/io.systemd.credentials/agetty.autologin', [...Buffer.from('core')]],
      ['opt/org.x/y', [0xc3, 0xa9]],
    ],
  )
})

t.test('names that QEMU would refuse are refused', async t => {
  for (const name of ['a b', 'a,b', '', 'ä', '../x', `${'n'.repeat(29)}`])
    t.throws(() => firmwareFiles({ [name]: '' }, {}), { name: 'UserError' }, name)
  t.doesNotThrow(() => firmwareFiles({ ['n'.repeat(28)]: '' }, {}))
  for (const name of ['etc/passwd', 'opt/', 'opt//x', 'opt/./x'])
    t.throws(() => firmwareFiles({}, { [name]: '' }), { name: 'UserError' }, name)
})

t.test('files for systemd-tmpfiles', async t => {
  t.equal(
    tmpfilesLines([
      { path: '/etc/docker/daemon.json', mode: '0644', content: '{}' },
      { path: '/etc/x', mode: '755', content: new Uint8Array([255]) },
    ]),
    'f+~ /etc/docker/daemon.json 0644 root root - e30=\nf+~ /etc/x 755 root root - /w==\n',
  )
  t.equal(tmpfilesLines([]), '')
  for (const path of ['etc/x', '/etc/a b', '/etc/%m', '/etc/a\nb'])
    t.throws(() => tmpfilesLines([{ path, mode: '0644', content: '' }]), { name: 'UserError' }, path)
  t.throws(() => tmpfilesLines([{ path: '/x', mode: '0999', content: '' }]), /octal/)
})
