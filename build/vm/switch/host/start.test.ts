// The switch as a process of its own.

import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { isRunning } from '../../identity.ts'
import { BROADCAST, frameOf, macOf, textOf } from '../testing/frames.ts'
import { Machine } from '../testing/machine.ts'
import { SwitchClient } from './client.ts'
import { startSwitch, stopSwitch } from './start.ts'

const NETWORK = { address: '172.17.8.1', domain: 'orlop.internal' }

function newFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'switch-'))
  t.teardown(async () => {
    await stopSwitch(folder)
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

function processOf(folder: string) {
  return JSON.parse(readFileSync(join(folder, 'switch.json'), 'utf8')).process
}

t.test(
  'two machines speak through a process that is started, taken, killed, started and stopped',
  async t => {
    const folder = newFolder(t)
    const first = await startSwitch(
      folder,
      ['core-01', { name: 'core-02', address: '172.17.8.102' }],
      NETWORK,
    )
    t.equal(statSync(folder).mode & 0o777, 0o700)
    const speak = async () => {
      const one = await Machine.plug(folder, 'core-01')
      const two = await Machine.plug(folder, 'core-02')
      const client = await SwitchClient.open(folder)
      while (!(await client.status()).ports['core-02']?.connected);
      client.close()
      one.send(frameOf(BROADCAST, macOf(1), 'hello'))
      t.equal(textOf(await two.next()), 'hello')
      two.send(frameOf(macOf(1), macOf(2), 'well'))
      t.equal(textOf(await one.next()), 'well')
      await Promise.all([one.unplug(), two.unplug()])
    }
    await speak()
    await first.cut('core-01', 'core-02')
    const { pid } = processOf(folder)

    const second = await startSwitch(folder, ['core-03', 'core-02'], NETWORK)
    t.equal(processOf(folder).pid, pid, 'the running one is taken')
    const status = await second.status()
    t.same(Object.keys(status.ports), ['@host', 'core-01', 'core-02', 'core-03'])
    t.equal(status.names['core-02'], '172.17.8.102', 'a name stays')
    t.equal(status.faults.cuts.length, 1, 'rules stay')
    first.close()
    second.close()

    const identity = processOf(folder)
    process.kill(pid, 'SIGKILL')
    while (await isRunning(identity));
    const third = await startSwitch(folder, ['core-01', 'core-02'], NETWORK)
    t.not(processOf(folder).pid, pid)
    t.equal((await third.status()).faults.cuts.length, 0, 'a new one begins with perfect links')
    third.close()
    await speak()
    const last = processOf(folder)
    await stopSwitch(folder)
    t.equal(await isRunning(last), false)
    t.equal(existsSync(join(folder, 'core-01.sock')), false)
    t.match(readFileSync(join(folder, 'switch.log'), 'utf8'), /core-01: connected\n/)
    await stopSwitch(folder)
  },
)

t.test('one that does not answer is ended, and another one started', async t => {
  const folder = newFolder(t)
  ;(await startSwitch(folder, ['core-01'], NETWORK)).close()
  const identity = processOf(folder)
  const socket = join(folder, 'control.sock')
  rmSync(socket)
  const client = await startSwitch(folder, ['core-01'], NETWORK)
  t.equal(await isRunning(identity), false)
  t.match((await client.status()).ports, { 'core-01': { connected: false } })
  client.close()
})

t.test('one whose folder is gone ends by itself', async t => {
  const folder = join(newFolder(t), 'switch')
  ;(await startSwitch(folder, ['core-01'], NETWORK)).close()
  const identity = processOf(folder)
  rmSync(folder, { recursive: true })
  while (await isRunning(identity)) await new Promise(resolve => setTimeout(resolve, 50))
  t.pass()
})

t.test('what cannot be started says so', async t => {
  const folder = newFolder(t)
  await t.rejects(startSwitch(folder, ['a', 'a'], NETWORK), {
    name: 'UserError',
    message: 'the port a is there twice',
  })
  await t.rejects(startSwitch(folder, ['a'], { ...NETWORK, address: 'x' }), { message: /is no address/ })
  await t.rejects(SwitchClient.open(folder), { name: 'UserError' })
  writeFileSync(join(folder, 'switch.json'), '{"version":1,"proc')
  const client = await startSwitch(folder, ['a'], NETWORK)
  client.close()
  t.ok(processOf(folder).pid, 'a damaged record is made anew')
})
