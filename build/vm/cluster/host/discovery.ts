import { mkdir } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { UserError } from '#lib/errors.ts'
import { request as fetch } from '#lib/http/host/client.ts'
import { isRunning } from '../../identity.ts'
import { readJson, type Service, startService, stopService, waitFor, writeJson } from '../../service.ts'

/** Where a guest of QEMU's user network finds the loopback of this host. */
export const HOST_FROM_GUEST = '10.0.2.2'
/** The services compile nothing and hold little; a busy host is slow all the same. */
const START_MS = 60_000
const REQUEST_MS = 10_000
/** A cluster on a laptop may be put away for long; its token goes with its folder. */
const TTL_DAYS = 3650
const SIZE_MAX = 50

interface Services {
  etcd?: Service & { peerPort: number }
  discovery?: Service
}

/**
 * The discovery service of the clusters of this user: our `discovery` over an etcd of one member, both on the loopback
 * of this host, where machines reach them and nobody else does. Their data stay in the folder, and so do their ports as
 * far as these are free, because machines have been told them.
 */
export class Discovery {
  readonly #folder: string
  readonly #root: string

  /**
   * @param folder of its data and records
   * @param root the repository
   */
  constructor(folder: string, root: string) {
    this.#folder = folder
    this.#root = root
  }

  /** Starts what does not run, and gives the URL that tokens begin with, as machines see it. */
  async start(): Promise<string> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const services = await this.#read()
    services.etcd = await this.#startEtcd(services.etcd)
    await this.#write(services)
    services.discovery = await this.#startDiscovery(services.etcd.port, services.discovery)
    await this.#write(services)
    return `http://${HOST_FROM_GUEST}:${services.discovery.port}`
  }

  /**
   * A new token for so many members.
   *
   * @throws UserError when the service does not give one
   */
  async token(size: number): Promise<string> {
    const { discovery } = await this.#read()
    if (discovery === undefined) throw new Error('the discovery service was not started')
    const { status, body } = await request(discovery.port, `/new?size=${size}`)
    const token = /[0-9a-f]{32}$/.exec(body.trim())?.[0]
    if (status === 200 && token !== undefined) return token
    throw new UserError(`the discovery service gave no token: ${body.trim() || `status ${status}`}`)
  }

  /**
   * What members have registered under a token, each `NAME=PEER-URL[,NAME=PEER-URL]`; undefined when the service does not
   * know it.
   */
  async members(token: string): Promise<string[] | undefined> {
    const { discovery } = await this.#read()
    if (discovery === undefined) return undefined
    const { status, body } = await request(discovery.port, `/${token}`)
    if (status !== 200) return undefined
    const { node } = JSON.parse(body) as { node: { nodes?: { value: string }[] } }
    return (node.nodes ?? []).map(({ value }) => value)
  }

  /** Ends both. Their data stay. */
  async stop(): Promise<void> {
    const { discovery, etcd } = await this.#read()
    if (discovery !== undefined) await stopService(discovery.process)
    if (etcd !== undefined) await stopService(etcd.process)
  }

  async #startEtcd(before: Services['etcd']): Promise<Service & { peerPort: number }> {
    if (before !== undefined && (await isRunning(before.process))) return before
    const [port, peerPort] = await Promise.all([freePort(before?.port), freePort(before?.peerPort)])
    const log = join(this.#folder, 'etcd.log')
    const url = (port: number) => `http://127.0.0.1:${port}`
    const process = await startService(
      [
        join(this.#root, 'daemons/etcd/main.ts'),
        ...['--name', 'discovery', '--data-dir', join(this.#folder, 'etcd')],
        ...['--listen-client-urls', url(port), '--advertise-client-urls', url(port)],
        // A single member: the ports of its founding are never used again, whatever they were.
        ...['--listen-peer-urls', url(peerPort), '--initial-advertise-peer-urls', url(peerPort)],
        ...['--initial-cluster', `discovery=${url(peerPort)}`],
      ],
      log,
    )
    await waitFor('the etcd of the discovery service', () => isHealthy(port, '/health'), {
      process,
      log,
      timeoutMs: START_MS,
    })
    return { process, port, peerPort }
  }

  async #startDiscovery(etcdPort: number, before: Service | undefined): Promise<Service> {
    if (before !== undefined && (await isRunning(before.process))) return before
    const port = await freePort(before?.port)
    const log = join(this.#folder, 'discovery.log')
    const process = await startService(
      [
        join(this.#root, 'daemons/discovery/main.ts'),
        ...['--addr', `127.0.0.1:${port}`, '--host', `http://${HOST_FROM_GUEST}:${port}`],
        ...['--etcd', `http://127.0.0.1:${etcdPort}`, '--ttl-days', String(TTL_DAYS)],
        ...['--size-max', String(SIZE_MAX)],
      ],
      log,
    )
    await waitFor('the discovery service', () => isHealthy(port, '/health'), {
      process,
      log,
      timeoutMs: START_MS,
    })
    return { process, port }
  }

  async #read(): Promise<Services> {
    return (await readJson<Services>(join(this.#folder, 'services.json'))) ?? {}
  }

  async #write(services: Services): Promise<void> {
    await writeJson(join(this.#folder, 'services.json'), services)
  }
}

/** The port if it is free, else another one. */
async function freePort(wanted: number | undefined): Promise<number> {
  for (const port of [wanted ?? 0, 0]) {
    const found = await new Promise<number | undefined>(resolve => {
      const server = createServer()
      server.once('error', () => resolve(undefined))
      server.listen(port, '127.0.0.1', () => {
        const address = server.address()
        server.close(() =>
          resolve(typeof address === 'object' && address !== null ? address.port : undefined),
        )
      })
    })
    if (found !== undefined) return found
  }
  throw new UserError('no port of this host is free')
}

async function isHealthy(port: number, path: string): Promise<boolean> {
  return await request(port, path).then(
    ({ status }) => status === 200,
    () => false,
  )
}

async function request(port: number, path: string): Promise<{ status: number; body: string }> {
  const { status, body } = await fetch({ url: `http://127.0.0.1:${port}${path}`, timeoutMs: REQUEST_MS })
  return { status, body: body.toString('utf8') }
}
