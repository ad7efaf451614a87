import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type BusConnection, connectBus } from '#lib/dbus/host/connection.ts'
import { type DBusValue, MessageType } from '#lib/dbus/types.ts'
import { DbusManager } from '../../daemons/fleet/systemd/host/manager.ts'
import { until } from '../fleet/lib/live.ts'
import { openOriginals } from './lib/programs.ts'

const MANAGER = 'org.freedesktop.systemd1'
const tools = await openOriginals()
const folder = await mkdtemp(join(tmpdir(), 'orlop-dbus-'))
t.teardown(() => rm(folder, { recursive: true, force: true }))
const socket = join(folder, 'bus')
const config = join(folder, 'bus.conf')
await writeFile(
  config,
  `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "">
<busconfig><type>session</type><listen>unix:path=${socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>`,
)

/** A bus of Debian's own dbus-daemon. */
async function startBus(): Promise<() => Promise<void>> {
  const { file, args, env } = tools.command('dbus-daemon', ['--nofork', `--config-file=${config}`])
  const child = spawn(file, args, { env, stdio: 'ignore' })
  const gone = new Promise<void>(resolve => child.once('exit', () => resolve()))
  await until(async () => {
    const connection = await connectBus([{ path: socket, isPeer: false }]).catch(() => undefined)
    connection?.close()
    return connection !== undefined
  })
  return async () => {
    child.kill('SIGKILL')
    await gone
  }
}

/** A systemd on the bus that remembers what it was asked. */
async function serveSystemd(): Promise<{ calls: string[]; bus: BusConnection }> {
  const bus = await connectBus([{ path: socket, isPeer: false }])
  const name = 'org.freedesktop.DBus'
  await bus.call({
    destination: name,
    path: '/org/freedesktop/DBus',
    interface: name,
    member: 'RequestName',
    signature: 'su',
    body: [MANAGER, 0],
  })
  const calls: string[] = []
  bus.onCall(({ member = '', body, serial, sender }) => {
    calls.push(`${member} ${JSON.stringify(body)}`)
    const reply = { destination: sender, replySerial: serial }
    const send = (signature: string, values: DBusValue[]): void =>
      bus.send(MessageType.reply, { ...reply, signature, body: values })
    if (member === 'StopUnit' && body[0] === 'none.service')
      bus.send(MessageType.error, {
        ...reply,
        errorName: `${MANAGER}.NoSuchUnit`,
        signature: 's',
        body: ['no'],
      })
    else if (member === 'StartUnit' && body[0] === 'bad.service')
      bus.send(MessageType.error, {
        ...reply,
        errorName: `${MANAGER}.BadUnitSetting`,
        signature: 's',
        body: ['bad'],
      })
    else if (member === 'EnableUnitFiles')
      send('ba(sss)', [body[0]?.toString().includes('carries') === true, []])
    else if (member === 'ListUnitsByNames')
      send('a(ssssssouso)', [
        (body[0] as string[]).map(unit =>
          unit === 'queued.service'
            ? [unit, '', 'loaded', 'inactive', 'dead', '', '/u', 7, 'start', '/job/7']
            : [unit, '', 'loaded', 'active', 'running', '', '/u', 0, '', '/'],
        ),
      ])
    else send('', [])
  })
  return { calls, bus }
}

t.test('systemd over a bus of dbus-daemon', async t => {
  let stopBus = await startBus()
  t.teardown(() => stopBus())
  let { calls, bus } = await serveSystemd()
  const manager = new DbusManager({ isUser: false, env: { DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${socket}` } })
  t.teardown(() => manager.close())
  let changes = 0
  manager.onChange(() => changes++)
  await manager.link('/run/fleet/units/a.service', false)
  await manager.link('/run/carries.service', true)
  await t.rejects(manager.link('/run/b.service', true), /carries no install information/)
  await manager.start('a.service')
  await manager.restart('a.service')
  await manager.stop('none.service')
  await t.rejects(manager.start('bad.service'), { message: 'bad', errorName: `${MANAGER}.BadUnitSetting` })
  await manager.reload()
  t.same(await manager.statuses(['a.service', 'queued.service']), [
    { name: 'a.service', load: 'loaded', active: 'active', sub: 'running' },
    { name: 'queued.service', load: 'loaded', active: 'activating', sub: 'queued' },
  ])
  t.same(calls, [
    'Subscribe []',
    'LinkUnitFiles [["/run/fleet/units/a.service"],true,true]',
    'LinkUnitFiles [["/run/carries.service"],true,true]',
    'EnableUnitFiles [["/run/carries.service"],true,true]',
    'LinkUnitFiles [["/run/b.service"],true,true]',
    'EnableUnitFiles [["/run/b.service"],true,true]',
    'StartUnit ["a.service","replace"]',
    'RestartUnit ["a.service","replace"]',
    'StopUnit ["none.service","replace"]',
    'StartUnit ["bad.service","replace"]',
    'Reload []',
    'ListUnitsByNames [["a.service","queued.service"]]',
  ])
  const path = '/org/freedesktop/systemd1/unit/a_2eservice'
  const before = changes
  bus.send(MessageType.signal, {
    path,
    interface: 'org.freedesktop.DBus.Properties',
    member: 'PropertiesChanged',
    signature: 'sa{sv}as',
    body: [`${MANAGER}.Unit`, [['ActiveState', { signature: 's', value: 'failed' }]], []],
  })
  await until(() => changes === before + 1)

  // The bus restarts: calls fail meanwhile, and go on after.
  bus.close()
  await stopBus()
  await t.rejects(manager.start('a.service'), /D-Bus/)
  stopBus = await startBus()
  ;({ calls, bus } = await serveSystemd())
  await until(() =>
    manager.start('a.service').then(
      () => true,
      () => false,
    ),
  )
  t.equal(calls[0], 'Subscribe []', 'it listens again')
  bus.close()
})

t.test('many calls at once, and one that nobody answers', async t => {
  const stopBus = await startBus()
  t.teardown(stopBus)
  const { bus } = await serveSystemd()
  const other = await connectBus([{ path: socket, isPeer: false }])
  const target = { destination: MANAGER, path: '/x', interface: 'x.y', member: 'Z', signature: 's' }
  const answers = await Promise.all(
    Array.from({ length: 500 }, (_, n) => other.call({ ...target, body: [`${n}`.repeat(100)] })),
  )
  t.equal(answers.length, 500)
  await t.rejects(other.call({ ...target, destination: 'no.body', body: [''] }), /no\.body/)
  bus.close()
  other.close()
  await t.rejects(other.call({ ...target, body: [''] }), /is closed/)
})
