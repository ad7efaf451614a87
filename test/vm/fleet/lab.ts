import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Test } from 'tap'
import type { UnitBody, UnitStateBody } from '#lib/fleet/shapes.ts'
import type { MachineStatus } from '../../../build/cli/status.ts'
import { TimeoutError } from '../../../build/vm/deadline.ts'
import type { Programs } from '../../../build/vm/programs.ts'
import { ApiClient } from '../../../daemons/fleetctl/drivers/api.ts'
import { patientApi } from '../../../daemons/fleetctl/drivers/patience.ts'
import { connectApi } from '../../../daemons/fleetctl/host/connect.ts'
import { processIo } from '../../../daemons/fleetctl/host/process.ts'
import { type FleetctlOptions, fleetctl, type Said } from './fleetctl.ts'
import { Guest } from './guest.ts'

/** A test of the fleet by its name, and how the names of its units begin, which those of no other test do. */
export type FleetTest = readonly [name: string, prefix: string, run: (t: Test, fleet: Fleet) => Promise<void>]

/** A machine of the fleet with what reaches it. */
export interface Member {
  guest: Guest
  api: ApiClient
  /** Of the machine, in the fleet. */
  id: string
}

/** How something is waited for. */
export interface Patience {
  withinMs?: number
  pauseMs?: number
  /** What there is instead, for the message. */
  seen?: () => string
}

/** The life of a sign of life where tests wait for its end. A guest under TCG that has much to do is late by seconds. */
export const TTL_SECONDS = 12
/** And where they do not. */
export const DEFAULT_TTL_SECONDS = 30
/** Longer than a machine that is asked on behalf of another may take. */
const REQUEST_SECONDS = '40'
/** Until a guest with much to do has said which SSH it speaks. */
const SSH_SECONDS = '60'
/** On a host at its slowest; who waits in vain waits as long. */
const SOON_MS = 240_000
/** Each look costs a guest under TCG some hundredths of a second, which it then lacks for what is waited for. */
const LOOK_MS = 500
const CONF = '/etc/fleet/fleet.conf'

/**
 * A fleet of real machines as its tests have it at hand: commands in the guests, and fleetctl on this host. A test sees
 * only its own units of it (`only`), so that others can go on beside it.
 */
export class Fleet {
  readonly folder: string
  readonly members: readonly Member[]
  /** Whose API is asked where nothing else is said. */
  readonly via: Member
  readonly #prefix: string
  readonly #options: FleetctlOptions

  private constructor(
    parts: { folder: string; members: readonly Member[]; options: FleetctlOptions },
    via: Member,
    prefix: string,
  ) {
    this.folder = parts.folder
    this.members = parts.members
    this.via = via
    this.#prefix = prefix
    this.#options = parts.options
  }

  /** Connects to machines that run. */
  static async open(machines: readonly MachineStatus[], programs: Programs): Promise<Fleet> {
    const folder = await mkdtemp(join(tmpdir(), 'fleet-'))
    const members: Member[] = []
    const env = { PATH: `${join(folder, 'bin')}:${process.env['PATH']}`, HOME: folder, LANG: 'C.UTF-8' }
    for (const { name, address, folder: place, sshPort } of machines) {
      const socketPath = join(folder, `${name}.sock`)
      const guest = await Guest.open(
        { name, address: address!, folder: place, sshPort: sshPort!, socketPath },
        programs,
      )
      const id = await guest.said('cat /etc/machine-id')
      members.push({ guest, id, api: await openApi(socketPath) })
    }
    await writeSsh(folder, members, programs)
    return new Fleet({ folder, members, options: { env, ssh: join(folder, 'bin/ssh') } }, members[0]!, '')
  }

  /** The same fleet with those units alone whose names begin so. */
  only(prefix: string, via = this.via): Fleet {
    return new Fleet({ folder: this.folder, members: this.members, options: this.#options }, via, prefix)
  }

  async close(): Promise<void> {
    for (const { api, guest } of this.members) {
      api.close()
      await guest.close()
    }
    await rm(this.folder, { recursive: true, force: true })
  }

  /** The life of a sign of life, and metadata by which a machine can be asked for. */
  async configure(ttlSeconds: number): Promise<void> {
    await this.everywhere(
      ({ name }) =>
        `mkdir -p /etc/fleet; printf 'agent_ttl=${ttlSeconds}s\\nmetadata=hostname=${name},ttl=${ttlSeconds}\\n' >${CONF}; systemctl reload fleet`,
    )
    await this.#untilMetadata(metadata => metadata['ttl'] === String(ttlSeconds))
  }

  /** As `configure` found them. */
  async restore(): Promise<void> {
    await this.everywhere(() => `rm ${CONF}; systemctl reload fleet`)
    await this.#untilMetadata(metadata => metadata['ttl'] === undefined)
  }

  /** Until every machine tells so of all of them: each of them has the new configuration then, and answers by it. */
  async #untilMetadata(isNew: (metadata: Record<string, string>) => boolean): Promise<void> {
    for (const { api, guest } of this.members)
      await this.until(`the configuration as ${guest.name} tells of it`, async () => {
        const machines = await api.machines()
        return (
          machines.length === this.members.length && machines.every(({ metadata = {} }) => isNew(metadata))
        )
      })
  }

  /** Environment of fleetctl that leads to the first machine. */
  env(via = this.via): Record<string, string> {
    return {
      ...this.#options.env,
      FLEETCTL_ENDPOINT: `unix://${via.guest.place.socketPath}`,
      FLEETCTL_REQUEST_TIMEOUT: REQUEST_SECONDS,
      FLEETCTL_SSH_TIMEOUT: SSH_SECONDS,
      FLEETCTL_STRICT_HOST_KEY_CHECKING: 'false',
    }
  }

  /** fleetctl with these words. */
  async run(words: readonly string[], via?: Member): Promise<Said> {
    return await fleetctl(words, { ...this.#options, env: this.env(via) })
  }

  /** As `run`; it has to succeed, and to say no "Error". Gives its output. */
  async said(...words: string[]): Promise<string> {
    const { out, err, status } = await this.run(words)
    if (status !== 0 || /Error/.test(err))
      throw new Error(`fleetctl ${words.join(' ')} ended with status ${status}:\n${out}${err}`)
    return out
  }

  /** Writes a unit file; gives its path. */
  async write(name: string, text: string): Promise<string> {
    const path = join(this.folder, name)
    await writeFile(path, text)
    return path
  }

  /** Writes several unit files; gives their paths. */
  async writeAll(units: Readonly<Record<string, string>>): Promise<string[]> {
    return await Promise.all(Object.entries(units).map(([name, text]) => this.write(name, text)))
  }

  async units(via = this.via): Promise<UnitBody[]> {
    return (await via.api.units()).filter(({ name }) => name.startsWith(this.#prefix))
  }

  async states(via = this.via): Promise<UnitStateBody[]> {
    return (await via.api.states()).filter(({ name }) => name.startsWith(this.#prefix))
  }

  /** What fleetctl lists, by the first column. */
  async listed(...words: string[]): Promise<string[]> {
    const lines = (await this.said(...words, '--no-legend')).split('\n')
    return lines.filter(line => line !== '' && line.startsWith(this.#prefix))
  }

  /** States of units that systemd calls active and running. */
  async running(via = this.via): Promise<UnitStateBody[]> {
    return (await this.states(via)).filter(
      ({ systemdActiveState, systemdSubState }) =>
        systemdActiveState === 'active' && systemdSubState === 'running',
    )
  }

  /** Waits until so many units run; gives unit → machine ID (of a global unit, one of them). */
  async untilRunning(count: number, via?: Member): Promise<Map<string, string>> {
    let states: UnitStateBody[] = []
    await this.until(
      `${count} running units`,
      async () => {
        states = await this.running(via)
        return states.length === count
      },
      { seen: () => states.map(({ name, machineID }) => `${name} on ${machineID}`).join(', ') },
    )
    return new Map(states.map(({ name, machineID }) => [name, machineID!]))
  }

  /** The unit, which has to be there. */
  async unit(name: string, via = this.via): Promise<UnitBody> {
    const unit = await via.api.unit(name)
    if (unit === undefined) throw new Error(`${name} is not there`)
    return unit
  }

  /** The member with a machine ID. */
  member(id: string | undefined): Member {
    const found = this.members.find(member => member.id === id)
    if (found === undefined) throw new Error(`no member of the fleet has the ID ${id}`)
    return found
  }

  /** Another one. */
  other(than: Member): Member {
    return this.members.find(member => member !== than)!
  }

  async untilMachines(count: number, via = this.via): Promise<void> {
    await this.until(`${count} machines`, async () => (await via.api.machines()).length === count)
  }

  /** The same command on all machines at once. */
  async everywhere(command: (guest: Guest) => string): Promise<string[]> {
    return await Promise.all(this.members.map(({ guest }) => guest.said(command(guest))))
  }

  /** Fleet ends in order on one machine while `act` goes on, and is there again when it has. */
  async without(member: Member, act: (other: Member) => Promise<void>): Promise<void> {
    await member.guest.said('systemctl stop fleet')
    try {
      await act(this.other(member))
    } finally {
      await member.guest.said('systemctl start fleet')
      await this.untilMachines(this.members.length, this.other(member))
      await this.untilAnswers(member)
    }
  }

  /** Until the API of a machine answers with what the cluster has. */
  async untilAnswers(member: Member): Promise<void> {
    await this.until(`the API of ${member.guest.name}`, async () => (await member.api.machines()).length > 0)
  }

  /** Looks again and again until something is so; an answer that fails is not yet one. */
  async until(what: string, holds: () => Promise<boolean>, patience: Patience = {}): Promise<void> {
    const { withinMs = SOON_MS, pauseMs = LOOK_MS, seen = () => '' } = patience
    const endMs = performance.now() + withinMs
    let trouble = ''
    for (;;) {
      try {
        if (await holds()) return
        trouble = ''
      } catch (error) {
        trouble = error instanceof Error ? error.message : String(error)
      }
      if (performance.now() > endMs)
        throw new TimeoutError(`${what}: not within ${withinMs / 1000} s ${trouble} ${seen()}`)
      await setTimeout(pauseMs)
    }
  }

  /** Destroys units. Machines may still be about to let go of them. */
  async clean(): Promise<void> {
    // A daemon that has just read another configuration answers when it has heard from the store.
    await this.until('units that are destroyed', async () => {
      for (const { name } of await this.units()) await this.via.api.destroy(name)
      return true
    })
  }

  /** Destroys units, and waits until no machine has one. */
  async untilClean(): Promise<void> {
    await this.clean()
    await this.until('a fleet without units', async () => (await this.states()).length === 0)
  }
}

/** How tests are run. */
export interface FleetRun {
  tests: readonly FleetTest[]
  /** So many beside one another. */
  jobs: number
  /** Asked before each one; one that may not is skipped. */
  mayBegin?: () => boolean
}

/** Runs tests, some of them beside one another. Each has its own units. */
export async function runFleetTests(
  t: Test,
  fleet: Fleet,
  { tests, jobs, mayBegin = () => true }: FleetRun,
): Promise<void> {
  t.jobs = jobs
  const runs = tests.map(([name, prefix, run], at) =>
    t.test(name, { buffered: jobs > 1 }, async t => {
      if (!mayBegin()) {
        t.pass('not begun', { skip: 'no time is left for it on a host as slow as this' })
        return
      }
      const own = fleet.only(prefix, jobs > 1 ? fleet.members[at % fleet.members.length]! : fleet.via)
      try {
        await run(t, own)
      } finally {
        await own.clean()
      }
    }),
  )
  await Promise.all(runs)
  await fleet.untilClean()
}

async function openApi(socketPath: string): Promise<ApiClient> {
  const options = connectOptions(socketPath)
  return new ApiClient(
    patientApi(await connectApi(options), { io: processIo(), timeoutMs: options.timeoutMs }),
  )
}

function connectOptions(socketPath: string): Parameters<typeof connectApi>[0] {
  const none = { caFile: '', certFile: '', keyFile: '', skipVerify: false, tunnel: '' }
  return {
    ...none,
    endpoints: [`unix://${socketPath}`],
    timeoutMs: Number(REQUEST_SECONDS) * 1000,
    ssh: {} as never,
  }
}

/**
 * An `ssh` for fleetctl on this host: it finds the machines of the cluster by the addresses that they have there, where
 * this host has no way of its own. `tunnel` knows that way for the first machine only: the others are behind it.
 */
async function writeSsh(folder: string, members: readonly Member[], programs: Programs): Promise<void> {
  const all = ['Host *', 'IdentitiesOnly yes', 'IdentityAgent none', 'UpdateHostKeys no', 'CheckHostIP no']
  const common = [...all, 'GlobalKnownHostsFile /dev/null']
  for (const [bin, isDirect] of [
    ['bin', () => true],
    ['tunnel', (at: number) => at === 0],
  ] as const) {
    const hosts = members.flatMap(({ guest: { place } }, at) => [
      `Host ${place.address}`,
      `IdentityFile ${join(place.folder, 'id_ed25519')}`,
      ...(isDirect(at)
        ? ['HostName 127.0.0.1', `Port ${place.sshPort}`, `HostKeyAlias ${place.address}`]
        : []),
    ])
    await mkdir(join(folder, bin))
    const config = join(folder, bin, 'config')
    await writeFile(config, `${[...hosts, ...common].join('\n')}\n`)
    const { file, args, env } = programs.command('ssh', ['-F', config])
    const variables = Object.entries(env).flatMap(([name, value]) =>
      ['PATH', 'HOME'].includes(name) ? [] : [`${name}='${value}'`],
    )
    const words = [...variables, 'exec', file, ...args.map(word => `'${word}'`), '"$@"']
    await writeFile(join(folder, bin, 'ssh'), `#!/bin/sh\n${words.join(' ')}\n`)
    await chmod(join(folder, bin, 'ssh'), 0o755)
  }
}
