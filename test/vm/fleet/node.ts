import { setTimeout } from 'node:timers/promises'
import type { Test } from 'tap'
import { type Fleet, type FleetTest, type Member, TTL_SECONDS } from './lab.ts'
import { sleeper } from './units.ts'

/** The groups `cluster`, `connectivity`, `node`, `server` and `shutdown` of the original's tests: machines that go. */
export const NODE_TESTS: readonly FleetTest[] = [
  ['TestDynamicClusterNewMemberUnitMigration', 'migration@', migration],
  ['TestSingleNodeConnectivityLoss', 'loss-', connectivityLoss],
  ['TestNodeShutdown, TestShutdown', 'pinned', shutdown],
  ['TestShutdownVsMonitor', 'none', shutdownVsMonitor],
  ['TestDetectMachineId', 'none', detectMachineId],
  ['TestReconfigureServer', 'reconfigured', reconfigure],
]

/** Longer than the life of a sign of life. */
const AFTER_SECONDS = TTL_SECONDS + 3
/** An API says that it has lost the store when that life is over: it is the end of an outage that is waited for. */
const OUTAGE_SECONDS = 3
const RULE = 'OUTPUT -p tcp --dport 2379 -j'
const ENDED = 'Result=success\nActiveState=inactive'
const SHOW_END = 'systemctl show -p Result -p ActiveState fleet'
const MONITOR = 'Server monitor triggered: Monitor timed out before successful heartbeat'

/** What fleet has written into the journal of a machine since a mark was set there. */
class Journal {
  readonly #member: Member
  readonly #cursor: string

  private constructor(member: Member, cursor: string) {
    this.#member = member
    this.#cursor = cursor
  }

  static async mark(member: Member): Promise<Journal> {
    const text = await member.guest.said('journalctl --no-pager -n 0 --show-cursor')
    return new Journal(member, /-- cursor: (\S+)/.exec(text)![1]!)
  }

  async read(match = '-u fleet'): Promise<string> {
    return await this.#member.guest.said(
      `journalctl --no-pager -o cat ${match} --after-cursor='${this.#cursor}'`,
    )
  }
}

/** Machine, unit → invocation and states in systemd. */
async function statesOf(fleet: Fleet, pattern: string): Promise<string[]> {
  const properties = ['Id', 'UnitFileState', 'ActiveState', 'SubState', 'InvocationID']
  const words = properties.map(name => `-p ${name}`).join(' ')
  return await fleet.everywhere(() => `systemctl show ${words} ${pattern}`)
}

/** The original had four machines and three such units. */
async function migration(t: Test, fleet: Fleet): Promise<void> {
  await fleet.write('migration@.service', sleeper(['Conflicts=migration@*.service']))
  await fleet.said('start', ...[1, 2].map(number => `${fleet.folder}/migration@${number}.service`))
  const before = await fleet.untilRunning(2)
  const lost = fleet.member(before.get('migration@1.service'))
  const free = fleet.members.find(({ id }) => ![...before.values()].includes(id))!
  await fleet.without(lost, async other => {
    await fleet.untilMachines(2, other)
    const after = await fleet.untilRunning(2, other)
    t.equal(after.get('migration@1.service'), free.id, 'it is on the machine that was free')
    t.equal(
      after.get('migration@2.service'),
      before.get('migration@2.service'),
      'the other one has not moved',
    )
  })
}

/**
 * The original had one machine; here all of the cluster lose their store, so that nobody can place units elsewhere: first
 * the ways to it, then the store itself.
 */
async function connectivityLoss(t: Test, fleet: Fleet): Promise<void> {
  const kinds = { 'loss-single': [`MachineID=${fleet.members[0]!.id}`], 'loss-global': ['Global=true'] }
  for (const [kind, options] of Object.entries(kinds)) {
    await fleet.write(`${kind}@.service`, sleeper(options))
    for (const [command, state] of Object.entries({ submit: 'submitted', load: 'loaded', start: 'launched' }))
      await fleet.said(command, `${fleet.folder}/${kind}@${state}.service`)
  }
  await fleet.untilRunning(1 + fleet.members.length)
  let now = ''
  const isListed = async (holds: (text: string) => boolean): Promise<boolean> => {
    now = [...(await fleet.listed('list-unit-files')), ...(await fleet.listed('list-units'))].join('\n')
    return holds(now)
  }
  // One loaded and one launched on each machine, the submitted ones nowhere. No machine is without its address.
  await fleet.until(
    'all states',
    async () => (await fleet.states()).length === 8 && (await isListed(text => !/\.\.\.(?!\/)/.test(text))),
    { seen: () => now },
  )
  const journals = await Promise.all(fleet.members.map(Journal.mark))
  const [listed, states] = [now, await statesOf(fleet, "'loss-*'")]
  t.match(states[0], /loss-single@launched[\s\S]*UnitFileState=linked-runtime|UnitFileState=linked-runtime/)
  const outage = async (what: string): Promise<void> => {
    for (const member of fleet.members)
      await fleet.until('an API that knows', async () => {
        const { err } = await fleet.run(['list-units'], member)
        return err.includes('unable to communicate with etcd')
      })
    await setTimeout(OUTAGE_SECONDS * 1000)
    t.same(await statesOf(fleet, "'loss-*'"), states, what)
  }
  await fleet.everywhere(() => `iptables -I ${RULE} REJECT --reject-with tcp-reset`)
  try {
    await outage('while no way leads to the store')
  } finally {
    const counts = await fleet.everywhere(
      () =>
        `iptables -nvxL OUTPUT | awk '/dpt:2379/ {print $1}'; iptables -D ${RULE} REJECT --reject-with tcp-reset`,
    )
    for (const count of counts) t.ok(Number(count) > 0, `${count} packets were refused`)
  }
  await fleet.untilMachines(fleet.members.length)
  t.same(await statesOf(fleet, "'loss-*'"), states, 'when it is back')
  await fleet.everywhere(() => 'systemctl stop etcd2')
  try {
    await outage('while the store is down')
  } finally {
    await fleet.everywhere(() => 'systemctl start etcd2')
  }
  await fleet.untilMachines(fleet.members.length)
  await setTimeout(AFTER_SECONDS * 1000)
  t.same(await statesOf(fleet, "'loss-*'"), states, 'and after')
  await fleet.until('the lists as they were', () => isListed(text => text === listed), {
    seen: () => `\n${now}\ninstead of\n${listed}`,
  })
  for (const journal of journals) {
    t.match(await journal.read(), MONITOR)
    t.notMatch(await journal.read(), /Stopp/)
    t.notMatch(await journal.read("-u 'loss-*'"), 'Stopping')
  }
}

async function shutdown(t: Test, fleet: Fleet): Promise<void> {
  const member = fleet.members[1]!
  await fleet.said('start', await fleet.write('pinned.service', sleeper([`MachineID=${member.id}`])))
  await fleet.untilRunning(1)
  await fleet.without(member, async other => {
    t.equal(await member.guest.said(SHOW_END), ENDED)
    await fleet.untilMachines(2, other)
    await fleet.until('no state of it', async () => (await fleet.states(other)).length === 0)
    const { text } = await member.guest.asked('systemctl is-active pinned.service; ls /run/fleet/units')
    t.equal(text.trim(), 'inactive', 'it was stopped, and its file is gone')
  })
  t.equal((await fleet.untilRunning(1)).get('pinned.service'), member.id, 'it runs there again')
}

async function shutdownVsMonitor(t: Test, fleet: Fleet): Promise<void> {
  const member = fleet.members[2]!
  const { guest } = member
  const journal = await Journal.mark(member)
  await guest.said(`iptables -I ${RULE} DROP`)
  try {
    await fleet.until('the monitor', async () => (await journal.read()).includes(MONITOR))
    const { err } = await fleet.run(['list-machines', '--request-timeout=5'], member)
    t.match(err, 'unable to communicate with etcd')
    await guest.said('systemctl stop fleet')
    t.equal(await guest.said(SHOW_END), ENDED)
  } finally {
    const count = await guest.said(`iptables -nvxL OUTPUT | awk '/dpt:2379/ {print $1}'`)
    t.ok(Number(count) > 0, `${count} packets were dropped`)
    await guest.said(`iptables -D ${RULE} DROP; systemctl start fleet`)
  }
  await fleet.untilMachines(fleet.members.length)
  await fleet.untilAnswers(member)
}

/** The original's first machine was put out of work by the second one; here the second one does not get in. */
async function detectMachineId(t: Test, fleet: Fleet): Promise<void> {
  const [first, second] = fleet.members as [Member, Member]
  const give = (id: string): Promise<string> =>
    second.guest.said(`echo ${id} >/etc/machine-id; systemctl restart fleet`)
  await give(first.id)
  try {
    await fleet.until('a refusal', async () => (await fleet.run(['list-machines'], second)).status === 1)
    await fleet.until('a reason', async () =>
      (await fleet.run(['list-machines'], second)).err.includes('is in use by'),
    )
    const { err } = await fleet.run(['list-machines'], second)
    t.match(err, `machine ID ${first.id} is in use by the machine at ${first.guest.address}`)
    t.equal(await second.guest.said('systemctl is-active fleet'), 'active')
    await fleet.untilMachines(2)
    const found = (await first.api.machines()).find(({ id }) => id === first.id)
    t.equal(found?.primaryIP, first.guest.address, 'the first one is what it was')
  } finally {
    await give(second.id)
  }
  await fleet.untilMachines(3)
  await fleet.untilAnswers(second)
}

async function reconfigure(t: Test, fleet: Fleet): Promise<void> {
  const [member] = fleet.members as [Member]
  await fleet.said('start', await fleet.write('reconfigured.service', sleeper()))
  await fleet.said('unload', 'reconfigured.service')
  const journal = await Journal.mark(member)
  await member.guest.said('systemctl kill -s HUP fleet')
  await fleet.until('the new configuration', async () =>
    (await journal.read()).includes('Reloading configuration from'),
  )
  await fleet.until('an answer', async () => (await fleet.run(['list-units'])).status === 0)
  t.notMatch(await journal.read(), 'Failed serving HTTP on listener')
  t.equal(await member.guest.said(SHOW_END), 'Result=success\nActiveState=active')
}
