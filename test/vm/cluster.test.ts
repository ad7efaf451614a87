// Three machines as `npm start` makes them, by the command line alone: founded by discovery, held, parted, and given a
// new disk.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Terminal } from '../../build/vm/terminal.ts'
import { ROOT, testImage } from './lib/image.ts'

/** Three boots side by side on two processors, and as many again for the one that is made anew. */
const FILE_MS = 1_500_000
const UP_MS = 900_000
const SOON_MS = 120_000
const PAUSE_MS = 1000

t.setTimeout(FILE_MS)

const home = await mkdtemp(join(tmpdir(), 'orlop-home-'))
const env = { ...process.env, ORLOP_HOME: home, TERM: 'xterm' } as Record<string, string>
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

const keeper = spawn(
  '/bin/sh',
  ['-c', 'read -r line; "$@"', 'sh', process.execPath, MAIN, 'destroy', '--force'],
  {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    env,
  },
)
t.teardown(async () => {
  keeper.stdin.end()
  await once(keeper, 'exit')
  await rm(home, { recursive: true, force: true })
})

t.test('three machines find one another', async t => {
  const { images } = await testImage()
  const began = performance.now()
  const up = Terminal.spawn({ file: process.execPath, args: [MAIN, 'up', '--image', images.raw], env })
  await up.waitFor('cluster is healthy', { timeoutMs: UP_MS })
  t.equal(await up.ended, 0)
  t.comment(`three machines and a healthy cluster after ${((performance.now() - began) / 1000).toFixed(0)} s`)
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

t.test('what the user-data and the host have told them', async t => {
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

t.test('one that is held is missed by nobody, and catches up', async t => {
  await shown('suspend', 'core-01')
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

t.test('the smaller side of a partition refuses writes, the larger one goes on', async t => {
  t.match(await shown('network'), /core-01 +connected/)
  await shown('network', 'partition', 'core-01', '--', 'core-02', 'core-03')
  await until(
    'a write of the larger side',
    async () => (await orlop('ssh', 'core-02', '--', 'etcdctl set /side larger')).status === 0,
  )
  const { status } = await orlop('ssh', 'core-01', '--', 'etcdctl --total-timeout 10s set /side smaller')
  t.not(status, 0, 'nobody acknowledges what could be lost')
  t.match(await said('core-03', 'etcdctl get /side'), 'larger')
  await shown('network', 'heal')
  await until('core-01 to see what happened', async () =>
    (await orlop('ssh', 'core-01', '--', 'etcdctl get /side')).text.includes('larger'),
  )
})

t.test('a new disk for one of them', async t => {
  await shown('destroy', 'core-02', '--force')
  await shown('up', 'core-02')
  await until('three healthy members', async () => {
    const { text } = await orlop('ssh', 'core-01', '--', 'etcdctl cluster-health')
    return text.includes('cluster is healthy') && (text.match(/is healthy: got healthy/g) ?? []).length === 3
  })
  t.match(await said('core-02', 'etcdctl get /side'), 'larger')
})

t.test('all of it goes', async t => {
  t.match(await shown('destroy', '--force'), /core-03 is gone/)
  t.match(await shown('status'), 'No machines')
})
