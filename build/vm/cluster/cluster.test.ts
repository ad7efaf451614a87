import t from 'tap'
import { DEFAULT_CONFIG, parseConfig } from './config.ts'
import { memberMetadata, memberNamed, planMembers } from './members.ts'
import { emulatedPace, fillToken, isRegistered, needsToken } from './userdata.ts'

t.test('a config in YAML and one of coreos-vagrant say the same', t => {
  const yaml = `# my cluster
num_instances: 5
instance_name_prefix: node
vm_memory: 2048
vm_cpus: 2
forwarded_ports:
  80: 8080
  443: 8443
expose_docker_tcp: 2375
update_channel: beta
user_data: ../user-data
`
  const ruby = `# Size of the CoreOS cluster created by Vagrant
$num_instances=5
$instance_name_prefix = "node"
$vm_memory = 2_048
$vb_cpus = 2   # processors
$forwarded_ports = {80 => 8080, 443=>8443}
$expose_docker_tcp=2375
$update_channel='beta'
$user_data = "../user-data"
`
  const expected = {
    numInstances: 5,
    instanceNamePrefix: 'node',
    vmMemory: 2048,
    vmCpus: 2,
    forwardedPorts: new Map([
      [80, 8080],
      [443, 8443],
    ]),
    exposeDockerTcp: 2375,
    updateChannel: 'beta',
    userData: '../user-data',
  }
  for (const text of [yaml, ruby]) t.same(parseConfig(text, 'config'), { config: expected, notes: [] })
  for (const text of ['', '# nothing\n']) t.same(parseConfig(text, 'config').config, DEFAULT_CONFIG)
  t.end()
})

t.test('what has no meaning is told, and what is wrong is refused by its line', t => {
  t.same(parseConfig('$num_instances=1\n$vm_gui = false\n$shared_folders = {}\n', 'c').notes, [
    'c:2: vm_gui has no effect: machines have a serial console, see `orlop console`',
    'c:3: shared_folders has no effect: folders can not be shared yet',
  ])
  const cases: [string, string][] = [
    ['num_instances: 0', 'c:1: num_instances must be a whole number from 1 to 50, not 0'],
    ['num_instances: 51', 'c:1: num_instances must be a whole number from 1 to 50, not 51'],
    ['\nnum_instances: three', 'c:2: num_instances must be a whole number from 1 to 50, not "three"'],
    ['vm_memory: 1', 'c:1: vm_memory must be a whole number from 256 to 1048576, not 1'],
    [
      'instance_name_prefix: Core',
      'c:1: instance_name_prefix must be up to 28 lower-case letters, digits and hyphens, not "Core"',
    ],
    [
      'instance_name_prefix: ../x',
      'c:1: instance_name_prefix must be up to 28 lower-case letters, digits and hyphens, not "../x"',
    ],
    [
      'forwarded_ports: 80',
      'c:1: forwarded_ports must be pairs of a port of the guest and a port of this host',
    ],
    ['forwarded_ports: {80: 99999}', 'c:1: forwarded_ports has 99999, which is no port'],
    ['speed: 3', 'c:1: speed is no option; there are num_instances, '],
    ['- 3', 'c: must be options and values, such as `num_instances: 3`'],
    ['a: [', 'c:1: '],
    [
      '$num_instances=1\n$forwarded_ports = {80 => }',
      'c:2: only lines such as $num_instances=3 are understood',
    ],
    ['$num_instances=1 + 1', 'c:1: only lines such as $num_instances=3'],
    ['$update_channel="#{x}"', 'c:1: only lines such as'],
    ["$num_instances=3\nrequire 'net/http'", 'c:2: only lines such as'],
    ['$num_instances=1\n$num_instances=2', ''],
  ]
  for (const [text, message] of cases) {
    if (message === '') t.equal(parseConfig(text, 'c').config.numInstances, 2, 'the last one counts')
    else
      t.throws(
        () => parseConfig(text, 'c'),
        { name: 'UserError', message: new RegExp(literal(message)) },
        text,
      )
  }
  t.end()
})

t.test('machines have the names and addresses that people know', t => {
  const config = { ...DEFAULT_CONFIG, forwardedPorts: new Map([[80, 8080]]), exposeDockerTcp: 2375 }
  const members = planMembers(config)
  t.same(
    members.map(({ name, address, forwards }) => [name, address, forwards]),
    [1, 2, 3].map(n => [
      `core-0${n}`,
      `172.17.8.10${n}`,
      [
        { guest: 80, host: 8079 + n },
        { guest: 2375, host: 2374 + n },
      ],
    ]),
  )
  t.equal(new Set(members.map(({ mac }) => mac)).size, 3)
  for (const { mac } of members) t.match(mac, /^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/)
  t.same(memberNamed(config, 'core-02'), members[1])
  t.equal(memberNamed(config, 'core-09')?.address, '172.17.8.109', 'one that is still to come')
  for (const name of ['core-00', 'core-1', 'core-001', 'one', 'cores-01'])
    t.equal(memberNamed(config, name), undefined, name)
  t.match(JSON.parse(memberMetadata(members[0]!, {})), {
    hostname: 'core-01',
    private_ipv4: '172.17.8.101',
    network: [{ address: '172.17.8.101/24', dns: ['172.17.8.1'] }],
  })
  t.match(JSON.parse(memberMetadata(members[0]!, { late: members.slice(0, 2), channel: 'beta' })), {
    etcd_rejoin: 'core-01=http://172.17.8.101:2380,core-02=http://172.17.8.102:2380',
    update_group: 'beta',
  })
  t.end()
})

t.test('what becomes of user-data', t => {
  const text = 'discovery: https://discovery.etcd.io/<token>\n'
  t.equal(fillToken(text, 'http://10.0.2.2:1/$&'), 'discovery: http://10.0.2.2:1/$&\n')
  t.ok(needsToken(text))
  t.notOk(needsToken('discovery: https://discovery.etcd.io/0123'))
  t.equal(fillToken('a: b', 'x'), 'a: b')
  const values = ['x=http://172.17.8.101:2380,x=http://172.17.8.101:7001', 'y=https://172.17.8.110:2380']
  t.match(emulatedPace(text), /^ETCD_HEARTBEAT_INTERVAL=\d+\nETCD_ELECTION_TIMEOUT=\d+\n$/)
  t.equal(emulatedPace('etcd2:\n    heartbeat-interval: 50\n'), undefined, 'who says it himself is heard')
  t.ok(isRegistered(values, '172.17.8.101'))
  t.ok(isRegistered(values, '172.17.8.110'))
  t.notOk(isRegistered(values, '172.17.8.11'))
  t.end()
})

function literal(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
