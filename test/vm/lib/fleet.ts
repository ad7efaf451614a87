import type { Test } from 'tap'
import type { Answer, Guest } from '../fleet/guest.ts'
import type { Fleet, Member } from '../fleet/lab.ts'

/** What a test of machines has at hand. What is waited for is asked by the API, what people see by their commands. */
interface Cluster {
  fleet: Fleet
  member(machine: string): Member
  /** `orlop` with these words; it has to succeed. */
  shown(...words: string[]): Promise<string>
  /** What a command on a machine says; it has to succeed. */
  said(machine: string, command: string): Promise<string>
  /** As `said`, whatever its status. */
  asked(machine: string, command: string): Promise<Answer>
  /** Asks again until it is so. */
  until(what: string, holds: () => Promise<boolean>): Promise<void>
}

const NAMES = ['core-01', 'core-02', 'core-03']
const HELLO = `[Unit]
Description=Hello World
After=docker.service
Requires=docker.service

[Service]
TimeoutStartSec=0
ExecStartPre=-/usr/bin/docker rm -f hello
ExecStartPre=/usr/bin/docker pull busybox
ExecStart=/usr/bin/docker run --rm --name hello busybox /bin/sh -c "trap exit TERM; while true; do echo Hello World; sleep 1; done"
ExecStop=/usr/bin/docker stop hello
`
const GLOBAL = `${HELLO}
[X-Fleet]
Global=true
`
/** From the moment in which the machine stands still, also when it led the engines or the store. */
const MOVED_SECONDS_MAX = 60
const SOON_MS = 240_000
const PAUSE_MS = 500

type Act = readonly [name: string, run: (t: Test, cluster: Cluster) => Promise<void>]

/** What dies, with signs of life as they are by default. */
const LOSSES: readonly Act[] = [
  ['a daemon that is killed, or told of another configuration, touches nothing', killDaemon],
  ['made Global it runs on all three', runEverywhere],
  ['the machine that runs it is suspended: it runs on another', suspendMachine],
  ['fleet ends in order on the machine that runs it', endInOrder],
]

/** fleet on three machines, by real fleetctl, systemd and docker: the demonstration of the original, and what dies. */
export async function checkFleet(t: Test, fleet: Fleet, shown: Cluster['shown']): Promise<void> {
  const member = (name: string): Member => fleet.members.find(({ guest }) => guest.name === name)!
  const guest = (name: string): Guest => member(name).guest
  const cluster: Cluster = {
    fleet,
    member,
    shown,
    said: (name, command) => guest(name).said(command),
    asked: (name, command) => guest(name).asked(command),
    until: (what, holds) => fleet.until(what, holds, { withinMs: SOON_MS, pauseMs: PAUSE_MS }),
  }
  await untilMachines(cluster, 3)
  await t.test('the demonstration', t => demonstrate(t, cluster))
  for (const [name, run] of LOSSES) await t.test(name, t => run(t, cluster))
}

const STEADY_LOOKS = 16
const STEADY_MS = 1000

const nameOf = (list: string): string => `core-0${/172\.17\.8\.10(\d)/.exec(list)?.[1]}`

async function write({ said }: Cluster, text: string): Promise<void> {
  await said('core-01', `cat > hello.service <<'END'\n${text}END\n`)
}

async function demonstrate(t: Test, cluster: Cluster): Promise<void> {
  const { said, asked, until } = cluster
  await write(cluster, HELLO)
  t.match(
    await said('core-01', 'fleetctl load hello.service'),
    /Unit hello\.service loaded on \w{8}\.\.\.\/172\.17\.8\.10\d/,
  )
  t.match(
    await said('core-01', 'fleetctl list-units'),
    /UNIT\t\tMACHINE\t\t\t\tACTIVE\t\tSUB\r?\nhello\.service\t\w{8}\.\.\.\/172\.17\.8\.10\d\tinactive\tdead/,
  )
  t.match(await said('core-01', 'fleetctl start hello.service'), /Unit hello\.service launched on/)
  t.match(
    await said('core-01', 'fleetctl list-units'),
    /hello\.service\t\w{8}\.\.\.\/172\.17\.8\.10\d\tactive\trunning/,
  )
  const where = nameOf(await said('core-01', 'fleetctl list-units'))
  await until('a container that speaks', async () =>
    (await asked(where, 'docker logs hello')).text.includes('Hello World'),
  )
  for (const name of NAMES) {
    t.match(
      await said(name, 'fleetctl status hello.service'),
      /hello\.service - Hello World[\s\S]*Active: active \(running\)/,
      name,
    )
    t.match(
      await said(name, 'fleetctl journal --lines 2 hello.service'),
      /Hello World\r?\n.*Hello World/,
      name,
    )
  }
  t.match(await said('core-01', 'fleetctl cat hello.service'), 'Description=Hello World')
  const started = await said(where, 'systemctl show -p InvocationID hello.service')
  await said('core-01', 'fleetctl restart hello.service')
  t.not(await said(where, 'systemctl show -p InvocationID hello.service'), started, 'restart restarts')
}

async function killDaemon(t: Test, cluster: Cluster): Promise<void> {
  const { said, asked, until } = cluster
  const where = nameOf(await said('core-01', 'fleetctl list-units'))
  const before = await said(where, 'systemctl show -p InvocationID hello.service')
  await said(where, 'sudo systemctl kill -s KILL fleet')
  await until('it to come back', async () => (await asked(where, 'fleetctl list-machines')).status === 0)
  await said(where, 'sudo systemctl reload fleet')
  await until('it to read its configuration', async () =>
    (await said(where, 'journalctl --no-pager -u fleet -o cat')).includes('Reloading configuration from'),
  )
  await until('it to answer', async () => (await asked(where, 'fleetctl list-units')).status === 0)
  t.equal(await said(where, 'systemctl show -p InvocationID hello.service'), before)
  await said('core-01', 'fleetctl destroy hello.service')
  // The unit is gone when fleet has let go of it; its container has ten seconds to end.
  await until('nothing that is left of it', async () =>
    (await said(where, 'docker ps --quiet; ls /run/fleet/units; echo end')).startsWith('end'),
  )
  t.notMatch(await said('core-01', 'fleetctl list-unit-files'), 'hello.service')
}

async function runEverywhere(t: Test, cluster: Cluster): Promise<void> {
  const { fleet, said, asked, until } = cluster
  await write(cluster, GLOBAL)
  await said('core-01', 'fleetctl start hello.service')
  for (const name of NAMES)
    await until(`a container on ${name}`, async () =>
      (await asked(name, 'docker logs hello')).text.includes('Hello World'),
    )
  await until('three that run', async () => (await fleet.running()).length === 3)
  t.equal((await said('core-01', 'fleetctl list-units')).match(/active\trunning/g)?.length, 3)
  t.equal(
    (await said('core-01', 'fleetctl status hello.service')).match(/Active: active \(running\)/g)?.length,
    3,
  )
  await said('core-01', 'fleetctl unload hello.service')
  await until('none that runs', async () => (await fleet.states()).length === 0)
  await said('core-01', 'fleetctl destroy hello.service')
}

async function suspendMachine(t: Test, cluster: Cluster): Promise<void> {
  const { fleet, member, shown, said, asked, until } = cluster
  await write(cluster, HELLO)
  await said('core-01', 'fleetctl start hello.service')
  const first = nameOf(await said('core-01', 'fleetctl list-units'))
  const other = NAMES.find(name => name !== first)!
  // systemd calls the unit running as soon as `docker run` is, which has yet to make the container.
  const isThere = async (name: string): Promise<boolean> => (await said(name, 'docker ps')).includes('hello')
  await until('a container to lose', async () => await isThere(first))
  await shown('suspend', first)
  const began = performance.now()
  // The last word of the lost machine on the unit may still stand.
  await until('it to run on another', async () =>
    (await fleet.running(member(other))).some(({ machineID }) => machineID !== member(first).id),
  )
  const seconds = (performance.now() - began) / 1000
  t.comment(`running on another machine after ${seconds.toFixed(0)} s`)
  t.ok(seconds < MOVED_SECONDS_MAX, `${seconds.toFixed(0)} s`)
  const listed = await said(other, 'fleetctl list-units')
  t.match(listed, /hello\.service\t\w{8}\.\.\.\/172\.17\.8\.10\d\tactive\trunning/)
  const second = nameOf(listed)
  t.not(second, first)
  await until('a container by real docker', async () => await isThere(second))
  await shown('resume', first)
  await until('the first one to let go of it', async () =>
    (await asked(first, 'docker ps --quiet; echo end')).text.startsWith('end'),
  )
  // It is asked of one that did not sleep: the other shows the list of before until it has heard what it missed.
  await untilMachines(cluster, 3, second)
  // Its clock stood still with it, and is behind by as long as it slept: what it writes must live no shorter for that.
  const behind = Number(await said(second, 'date +%s')) - Number(await said(first, 'date +%s'))
  t.comment(`the clock of the machine that slept is ${behind} s behind`)
  for (let look = 0; look < STEADY_LOOKS; look++) {
    const ids = (await member(second).api.machines()).map(({ id }) => id)
    t.ok(ids.includes(member(first).id), `it stays in the list, look ${look + 1}: ${ids.join(' ')}`)
    await new Promise(resolve => setTimeout(resolve, STEADY_MS))
  }
  t.match(await said(first, 'systemctl --failed --no-legend; echo end'), /^end/)
  t.equal(nameOf(await said(first, 'fleetctl list-units')), second, 'it does not move back')
}

async function endInOrder(t: Test, cluster: Cluster): Promise<void> {
  const { fleet, member, said, until } = cluster
  const first = nameOf(await said('core-01', 'fleetctl list-units'))
  const other = NAMES.find(name => name !== first)!
  await said(first, 'sudo systemctl stop fleet')
  t.match(
    await said(first, 'systemctl show -p Result -p ActiveState fleet'),
    /Result=success\r?\nActiveState=inactive/,
  )
  await until('its container to end', async () =>
    (await said(first, 'docker ps --quiet; echo end')).startsWith('end'),
  )
  await untilMachines(cluster, 2, other)
  await until('it to run on another', async () => (await fleet.running(member(other))).length === 1)
  await said(first, 'sudo systemctl start fleet')
  await untilMachines(cluster, 3)
  await said(other, 'fleetctl destroy hello.service')
}

async function untilMachines({ member, until }: Cluster, count: number, name = 'core-01'): Promise<void> {
  await until(`${count} machines`, async () => (await member(name).api.machines()).length === count)
}
