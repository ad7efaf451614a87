import t from 'tap'
import { type MachineOptions, machineCredentials, type PlanHost, parseForwards, planMachine } from './plan.ts'

const HOST: PlanHost = {
  accelerator: 'tcg',
  dataFolders: [],
  ovmf: { code: 'c', variables: 'v' },
  disk: { file: 'disk.qcow2', format: 'qcow2' },
  firmwareFiles: [],
  registryCommand: ['node', 'main.ts', '/r'],
}
const OPTIONS: MachineOptions = { name: 'a', folder: '/f', disk: { base: '/b', format: 'raw' } }

t.test('defaults', async t => {
  const plan = planMachine(OPTIONS, HOST)
  t.match(plan, { memoryMiB: 1024, cpus: 2, firmware: 'bios', diskBus: 'virtio', networkCard: 'virtio' })
  t.same(plan.forwards, [{ guest: 22, host: 0 }])
  t.same(plan.guestPrograms, [])
  t.equal(plan.ovmf, undefined)
  t.equal(plan.durable, false, 'attached')
  t.equal(planMachine({ ...OPTIONS, lifetime: 'detached' }, HOST).durable, true)
  t.equal(planMachine({ ...OPTIONS, unsafeFlush: false }, HOST).durable, true)
})

t.test('what is asked for', async t => {
  const plan = planMachine(
    { ...OPTIONS, firmware: 'uefi', registry: '/r', forwards: [{ guest: 80 }, { guest: 443, host: 8443 }] },
    HOST,
  )
  t.same(plan.ovmf, HOST.ovmf)
  t.same(plan.forwards.slice(1), [
    { guest: 80, host: 0 },
    { guest: 443, host: 8443 },
  ])
  t.same(plan.guestPrograms, [{ address: '10.0.2.100', port: 80, command: ['node', 'main.ts', '/r'] }])
  for (const bad of [{ memoryMiB: 0 }, { memoryMiB: 512.5 }, { cpus: 0 }, { cpus: 65 }])
    t.throws(() => planMachine({ ...OPTIONS, ...bad }, HOST), RangeError)
})

t.test('credentials', async t => {
  t.same(machineCredentials(OPTIONS, 'ssh-ed25519 AAA'), { 'ssh.authorized_keys.core': 'ssh-ed25519 AAA\n' })
  const all = machineCredentials(
    { ...OPTIONS, registry: '/r', credentials: { 'tmpfiles.extra': 'd /x\n', 'agetty.autologin': 'core' } },
    'k',
  )
  t.equal(all['agetty.autologin'], 'core')
  t.match(all['tmpfiles.extra'], /^f\+~ \/etc\/docker\/daemon\.json 0644 root root - \S+\nd \/x\n$/)
})

t.test('forwarded ports as QEMU lists them', async t => {
  const text = [
    'Hub -1 (net):',
    '  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ',
    '  TCP[ESTABLISHED]   20       127.0.0.1 51000       10.0.2.15    22     0     0',
    '  TCP[HOST_FORWARD]  12       127.0.0.1 40123       10.0.2.15    22     0     0\r',
    '  TCP[HOST_FORWARD]  13       127.0.0.1 40124       10.0.2.15    80     0     0\r',
    '  UDP[236 sec]       14               * 54321        10.0.2.3    53     0     0',
  ].join('\n')
  t.same(
    [...parseForwards(text)],
    [
      [22, 40123],
      [80, 40124],
    ],
  )
  t.equal(parseForwards('').size, 0)
})
