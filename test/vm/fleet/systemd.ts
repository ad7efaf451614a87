import type { Test } from 'tap'
import { hashUnit, parseUnit } from '#lib/fleet/unit/file.ts'
import { type Fleet, type FleetTest, type Member, TTL_SECONDS } from './lab.ts'
import { sleeper } from './units.ts'

/** The groups `install` and `systemd` of the original's tests. */
export const SYSTEMD_TESTS: readonly FleetTest[] = [
  ['TestInstallUnit', 'install-', install],
  ['TestSystemdUnitFlow', 'flow', unitFlow],
]

/** What else can happen to systemd and its machine. */
export const UPSET_TESTS: readonly FleetTest[] = [
  ['the bus and systemd start anew under units that run', 'bus-', restartBus],
  ['a clock that jumps by an hour moves and stops nothing', 'clock-', jumpClock],
]

const SECONDS_OF_HOUR = 3600
/** Longer than a sign of life, and some rounds of the engine. */
const CALM_SECONDS = TTL_SECONDS + 3

async function install(t: Test, fleet: Fleet): Promise<void> {
  const paths = await fleet.writeAll({
    'install-hello.service': sleeper(),
    'install-discovery.service': `${sleeper(['MachineOf=install-hello.service'], ['BindsTo=install-hello.service', 'After=install-hello.service'])}
[Install]
WantedBy=install-hello.service
`,
  })
  await fleet.said('load', ...paths)
  const { guest } = fleet.member((await fleet.unit('install-discovery.service')).machineID)
  const state = async (): Promise<string> =>
    (await guest.asked('systemctl is-active install-discovery.service')).text.trim()
  t.equal(await state(), 'inactive')
  await fleet.said('start', 'install-hello.service')
  await fleet.until('what is installed for it', async () => (await state()) === 'active')
  await fleet.until('its state', async () => (await fleet.running()).length === 2)
  await fleet.said('stop', 'install-hello.service')
  await fleet.until('its end', async () => (await state()) === 'inactive')
  await fleet.until('no running state', async () => (await fleet.running()).length === 0)
}

/** fleetd's manager of units, over the real bus. */
async function unitFlow(t: Test, fleet: Fleet): Promise<void> {
  const { guest, id, api } = fleet.members[1]!
  const text = sleeper([`MachineID=${id}`])
  const show = (): Promise<string> =>
    guest.said('systemctl show --value -p LoadState -p ActiveState -p SubState flow.service')
  const state = async (): Promise<object | undefined> =>
    (await api.states()).find(({ name }) => name === 'flow.service')
  const expected = (active: string, sub: string, agentState: string): object => ({
    name: 'flow.service',
    hash: hashUnit(parseUnit(text)),
    machineID: id,
    systemdLoadState: 'loaded',
    systemdActiveState: active,
    systemdSubState: sub,
    agentState,
  })
  await fleet.said('load', await fleet.write('flow.service', text))
  t.equal(await show(), 'loaded\ninactive\ndead')
  t.equal(await guest.said('cat /run/fleet/units/flow.service'), text.trimEnd())
  await fleet.until('its state', async () => (await state()) !== undefined)
  t.same(await state(), expected('inactive', 'dead', 'loaded'))
  await fleet.said('start', 'flow.service')
  t.equal(await show(), 'loaded\nactive\nrunning')
  t.same(await state(), expected('active', 'running', 'launched'))
  await fleet.said('unload', 'flow.service')
  await fleet.until(
    'an empty folder',
    async () => (await guest.said('ls /run/fleet/units | grep flow || true')) === '',
  )
  t.match(await show(), /inactive\ndead/)
}

/** What a unit is, and since when. */
async function invocation({ guest }: Member, name: string): Promise<string> {
  return await guest.said(`systemctl show -p InvocationID -p ActiveState ${name}`)
}

async function restartBus(t: Test, fleet: Fleet): Promise<void> {
  const member = fleet.members[1]!
  const { guest, id, api } = member
  const units = ['bus-stays.service', 'bus-dies.service', 'bus-later.service']
  const paths = await fleet.writeAll(
    Object.fromEntries(units.map(name => [name, sleeper([`MachineID=${id}`])])),
  )
  await fleet.said('start', paths[0]!, paths[1]!)
  await fleet.untilRunning(2)
  const stays = await invocation(member, 'bus-stays.service')
  const activeOf = async (name: string): Promise<string | undefined> =>
    (await api.states()).find(state => state.name === name)?.systemdActiveState
  const bus = async (): Promise<string> => await guest.said('systemctl show --value -p MainPID dbus-broker')
  const fleetd = await guest.said('systemctl show --value -p MainPID fleet')
  const broker = await bus()
  // logind does not find the new bus by itself, and without it nobody could log in any more.
  await guest.said('systemctl restart dbus-broker; systemctl restart systemd-logind')
  t.not(await bus(), broker, 'the bus is another one')
  await guest.said('systemctl kill -s KILL bus-dies.service')
  await fleet.until('the truth after the bus', async () => (await activeOf('bus-dies.service')) === 'failed')
  t.equal(await activeOf('bus-stays.service'), 'active')
  await guest.said('systemctl daemon-reexec')
  await fleet.said('destroy', 'bus-dies.service')
  await fleet.said('start', paths[2]!)
  await guest.said('systemctl kill -s KILL bus-later.service')
  await fleet.until('the truth after systemd', async () => (await activeOf('bus-later.service')) === 'failed')
  t.equal(await activeOf('bus-stays.service'), 'active')
  t.equal(await invocation(member, 'bus-stays.service'), stays, 'nothing was done to the one that stays')
  t.equal(await guest.said('systemctl show --value -p MainPID fleet'), fleetd, 'fleetd is the same')
}

/** Of the machine whose etcd leads: its clock is the one by which times to live are counted. */
async function jumpClock(t: Test, fleet: Fleet): Promise<void> {
  await fleet.write('clock-unit@.service', sleeper())
  await fleet.said('start', ...[1, 2, 3].map(number => `${fleet.folder}/clock-unit@${number}.service`))
  await fleet.said('start', await fleet.write('clock-everywhere.service', sleeper(['Global=true'])))
  await fleet.untilRunning(6)
  const leads = await fleet.everywhere(() => 'curl -s http://127.0.0.1:2379/v2/stats/self')
  const member = fleet.members[leads.findIndex(text => text.includes('"StateLeader"'))]!
  t.ok(member, 'one of them leads')
  const list = async (): Promise<string[]> => await fleet.listed('list-units')
  const states = (): Promise<string[]> =>
    fleet.everywhere(() => "systemctl show -p Id -p InvocationID 'clock-*'")
  const [listed, before] = [await list(), await states()]
  const { guest } = member
  const skew = async (): Promise<number> => {
    const [here, there] = await Promise.all([
      guest.said('date +%s'),
      fleet.other(member).guest.said('date +%s'),
    ])
    return Math.round((Number(here) - Number(there)) / SECONDS_OF_HOUR)
  }
  await guest.said('systemctl stop systemd-timesyncd')
  try {
    for (const [sign, hours] of [
      ['+', 1],
      ['-', 0],
    ] as const) {
      await guest.said(`date -s "$(date -d '${sign}1 hour')"`)
      t.equal(await skew(), hours, 'the clock has jumped')
      await guest.said(`sleep ${CALM_SECONDS}`)
      t.same(await list(), listed, 'nothing has moved')
      t.same(await states(), before, 'nothing was stopped or started')
      t.equal((await fleet.members[0]!.api.machines()).length, 3)
    }
  } finally {
    await guest.said('systemctl start systemd-timesyncd')
  }
}
