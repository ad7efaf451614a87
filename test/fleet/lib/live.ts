import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { EtcdClient } from '#lib/etcd/client.ts'
import { Keys } from '#lib/fleet/registry/keys.ts'
import type { LocalUnits } from '../../../daemons/fleet/api/backend.ts'
import { ApiServer } from '../../../daemons/fleet/api/host/server.ts'
import { NodeBackend } from '../../../daemons/fleet/backend.ts'
import { systemClock } from '../../../daemons/fleet/host/clock.ts'
import { SILENT } from '../../../daemons/fleet/log.ts'
import { FleetNode } from '../../../daemons/fleet/node.ts'
import { processIo } from '../../../daemons/fleetctl/host/process.ts'
import type { Io } from '../../../daemons/fleetctl/io.ts'
import { runProgram } from '../../../daemons/fleetctl/program.ts'
import { startServer } from '../../compat/lib/server.ts'
import { FakeSystemd } from './systemd.ts'

const ETCD = join(import.meta.dirname, '../../../daemons/etcd/main.ts')
/** Long, as tests are for what is said: a host that stands still for a second is no loss of a machine. */
const TTL_MS = 30_000
const CLOSE_GRACE_MS = 100
/** A command looks so many times as often as it would for people. */
const HASTE = 5

/** What a command printed, and its status. */
export interface Result {
  status: number
  out: string
  err: string
  /** Programs that it ran: ssh, systemctl, journalctl. */
  ran: string[]
}

/** How fleetctl is run. */
export interface CommandOptions {
  /** On its disk, by path. */
  files?: Record<string, string>
  env?: Record<string, string>
  /** Of the machine on which it runs. */
  machineId?: string
  /** Status of ssh, systemctl and journalctl, which are not really run. */
  programStatus?: number
  /** Is told what is printed, as it comes. */
  out?: (text: string) => void
  /** `etcd` reads and writes the registry; else the API of the first machine does. */
  driver?: 'API' | 'etcd'
}

/** What a fleet is opened with. */
export interface LiveFleetOptions {
  /** An etcd to start with its flags; ours when not given. */
  server?: { file: string; flags: readonly string[] }
  /** Life of a sign of life, where a test waits for its end or for its being renewed. */
  ttlMs?: number
}

/** A machine whose systemd is in memory; all else is real. */
export interface LiveMachine {
  id: string
  ip: string
  systemd: FakeSystemd
  node: FleetNode
  api: ApiServer
  url: string
}

/** Machines of a fleet over a real etcd, in real time, with APIs on loopback. */
export class LiveFleet {
  readonly machines: LiveMachine[] = []
  readonly etcd: string
  /** Of the etcd's process. */
  readonly etcdPid: number
  readonly folder: string
  readonly #ttlMs: number
  readonly #stop: () => Promise<void>
  readonly #closing: (() => Promise<void> | void)[] = []

  private constructor(
    etcd: { client: string; pid: number },
    folder: string,
    ttlMs: number,
    stop: () => Promise<void>,
  ) {
    this.etcd = etcd.client
    this.etcdPid = etcd.pid
    this.folder = folder
    this.#ttlMs = ttlMs
    this.#stop = stop
  }

  static async open({ server, ttlMs = TTL_MS }: LiveFleetOptions = {}): Promise<LiveFleet> {
    const { file, flags } = server ?? {
      file: process.execPath,
      flags: ['--disable-warning=ExperimentalWarning', ETCD],
    }
    const etcd = await startServer(file, flags)
    const folder = await mkdtemp(join(tmpdir(), 'orlop-fleet-'))
    return new LiveFleet(etcd, folder, ttlMs, async () => {
      await etcd.stop()
      await rm(folder, { recursive: true, force: true })
    })
  }

  /** A machine whose ID is that letter many times. */
  async add(letter: string, metadata: Record<string, string> = {}): Promise<LiveMachine> {
    const id = letter.repeat(32)
    const ip = `10.0.0.${this.machines.length + 1}`
    const systemd = new FakeSystemd()
    const client = new EtcdClient({ endpoints: [this.etcd] })
    let url = ''
    const node = new FleetNode({
      store: client.keys,
      keys: new Keys('/_coreos.com/fleet/'),
      systemd,
      files: systemd,
      clock: systemClock,
      log: SILENT,
      machineId: id,
      describe: async () => ({
        id,
        ip,
        metadata,
        version: 'v1',
        capacity: { memoryBytes: 1 << 30, cpuMillis: 2000 },
        boot: id,
        api: url,
      }),
      agentTtlMs: this.#ttlMs,
      engineIntervalMs: 500,
      disableEngine: false,
      rebalanceMax: 0,
    })
    const backend = new NodeBackend(node, id, { clock: systemClock, log: SILENT, nextId: () => randomUUID() })
    const api = new ApiServer({ backend, local: localUnits(systemd, letter), log: SILENT, tokenLimit: 100 })
    await api.listen({ path: this.socketOf(letter) })
    const bound = await api.listen({ host: '127.0.0.1', port: 0 })
    url = 'port' in bound ? `http://127.0.0.1:${bound.port}` : ''
    node.start()
    this.#closing.push(async () => {
      await node.kill()
      backend.close()
      await api.close(CLOSE_GRACE_MS)
      client.close()
    })
    const machine = { id, ip, systemd, node, api, url }
    this.machines.push(machine)
    await until(() => node.presence.trouble === undefined)
    return machine
  }

  socketOf(letter: string): string {
    return join(this.folder, `${letter}.sock`)
  }

  /** Runs fleetctl against the first machine, with these files on its disk. */
  async fleetctl(words: readonly string[], options: CommandOptions = {}): Promise<Result> {
    const result: Result = { status: 0, out: '', err: '', ran: [] }
    const real = processIo()
    const io: Io = {
      ...real,
      out: text => {
        result.out += text
        options.out?.(text)
      },
      err: text => {
        result.err += text
      },
      env: options.env ?? this.#env(options.driver ?? 'API'),
      readFile: async path => options.files?.[path],
      run: async (program, args) => {
        result.ran.push([program, ...args].join(' '))
        return options.programStatus ?? 0
      },
      machineId: async () => options.machineId ?? '',
      isTerminal: false,
      sleep: ms => pause(ms / HASTE),
    }
    result.status = await runProgram(words, io)
    return result
  }

  #env(driver: 'API' | 'etcd'): Record<string, string> {
    const api = { FLEETCTL_ENDPOINT: `unix://${this.socketOf('a')}`, HOME: this.folder }
    return driver === 'API' ? api : { ...api, FLEETCTL_DRIVER: 'etcd', FLEETCTL_ENDPOINT: this.etcd }
  }

  async close(): Promise<void> {
    await Promise.all(this.#closing.map(end => end()))
    await this.#stop()
  }
}

/** Waits until something is so. */
export async function until(condition: () => boolean | Promise<boolean>, maxMs = 15_000): Promise<void> {
  const end = performance.now() + maxMs
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not so after ${maxMs} ms: ${condition}`)
    await pause(25)
  }
}

function localUnits(systemd: FakeSystemd, letter: string): LocalUnits {
  return {
    status: async name => ({
      output: `${name} on ${letter}: ${systemd.units.get(name)?.active}\n`,
      status: 0,
    }),
    async *journal(name, { lines }) {
      for (let line = 1; line <= lines; line++) yield `${name} line ${line} on ${letter}`
    },
  }
}
