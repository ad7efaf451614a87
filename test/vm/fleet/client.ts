import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { FLEET_VERSION } from '#lib/fleet/version.ts'
import { Terminal } from '../../../build/vm/terminal.ts'
import { FLEETCTL, spawnFleetctl } from './fleetctl.ts'
import type { Fleet, FleetTest } from './lab.ts'
import { instances, sleeper } from './units.ts'

/** The groups `client`, `fleetctl` and `tunnel` of the original's tests: fleetctl as a process of its own. */
export const CLIENT_TESTS: readonly FleetTest[] = [
  ['TestTunnelScheduleBatchUnits', 'tunnel', tunnel],
  ['TestFleetctlWithEnv', 'none', withEnv],
  ['TestClientVersionFlag, TestClientVersionHelpOutput', 'none', version],
  ['TestClientHelpFlag', 'none', help],
]

/** Of the same groups, those that touch what all others need. */
export const HOST_KEY_TESTS: readonly FleetTest[] = [['TestKnownHostsVerification', 'none', knownHosts]]

const TYPED_MS = 60_000
const QUESTION = 'Are you sure you want to continue connecting'
const BATCH = 10

interface Typed {
  text: string
  status: number
  /** Whether it asked if a machine is known. */
  isAsked: boolean
}

/** fleetctl on a terminal, by somebody who says yes to a machine that is not known. */
async function type(fleet: Fleet, words: readonly string[], bin: string): Promise<Typed> {
  const env = {
    ...fleet.env(),
    PATH: `${join(fleet.folder, bin)}:${process.env['PATH']}`,
    FLEETCTL_STRICT_HOST_KEY_CHECKING: 'true',
  }
  const terminal = Terminal.spawn({ file: process.execPath, args: [FLEETCTL, ...words], env })
  const asked = terminal.waitFor(QUESTION, { timeoutMs: TYPED_MS }).then(
    () => terminal.write('yes\r'),
    () => undefined,
  )
  const status = await terminal.ended
  await asked
  return { text: terminal.text, status, isAsked: terminal.text.includes(QUESTION) }
}

/** The original replaced the machine; here sshd there gets another key, which is the same for who connects. */
async function knownHosts(t: Test, fleet: Fleet): Promise<void> {
  const { guest, id } = fleet.members[1]!
  const known = join(fleet.folder, '.fleetctl/known_hosts')
  await mkdir(join(fleet.folder, '.fleetctl'), { recursive: true })
  const ssh = (): Promise<Typed> =>
    type(fleet, ['--known-hosts-file', known, 'ssh', '--machine', id, 'hostname'], 'bin')
  const first = await ssh()
  t.match(first, { status: 0, isAsked: true })
  t.match(first.text, guest.name)
  const second = await ssh()
  t.match(second, { status: 0, isAsked: false }, 'it is known now')
  const key = '/etc/ssh/ssh_host_ed25519_key'
  await guest.said(
    `mkdir /run/keys; cp -p ${key} ${key}.pub /run/keys; rm ${key}; ssh-keygen -q -t ed25519 -N '' -f ${key}; systemctl restart ssh`,
  )
  try {
    const changed = await ssh()
    t.not(changed.status, 0, 'one with another key is not let pass')
    t.match(changed.text, 'REMOTE HOST IDENTIFICATION HAS CHANGED')
    t.notMatch(changed.text, new RegExp(`^${guest.name}`, 'm'))
    await rm(known)
    t.match(await ssh(), { status: 0, isAsked: true }, 'what was known is forgotten')
  } finally {
    await guest.said(`cp -p /run/keys/* /etc/ssh/; rm -r /run/keys; systemctl restart ssh`)
  }
}

async function withEnv(t: Test, fleet: Fleet): Promise<void> {
  const { FLEETCTL_ENDPOINT, HOME, PATH } = fleet.env()
  const { status, out } = await spawnFleetctl(['list-machines', '--no-legend'], {
    env: { FLEETCTL_ENDPOINT: FLEETCTL_ENDPOINT!, HOME: HOME!, PATH: PATH! },
  })
  t.equal(status, 0)
  t.equal(out.trim().split('\n').length, 3)
}

async function version(t: Test, fleet: Fleet): Promise<void> {
  const { out, status } = await spawnFleetctl(['version'], { env: fleet.env() })
  t.same({ out, status }, { out: `fleetctl version ${FLEET_VERSION}\n`, status: 0 })
  t.match((await spawnFleetctl(['help'], { env: fleet.env() })).out, FLEET_VERSION)
}

async function help(t: Test, fleet: Fleet): Promise<void> {
  for (const words of [['--help'], ['-h'], ['help'], []]) {
    const { out, status } = await fleet.run(words)
    t.equal(status, 0, words.join(' '))
    t.match(out, 'list-units')
  }
}

/** fleetctl finds nothing but the first machine, and through it all others. */
async function tunnel(t: Test, fleet: Fleet): Promise<void> {
  const known = join(fleet.folder, 'known_hosts_of_tunnel')
  await fleet.write('tunnel@.service', sleeper())
  const words = ['--endpoint', 'unix:///run/fleet.sock', '--tunnel', fleet.members[0]!.guest.address]
  const run = (...command: string[]): Promise<Typed> =>
    type(fleet, ['--known-hosts-file', known, ...words, ...command], 'tunnel')
  const one = await run('start', await fleet.write('tunnel.service', sleeper()))
  t.match(one, { status: 0, isAsked: true })
  t.notMatch(one.text, 'Error')
  const ten = await run('start', ...instances('tunnel', BATCH).map(name => `${fleet.folder}/${name}`))
  t.match(ten, { status: 0, isAsked: false })
  t.notMatch(ten.text, 'Error')
  const places = await fleet.untilRunning(BATCH + 1)
  const [far] = [...places].find(([, id]) => id !== fleet.members[0]!.id)!
  const shown = await run('ssh', far, 'hostname')
  t.match(shown, { status: 0, isAsked: true })
  t.match(shown.text, fleet.member(places.get(far)).guest.name, 'a machine behind the first one')
}
