// Three machines as `npm start` makes them, by the command line as a person uses it: typed on a terminal, answers read
// from it. They are founded by discovery, held, parted, and one is given a new disk.

import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { MachineStatus } from '../../build/cli/status.ts'
import { DETACH_KEY } from '../../build/vm/attach.ts'
import { Terminal } from '../../build/vm/terminal.ts'
import { CLIENT_TESTS, HOST_KEY_TESTS } from './fleet/client.ts'
import { DEFAULT_TTL_SECONDS, Fleet, runFleetTests, TTL_SECONDS } from './fleet/lab.ts'
import { MACHINES_TESTS } from './fleet/machines.ts'
import { NODE_TESTS } from './fleet/node.ts'
import { afterReplacement, beforeReplacement } from './fleet/replaced.ts'
import { PLACING_TESTS, SCHEDULING_TESTS } from './fleet/scheduling.ts'
import { SYSTEMD_TESTS, UPSET_TESTS } from './fleet/systemd.ts'
import { UNIT_TESTS } from './fleet/unit.ts'
import { checkFleet } from './lib/fleet.ts'
import { openLaboratory, ROOT, testImage } from './lib/image.ts'
import { keepMachines } from './lib/keeper.ts'
import { rotate, secondsLeft } from './lib/pace.ts'

/** Three boots side by side on two processors, and as many again for the one that is made anew. */
const FILE_MS = 2_100_000
const UP_MS = 900_000
const SOON_MS = 240_000
const PAUSE_MS = 1000
/** Tests beside one another: while one waits the other works. More of them, and the guests have no time for the store. */
const JOBS = 2
/** What comes after the calm tests takes so many times as long as it took until three machines were up. */
const REST_UPS = 4.5

t.setTimeout(FILE_MS)

/** ORLOP_HOME of a cluster that runs, for who works on the tests of fleet: those alone are run, on it. */
const running = process.env['ORLOP_TEST_CLUSTER']
const elsewhere = running === undefined ? {} : { skip: 'on a cluster that runs' }

const home = running ?? (await mkdtemp(join(tmpdir(), 'orlop-home-')))
const env = { ...process.env, ORLOP_HOME: home, TERM: 'xterm' } as Record<string, string>
/**
 * What the original's functional tests are about, and what else can happen to a fleet. On a host so slow that not all of
 * them can be done, each run does others.
 */
const CALM = rotate([
  ...CLIENT_TESTS,
  ...UNIT_TESTS,
  ...SYSTEMD_TESTS,
  ...SCHEDULING_TESTS,
  ...MACHINES_TESTS,
])
const ALONE = [...PLACING_TESTS, ...HOST_KEY_TESTS, ...UPSET_TESTS]
/** The measure of how fast this host is. */
let upSeconds = 0
const MAIN = join(ROOT, 'build/cli/main.ts')

/** What a command line of `orlop` showed, and its status. */
async function orlop(...words: string[]): Promise<{ text: string; status: number | null }> {
  const terminal = Terminal.spawn({ file: process.execPath, args: [MAIN, ...words], env })
  const status = await terminal.ended
  return { text: terminal.text, status }
}

async function shown(...words: string[]): Promise<string> {
  const { text, status } = await orlop(...words)
  if (status !== 0) throw new Error(`orlop ${words.join(' ')} ended with status ${status}:\n${text}`)
  return text
}

/** What a command on a machine says; it has to succeed. */
const said = (name: string, command: string) => shown('ssh', name, '--', command)

/** Asks again until the answer is right: clusters take their time, and nobody can say how much. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + SOON_MS
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`${what}: not within ${SOON_MS / 1000} s`)
    await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
  }
}

if (running === undefined) t.teardown(keepMachines(home))

/** The fleet of the machines that run, by connections that are kept. */
async function openFleet(): Promise<Fleet> {
  const machines = JSON.parse(await shown('status', '--json')) as MachineStatus[]
  return await Fleet.open(machines, (await openLaboratory()).host.programs)
}

/** What a command line shows that has to fail. */
async function refused(...words: string[]): Promise<string> {
  const { text, status } = await orlop(...words)
  if (status !== 1) throw new Error(`orlop ${words.join(' ')} ended with status ${status}:\n${text}`)
  return text
}

t.test('before there is a machine', elsewhere, async t => {
  t.match(await shown('status'), 'No machines')
  t.match(await refused('ssh', 'one'), /there is no machine one; start it with .*up one/)
  t.match(await refused('destroy', 'one'), 'there is no machine one')
  t.match(await refused('up', 'one', '--firmware', 'efi'), 'bios, uefi')
  t.match(await refused('up', 'one', '--image', '/nonexistent.raw'), '/nonexistent.raw: no such image')
  t.match(await refused('up', '../one'), "cannot be a machine's name")
  t.match(await refused('up', '--user-data', '/nonexistent'), '/nonexistent: there is no such user-data')
  t.match(await refused('up', '--config', '/nonexistent'), '/nonexistent: there is no such config')
  t.match(await refused('network'), 'no switch works')
  t.match(await shown('status'), 'No machines', 'nothing is left of what could not be')
})

t.test('three machines find one another', elsewhere, async t => {
  const { images } = await testImage()
  const began = performance.now()
  const up = Terminal.spawn({ file: process.execPath, args: [MAIN, 'up', '--image', images.raw], env })
  await up.waitFor('boot loader chose slot a', { timeoutMs: UP_MS })
  const booting = JSON.parse(await shown('status', 'core-01', '--json')) as { state: string }[]
  t.equal(booting[0]?.state, 'booting')
  await up.waitFor('cluster is healthy', { timeoutMs: UP_MS })
  t.equal(await up.ended, 0)
  upSeconds = (performance.now() - began) / 1000
  t.comment(`three machines and a healthy cluster after ${upSeconds.toFixed(0)} s`)
  for (const number of [1, 2, 3]) t.match(up.text, `Machine core-0${number} is up at 172.17.8.10${number}`)
  const all = JSON.parse(await shown('status', '--json')) as {
    name: string
    state: string
    address: string
  }[]
  t.same(
    all.map(({ name, state, address }) => [name, state, address]),
    [1, 2, 3].map(number => [`core-0${number}`, 'up', `172.17.8.10${number}`]),
  )
  t.equal(
    (await said('core-01', 'etcdctl member list')).match(/clientURLs=http:\/\/172\.17\.8\.10[123]:2379/g)
      ?.length,
    3,
  )
  t.match(await said('core-01', 'etcdctl set /message hello'), 'hello')
  for (const name of ['core-02', 'core-03']) t.match(await said(name, 'etcdctl get /message'), 'hello')
})

t.test('what the user-data and the host have told them', elsewhere, async t => {
  t.match(
    await said('core-02', 'hostname; cat /etc/hostname; cat /etc/environment'),
    /core-02\s+core-02[\s\S]*COREOS_PRIVATE_IPV4=172\.17\.8\.102/,
  )
  t.match(await said('core-01', 'getent ahostsv4 core-03'), '172.17.8.103')
  t.match(await said('core-01', 'getent ahostsv4 core-03.orlop.internal'), '172.17.8.103')
  await until('the time of the host', async () => {
    const { text } = await orlop('ssh', 'core-01', '--', 'timedatectl timesync-status')
    return text.includes('172.17.8.1')
  })
  t.match(await said('core-01', 'systemctl is-system-running; systemctl --failed --no-legend'), 'running')
  t.match(await said('core-01', 'ping -c 1 -W 5 core-02'), '1 received')
})

t.test('commands, shells and the console of one', elsewhere, async t => {
  t.match(
    await shown('up', 'core-01', '--image', (await testImage()).images.raw),
    'Machine core-01 runs already',
  )
  t.match(await said('core-01', "echo 'a  b' $HOME"), 'a  b /home/core')
  t.match(await shown('ssh', '--', 'hostname'), 'core-01', 'the first one is meant')
  t.match(await shown('ssh', 'core-01', '--', 'echo', 'a  b', '$HOME'), 'a  b $HOME')
  t.equal((await orlop('ssh', 'core-01', '--', 'exit 7')).status, 7)
  const open = (...words: string[]) => Terminal.spawn({ file: process.execPath, args: [MAIN, ...words], env })
  const shell = open('ssh', 'core-01')
  await shell.waitFor('$ ', { timeoutMs: SOON_MS })
  shell.write('tty; exit 5\r')
  await shell.waitFor('/dev/pts/', { timeoutMs: SOON_MS })
  t.equal(await shell.ended, 5)
  const seat = open('console', 'core-01')
  await seat.waitFor('Ctrl-] leaves', { timeoutMs: SOON_MS })
  seat.write('\r')
  await seat.waitFor('$ ', { timeoutMs: SOON_MS })
  seat.write('echo user=$(id -un) on=$(tty)\r')
  await seat.waitFor('user=core on=/dev/ttyS0', { timeoutMs: SOON_MS })
  const second = open('console', 'core-01')
  await second.waitFor('somebody else sits at the console', { timeoutMs: SOON_MS })
  t.equal(await second.ended, 1)
  seat.write(DETACH_KEY)
  await seat.waitFor('Left the console of core-01', { timeoutMs: SOON_MS })
  t.equal(await seat.ended, 0)
  t.match(await shown('console', 'core-01', '--log'), 'ORLOP: boot complete slot=a')
  t.match(await said('core-03', 'docker run busybox /bin/echo hello world'), 'hello world')
})

t.test('fleet', async t => {
  const fleet = await openFleet()
  t.teardown(() => fleet.close())
  await checkFleet(t, fleet, shown)
  await fleet.configure(DEFAULT_TTL_SECONDS)
  const mayBegin = (): boolean => secondsLeft() > upSeconds * REST_UPS
  await t.test('calm', t => runFleetTests(t, fleet, { tests: CALM, jobs: JOBS, mayBegin }))
  await t.test('alone', t => runFleetTests(t, fleet, { tests: ALONE, jobs: 1 }))
  await fleet.configure(TTL_SECONDS)
  await t.test('with short-lived signs of life', t => runFleetTests(t, fleet, { tests: NODE_TESTS, jobs: 1 }))
  await fleet.restore()
})

t.test('one that is held is missed by nobody, and catches up', elsewhere, async t => {
  await shown('suspend', 'core-01')
  t.match(await shown('status', 'core-01'), 'suspended')
  await until(
    'a write without core-01',
    async () => (await orlop('ssh', 'core-02', '--', 'etcdctl set /while held')).status === 0,
  )
  t.match(await said('core-03', 'etcdctl get /while'), 'held')
  await shown('resume', 'core-01')
  await until('core-01 to catch up', async () =>
    (await orlop('ssh', 'core-01', '--', 'etcdctl get /while')).text.includes('held'),
  )
})

t.test('the smaller side of a partition refuses writes, the larger one goes on', elsewhere, async t => {
  t.match(await shown('network'), /core-01 +connected/)
  await shown('network', 'partition', 'core-01', '--', 'core-02', 'core-03')
  await until(
    'a write of the larger side',
    async () => (await orlop('ssh', 'core-02', '--', 'etcdctl set /side larger')).status === 0,
  )
  const { status } = await orlop('ssh', 'core-01', '--', 'etcdctl --total-timeout 10s set /minority smaller')
  t.not(status, 0, 'nobody acknowledges what could be lost')
  t.match(await said('core-03', 'etcdctl get /side'), 'larger')
  await shown('network', 'heal')
  await until('core-01 to see what happened', async () =>
    (await orlop('ssh', 'core-01', '--', 'etcdctl get /side')).text.includes('larger'),
  )
})

t.test('a new disk for one of them: TestDynamicClusterMemberReboot', elsewhere, async t => {
  const fleet = await openFleet()
  const places = await beforeReplacement(fleet)
  await fleet.close()
  await shown('destroy', 'core-02', '--force')
  await shown('up', 'core-02')
  await until('three healthy members', async () => {
    const { text } = await orlop('ssh', 'core-01', '--', 'etcdctl cluster-health')
    return text.includes('cluster is healthy') && (text.match(/is healthy: got healthy/g) ?? []).length === 3
  })
  t.match(await said('core-02', 'etcdctl get /side'), 'larger')
  const after = await openFleet()
  t.teardown(() => after.close())
  await afterReplacement(t, after, places)
})

t.test('all of it goes', elsewhere, async t => {
  t.match(await shown('destroy', '--force'), /core-03 is gone/)
  t.match(await shown('status'), 'No machines')
})
