import t from 'tap'
import { comma, type QemuPlan, qemuArguments, shellQuote } from './arguments.ts'

const PLAN: QemuPlan = {
  name: 'one',
  accelerator: 'tcg',
  cpus: 2,
  memoryMiB: 1024,
  firmware: 'bios',
  dataFolders: ['/t/usr/share/qemu'],
  disk: { file: '/a,b/disk.qcow2', format: 'qcow2' },
  diskBus: 'virtio',
  durable: true,
  networkCard: 'virtio',
  forwards: [{ guest: 22, host: 0 }],
  guestPrograms: [],
  firmwareFiles: [],
  extra: [],
}

/** The values that follow an option. */
function values(args: string[], option: string): string[] {
  return args.flatMap((word, at) => (args[at - 1] === option ? [word] : []))
}

t.test('a plain machine', async t => {
  const args = qemuArguments(PLAN)
  t.same(values(args, '-machine'), ['q35'])
  t.match(values(args, '-accel')[0], /^tcg,thread=multi/)
  t.same(values(args, '-m'), ['1024'])
  t.match(values(args, '-blockdev')[0], 'filename=/a,,b/disk.qcow2,')
  t.match(values(args, '-blockdev')[0], 'cache.no-flush=off')
  t.ok(values(args, '-device').includes('virtio-blk-pci,drive=disk,bootindex=1'))
  t.ok(values(args, '-device').includes('i6300esb'))
  t.same(values(args, '-netdev'), ['user,id=net,hostfwd=tcp:127.0.0.1:0-:22'])
  t.equal(values(args, '-mon').length, 2)
  t.same(values(args, '-drive'), [], 'no flash for BIOS')
  t.notOk(args.includes('-kernel'))
})

t.test('buses, cards, firmware', async t => {
  const device = (change: Partial<QemuPlan>) => values(qemuArguments({ ...PLAN, ...change }), '-device')
  t.match(device({ diskBus: 'ahci' })[0], /^ide-hd,.*bus=ide\.0/)
  t.match(device({ diskBus: 'nvme' })[0], /^nvme,/)
  t.match(device({ networkCard: 'e1000e' })[1], /^e1000e,netdev=net/)
  t.same(values(qemuArguments({ ...PLAN, diskBus: 'ide' }), '-machine'), ['pc'])
  const uefi = qemuArguments({ ...PLAN, firmware: 'uefi', ovmf: { code: '/o/code', variables: 'vars' } })
  t.equal(values(uefi, '-drive').length, 2)
  t.match(values(uefi, '-drive')[0], /readonly=on/)
  t.same(values(qemuArguments({ ...PLAN, accelerator: 'kvm' }), '-cpu'), ['host'])
})

t.test('an own block graph replaces the disk', async t => {
  const blockdevs = ['driver=raw,node-name=disk,file.driver=file,file.filename=x']
  t.same(values(qemuArguments({ ...PLAN, disk: { blockdevs } }), '-blockdev'), blockdevs)
})

t.test('guest programs are quoted for the shell and for QEMU', async t => {
  const command = ['/opt/my node', "it's", 'a,b', 'plain']
  const args = qemuArguments({ ...PLAN, guestPrograms: [{ address: '10.0.2.100', port: 80, command }] })
  t.equal(
    values(args, '-netdev')[0],
    "user,id=net,hostfwd=tcp:127.0.0.1:0-:22,guestfwd=tcp:10.0.2.100:80-cmd:'/opt/my node' 'it'\\''s' a,,b plain",
  )
})

t.test('firmware files, kernel, extra', async t => {
  const args = qemuArguments({
    ...PLAN,
    firmwareFiles: [{ name: 'opt/x', file: 'fw,1' }],
    kernel: { image: 'k', commandLine: 'quiet' },
    extra: ['-S'],
  })
  t.same(values(args, '-fw_cfg'), ['name=opt/x,file=fw,,1'])
  t.same(values(args, '-append'), ['quiet'])
  t.equal(args.at(-1), '-S')
})

t.test('quoting', async t => {
  t.equal(comma('a,b'), 'a,,b')
  t.equal(shellQuote(''), "''")
  t.equal(shellQuote('$(x)'), "'$(x)'")
})

t.test('the card in the network of a cluster', async t => {
  const args = qemuArguments({ ...PLAN, switchPort: { socket: '../s/a,b.sock', mac: '02:00:00:00:00:01' } })
  t.equal(
    values(args, '-netdev')[1],
    'stream,id=switch,server=off,addr.type=unix,addr.path=../s/a,,b.sock,reconnect-ms=1000',
  )
  t.ok(args.includes('virtio-net-pci,netdev=switch,mac=02:00:00:00:00:01,romfile='))
})
