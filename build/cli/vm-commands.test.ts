import t from 'tap'
import { parseRecord } from '../vm/record.ts'
import { describeMarker } from './boot.ts'
import { type Command, parseCommandLine } from './command.ts'
import { isHealthy, startsEtcd } from './health.ts'
import { configPath, machineCalled, machinesFolder } from './machines.ts'
import { remoteCommand, sshCommand } from './ssh.ts'
import { stateOf, table } from './status.ts'
import { machineShape, upCommand } from './up.ts'

const parse = (command: Command, ...words: string[]) => parseCommandLine(command, words)

t.test('where machines are', async t => {
  t.equal(machinesFolder({ ORLOP_HOME: '/o', XDG_STATE_HOME: '/x' }), '/o/machines')
  t.equal(machinesFolder({ XDG_STATE_HOME: '/x' }), '/x/orlop/machines')
  t.match(machinesFolder({}), /\/\.local\/state\/orlop\/machines$/)
  t.throws(() => machineCalled('../etc'), { name: 'UserError' })
  t.equal(configPath({ ORLOP_HOME: '/o', XDG_CONFIG_HOME: '/x' }), '/o/config')
  t.equal(configPath({ XDG_CONFIG_HOME: '/x' }), '/x/orlop/config')
})

t.test('the shape of a machine: asked for, else as before, else default', async t => {
  const before = parseRecord(
    JSON.stringify({
      version: 1,
      name: 'a',
      memoryMiB: 768,
      cpus: 1,
      firmware: 'uefi',
      diskBus: 'ahci',
      networkCard: 'e1000',
      image: 'i',
    }),
    'f',
  )
  t.same(machineShape(parse(upCommand), undefined), {})
  t.same(machineShape(parse(upCommand, '--memory', '512', '--firmware=bios'), before), {
    memoryMiB: 512,
    cpus: 1,
    firmware: 'bios',
    diskBus: 'ahci',
    networkCard: 'e1000',
  })
  const config = { vmMemory: 2048, vmCpus: 4 }
  t.same(machineShape(parse(upCommand), undefined, config), { memoryMiB: 2048, cpus: 4 })
  t.match(machineShape(parse(upCommand), before, config), { memoryMiB: 768, cpus: 1 })
  for (const words of [
    ['--memory', '1'],
    ['--memory', 'much'],
    ['--firmware', 'efi'],
    ['--disk', 'floppy'],
    ['--nic', 'x'],
    ['--speed', '3'],
  ])
    t.throws(
      () => machineShape(parse(upCommand, ...words), undefined),
      { name: 'UserError' },
      words.join(' '),
    )
})

t.test('what the guest runs', async t => {
  t.equal(remoteCommand(['a b | c']), 'a b | c')
  t.equal(remoteCommand(['echo', 'a b', '$x']), "echo 'a b' '$x'")
  t.same(parse(sshCommand, 'one', '--', 'ls', '--json').rest, ['ls', '--json'])
})

t.test('states', async t => {
  const boot = { slot: 'a', tries: 2 }
  t.equal(stateOf('running', undefined), 'booting')
  t.equal(stateOf('running', boot), 'booting')
  t.equal(stateOf('running', { ...boot, version: '1' }), 'up')
  t.equal(stateOf('running', { ...boot, failure: 'x' }), 'failed')
  t.equal(stateOf('paused', { ...boot, version: '1' }), 'suspended')
})

t.test('the table', async t => {
  const one = { name: 'one', firmware: 'bios', memoryMiB: 1024, cpus: 2, folder: '/f' }
  t.same(
    table([
      { ...one, state: 'up', address: '172.17.8.101', slot: 'a', version: '1', sshPort: 4022 },
      { ...one, name: 'another', state: 'stopped' },
    ]),
    [
      'NAME     STATE    ADDRESS       SLOT  VERSION  FIRMWARE  MEMORY    CPUS  SSH',
      'one      up       172.17.8.101  a     1        bios      1024 MiB  2     127.0.0.1:4022',
      'another  stopped  -             -     -        bios      1024 MiB  2     -',
    ],
  )
})

t.test('progress of a boot in words', async t => {
  t.match(describeMarker({ kind: 'grub', slot: 'b', tries: 1 }), 'slot b')
  t.match(describeMarker({ kind: 'failed', slot: 'b', reason: 'why' }), 'why')
})

t.test('whether to wait for etcd, and until when', async t => {
  for (const text of [
    'units:\n  - name: etcd2.service\n    command: start',
    '  - name: "etcd.service"',
    '{"name": "etcd.service"}',
  ])
    t.ok(startsEtcd(text), text)
  for (const text of ['', 'etcd2:\n  name: x', '# - name: etcd2.service']) t.notOk(startsEtcd(text), text)
  const member = (id: number) =>
    `member ${id} is healthy: got healthy result from http://172.17.8.10${id}:2379`
  t.ok(isHealthy([member(1), member(2), 'cluster is healthy'].join('\n'), 2))
  t.notOk(isHealthy([member(1), 'cluster is healthy'].join('\n'), 2), 'one is still to come')
  t.notOk(isHealthy([member(1), member(2), 'cluster is degraded'].join('\n'), 2))
  t.notOk(isHealthy('', 1))
})
