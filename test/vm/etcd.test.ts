// etcd and the discovery service as units of the image.

import t, { type Test } from 'tap'
import type { Machine } from '../../build/vm/machine.ts'
import { checkHealthy } from './lib/checks.ts'
import { FILE_TIMEOUT_MS, said, startMachine } from './lib/guest.ts'
import { openLaboratory, testImage } from './lib/image.ts'

t.setTimeout(FILE_TIMEOUT_MS)

const KEYS = 'http://127.0.0.1:2379/v2/keys'
/** Of `systemd-analyze security`, in tenths, from 0 (nothing is allowed) to 100. */
const EXPOSURE_MAX = 18
/** In the guest, a second apart. */
const TRIES_MAX = 90

t.test('etcd on a machine', async t => {
  const laboratory = await openLaboratory()
  const { images } = await testImage()
  const machine = await startMachine(t, laboratory, { disk: { base: images.raw, format: 'raw' } })
  await machine.waitBoot()

  await t.test('is not running before it is wanted', async t => {
    t.equal(await said(machine, 'systemctl is-enabled etcd discovery; true'), 'disabled\ndisabled')
    t.equal(await said(machine, 'systemctl is-active etcd etcd2 discovery; true'), STOPPED)
  })
  await t.test('answers as soon as it counts as started', t => checkStart(t, machine))
  await t.test('is one process of a user of its own', t => checkProcess(t, machine))
  await t.test('says what people remember', t => checkCommands(t, machine))
  await t.test('is kept from all that it does not need', t => checkExposure(t, machine))
  await t.test('gives out tokens', t => checkDiscovery(t, machine))
  await t.test('is back with its data after kill -9', t => checkKill(t, machine))
  await t.test('stops in order, and starts as etcd2 with its drop-in', t => checkAlias(t, machine))
  await t.test('does not start on state that is not its own', t => checkLostState(t, machine))

  // That it keeps its data over a restart of the machine is in provision.test.ts.
  await t.test('is enabled by either name', async t => {
    await said(machine, 'sudo systemctl enable etcd2 2>&1')
    t.equal(await said(machine, 'systemctl is-enabled etcd'), 'enabled')
    await checkHealthy(t, machine)
  })
})

async function checkStart(t: Test, machine: Machine): Promise<void> {
  t.equal(await said(machine, 'sudo systemctl start etcd && curl -s http://127.0.0.1:2379/health'), HEALTHY)
  t.equal(
    await said(machine, properties('Type,ActiveState,SubState,NRestarts')),
    'notify\nactive\nrunning\n0',
  )
  const member =
    /^[0-9a-f]+: name=(\S+) peerURLs=http:\/\/localhost:2380 clientURLs=http:\/\/localhost:2379 isLeader=true$/
  const [line, id] = (await said(machine, 'etcdctl member list; cat /etc/machine-id')).split('\n')
  t.equal(member.exec(line!)?.[1], id, 'called by the id of its machine')
}

async function checkProcess(t: Test, machine: Machine): Promise<void> {
  // systemd-notify is gone when the manager has heard it, a moment after the start.
  const processes = 'cat /sys/fs/cgroup/system.slice/etcd.service/cgroup.procs'
  const main = await said(machine, 'systemctl show etcd -P MainPID')
  t.equal(await until(machine, `test "$(${processes})" = ${main} && ${processes}`), main)
  t.equal(
    await said(machine, `ps -o user=,ppid=,comm=,args= -p ${main} | tr -s ' '`),
    'etcd 1 etcd /usr/bin/etcd',
  )
  t.equal(await said(machine, 'sudo stat -c "%U %G %a" /var/lib/etcd /var/lib/etcd/member'), KEPT)
  const memory = await said(
    machine,
    `${properties('MemoryCurrent')}; sudo awk '/^(Rss|Pss)/' /proc/${main}/smaps_rollup`,
  )
  t.comment(`memory of the service when idle: ${memory.split(/\s+/).join(' ')}`)
}

async function checkCommands(t: Test, machine: Machine): Promise<void> {
  let index = 0
  for (const who of ['', 'sudo ']) {
    t.equal(await said(machine, `${who}etcdctl set /message "Hello world"`), 'Hello world')
    t.equal(await said(machine, `${who}etcdctl get /message`), 'Hello world')
    const put = JSON.parse(await said(machine, `${who}curl -sL ${KEYS}/message -XPUT -d value="Hello world"`))
    const { action, node, prevNode } = put
    t.match(
      { action, key: node.key, value: node.value },
      { action: 'set', key: '/message', value: 'Hello world' },
    )
    t.equal(prevNode.value, 'Hello world')
    t.ok(node.modifiedIndex === prevNode.modifiedIndex + 1 && node.modifiedIndex > index, 'the next index')
    index = node.modifiedIndex
  }
}

async function checkExposure(t: Test, machine: Machine): Promise<void> {
  for (const unit of ['etcd.service', 'discovery.service']) {
    const line = await said(machine, `systemd-analyze security --no-pager ${unit} | tail -n 1`)
    const exposure = /exposure level for \S+: (\d+)\.(\d) /.exec(line)
    t.ok(exposure !== null && Number(exposure[1]) * 10 + Number(exposure[2]) <= EXPOSURE_MAX, line)
  }
}

async function checkDiscovery(t: Test, machine: Machine): Promise<void> {
  await said(machine, 'sudo systemctl start discovery')
  t.equal(await until(machine, 'curl -sf http://127.0.0.1:8087/health'), 'OK')
  const url = await said(machine, "curl -s 'http://127.0.0.1:8087/new?size=3'")
  t.match(url, /^http:\/\/localhost:8087\/[0-9a-f]{32}$/)
  t.equal(JSON.parse(await said(machine, `curl -s ${url}/_config/size`)).node.value, '3')
  const main = await said(machine, 'systemctl show discovery -P MainPID')
  t.equal(await said(machine, `ps -o user:16=,comm= -p ${main} | tr -s ' '`), 'discovery discovery')
  await said(machine, 'sudo systemctl stop discovery')
  t.equal(await said(machine, properties('ActiveState,Result', 'discovery')), 'inactive\nsuccess')
}

async function checkKill(t: Test, machine: Machine): Promise<void> {
  await said(machine, 'etcdctl set /kept safe')
  const main = await said(machine, 'systemctl show etcd -P MainPID')
  await said(machine, 'sudo systemctl kill --signal=KILL etcd')
  t.equal(
    await until(
      machine,
      `test $(systemctl show etcd -P NRestarts) = 1 && systemctl is-active --quiet etcd && echo active`,
    ),
    'active',
  )
  t.equal(await said(machine, 'etcdctl get /kept'), 'safe')
  t.not(await said(machine, 'systemctl show etcd -P MainPID'), main)
}

/** With the drop-in that cloud-init writes for `coreos.etcd2`, and the folder that was usual then. */
async function checkAlias(t: Test, machine: Machine): Promise<void> {
  await said(machine, 'sudo systemctl stop etcd2')
  t.equal(await said(machine, properties('ActiveState,Result')), 'inactive\nsuccess')
  const last = await said(machine, 'journalctl -u etcd -o cat -n 4 --no-pager')
  t.match(last, 'etcd.service: Deactivated successfully.', 'the manager is content with how it ended')
  const folder = '/run/systemd/system/etcd2.service.d'
  const urls = 'http://127.0.0.1:2379,http://127.0.0.1:4001'
  const text = [
    '[Service]',
    'Environment="ETCD_NAME=core-01"',
    'Environment="ETCD_DATA_DIR=/var/lib/etcd2"',
    `Environment="ETCD_LISTEN_CLIENT_URLS=${urls}"`,
    `Environment="ETCD_ADVERTISE_CLIENT_URLS=${urls}"`,
  ].join('\\n')
  await said(machine, `sudo mkdir ${folder} && printf '${text}\\n' | sudo tee ${folder}/20-cloudinit.conf`)
  await said(machine, 'sudo systemctl daemon-reload && sudo systemctl start etcd2')
  t.match(
    await said(machine, 'etcdctl member list'),
    `name=core-01 peerURLs=http://localhost:2380 clientURLs=${urls}`,
  )
  t.equal(await said(machine, 'etcdctl --endpoints http://127.0.0.1:4001 get /kept'), 'safe', 'the same data')
  t.equal(await said(machine, 'systemctl is-active etcd etcd2'), 'active\nactive')
}

async function checkLostState(t: Test, machine: Machine): Promise<void> {
  await said(
    machine,
    'sudo systemctl stop etcd && sudo touch /run/orlop/state-lost && sudo systemctl start etcd',
  )
  t.equal(await said(machine, properties('ActiveState,ConditionResult')), 'inactive\nno')
  await said(machine, 'sudo rm /run/orlop/state-lost && sudo systemctl start etcd')
  t.equal(await said(machine, 'systemctl is-active etcd'), 'active')
}

const STOPPED = 'inactive\ninactive\ninactive'
const HEALTHY = '{"health":"true"}'
const KEPT = 'etcd etcd 700\netcd etcd 700'

/** One a line, in that order. */
function properties(names: string, unit = 'etcd'): string {
  return names
    .split(',')
    .map(name => `systemctl show ${unit} -P ${name}`)
    .join('; ')
}

/** Asks until the command succeeds; gives what it says then. */
async function until(machine: Machine, command: string): Promise<string> {
  return await said(
    machine,
    `for i in $(seq ${TRIES_MAX}); do ${command} && exit 0; sleep 1; done 2>/dev/null; exit 1`,
  )
}
