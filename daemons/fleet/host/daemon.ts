import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { OnProblem } from 'systemd-journald-ts'
import { EtcdClient } from '#lib/etcd/client.ts'
import { Keys } from '#lib/fleet/registry/keys.ts'
import type { Address } from '#lib/http/host/listen.ts'
import { UnitDirectory } from '../agent/host/files.ts'
import { SystemdUnits } from '../api/host/logs.ts'
import { type ApiOptions, ApiServer } from '../api/host/server.ts'
import { NodeBackend } from '../backend.ts'
import type { Settings } from '../config/settings.ts'
import type { Log } from '../log.ts'
import { LocalMachine } from '../machine/host/machine.ts'
import { FleetNode } from '../node.ts'
import { DbusManager } from '../systemd/host/manager.ts'
import { systemClock } from './clock.ts'

/** A listing of a large registry takes its time; less than this would be an outage without one. */
const HEADER_TIMEOUT_MS_MIN = 5_000
const CLOSE_GRACE_MS = 1_000

/** What runs by one configuration. */
interface Running {
  node: FleetNode
  backend: NodeBackend
  client: EtcdClient
  systemd: DbusManager
  machine: LocalMachine
}

/** One fleetd: its node and its API, with the configuration that may change under it. */
export class FleetDaemon {
  readonly #env: Readonly<Record<string, string | undefined>>
  #running: Running | undefined
  #api: ApiServer | undefined
  #apiPort: number | undefined

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.#env = env
  }

  /**
   * Begins. The sockets are served at once, with 503 until the store answers.
   *
   * @param addresses of the API; none leaves the daemon without one
   */
  async start(settings: Settings, log: Log, addresses: readonly Address[]): Promise<void> {
    const running = await this.#build(settings, log)
    this.#api = new ApiServer(apiOptions(running, settings, log))
    for (const address of addresses) {
      const bound = await this.#api.listen(address)
      if ('port' in bound) this.#apiPort = bound.port
    }
    if (addresses.length === 0)
      log.warn('no socket was passed: the API cannot be reached; is fleet.socket started?')
    this.#begin(running)
  }

  /** Goes on with another configuration, on the same sockets. Units are not touched. */
  async reconfigure(settings: Settings, log: Log): Promise<void> {
    const running = await this.#build(settings, log)
    await this.#end(node => node.kill())
    this.#api?.configure(apiOptions(running, settings, log))
    this.#begin(running)
  }

  /** Leaves the cluster in order. */
  async stop(): Promise<void> {
    await this.#end(node => node.stop())
    await this.#api?.close(CLOSE_GRACE_MS)
  }

  /** What it does now, for people who look for a fault (SIGUSR1). */
  dump(): string {
    const held = [...(this.#running?.node.agent.held.values() ?? [])]
    const states = Object.fromEntries(held.map(({ name, state }) => [name, state]))
    const names = held.map(({ name }) => name)
    const publisher = { Cache: states, ToPublish: {} }
    return JSON.stringify({
      Agent: { Cache: { TargetStates: states } },
      UnitStatePublisher: publisher,
      UnitStateGenerator: { Subscribed: names },
    })
  }

  #begin(running: Running): void {
    this.#running = running
    running.machine.apiPort = this.#apiPort
    running.node.onReturn = () => running.backend.reread()
    running.node.start()
  }

  async #end(how: (node: FleetNode) => Promise<void>): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    this.#running = undefined
    await how(running.node)
    running.backend.close()
    running.systemd.close()
    running.client.close()
  }

  async #build(settings: Settings, log: Log): Promise<Running> {
    const { publicIp, metadata } = settings
    const machine = await LocalMachine.open({ publicIp, metadata })
    const client = await connect(settings)
    const systemd = new DbusManager({ isUser: settings.systemdUser, env: this.#env })
    const node = new FleetNode({
      store: client.keys,
      keys: new Keys(settings.etcdKeyPrefix),
      systemd,
      files: new UnitDirectory(settings.unitsDirectory),
      clock: systemClock,
      log,
      machineId: machine.id,
      describe: () => machine.describe(),
      agentTtlMs: settings.agentTtlMs,
      engineIntervalMs: settings.engineIntervalMs,
      disableEngine: settings.disableEngine,
      rebalanceMax: settings.rebalanceMax,
    })
    const backend = new NodeBackend(node, machine.id, { clock: systemClock, log, nextId: () => randomUUID() })
    return { node, backend, client, systemd, machine }
  }
}

function apiOptions({ backend }: Running, settings: Settings, log: Log): ApiOptions {
  return {
    backend,
    local: new SystemdUnits({ isUser: settings.systemdUser, journal: { onProblem: tell(log) } }),
    log,
    tokenLimit: settings.tokenLimit,
  }
}

/** Tells of damaged journals. Those of others, which a user may not read, are no news. */
function tell(log: Log): OnProblem {
  return ({ path, error }) => {
    if (error.code !== 'unreadable') log.warn(`${path}: ${error.message}`)
  }
}

async function connect(settings: Settings): Promise<EtcdClient> {
  const { etcdUsername: username, etcdPassword: password } = settings
  const read = async (path: string): Promise<string | undefined> =>
    path === '' ? undefined : await readFile(path, 'utf8')
  const tls = {
    ca: await read(settings.etcdCaFile),
    cert: await read(settings.etcdCertFile),
    key: await read(settings.etcdKeyFile),
  }
  return new EtcdClient({
    endpoints: settings.etcdServers,
    tls,
    ...(username === '' ? {} : { credentials: { username, password } }),
    headerTimeoutMs: Math.max(settings.etcdRequestTimeoutMs, HEADER_TIMEOUT_MS_MIN),
  })
}
