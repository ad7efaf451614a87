import { request as ask, ClientAgent, type ClientTls, openLines } from '#lib/http/host/client.ts'
import { RequestError } from '../client.ts'
import type { ApiTransport, ConnectOptions } from '../io.ts'
import { parseEndpoint } from '../settings.ts'
import { readCertificates } from './certificates.ts'
import { hostAndPort, openTunnel } from './tunnel.ts'

const USER_AGENT = 'fleetctl'
const LOCAL_HOST = 'fleet'

interface Place {
  url: string
  socketPath: string | undefined
  close: () => void
}

/** Connects to the API: over a unix socket or TCP, directly or through an SSH host. */
export async function connectApi(options: ConnectOptions): Promise<ApiTransport> {
  const agent = new ClientAgent({ tls: await readTls(options) })
  const place = await findPlace(options)
  const { url, socketPath } = place
  const common = {
    agent,
    ...(socketPath === undefined ? {} : { socketPath }),
    ...(options.timeoutMs > 0 ? { timeoutMs: options.timeoutMs } : {}),
  }
  const explain = (error: unknown): never => {
    const where = socketPath ?? url
    throw new RequestError(
      `fleetd at ${where} does not answer: ${error instanceof Error ? error.message : error}`,
    )
  }
  return {
    async request(method, path, body) {
      const type = body === undefined ? {} : { 'Content-Type': 'application/json' }
      const headers = { 'User-Agent': USER_AGENT, ...type }
      const content = body === undefined ? {} : { body }
      const reply = await ask({ ...common, url: `${url}${path}`, method, headers, ...content }).catch(explain)
      return {
        status: reply.status,
        body: reply.body.toString('utf8'),
        retryAfter: reply.headers['retry-after'],
      }
    },
    async stream(path) {
      const headers = { 'User-Agent': USER_AGENT }
      const reply = await openLines({ ...common, url: `${url}${path}`, headers }).catch(explain)
      return { status: reply.status, lines: reply.lines, retryAfter: reply.headers['retry-after'] }
    },
    close: () => {
      agent.close()
      place.close()
    },
  }
}

async function findPlace(options: ConnectOptions): Promise<Place> {
  const target = parseEndpoint(options.endpoints[0]!)
  if (options.tunnel !== '') return await throughTunnel(options, target)
  const close = (): void => {}
  if ('socketPath' in target) return { url: `http://${LOCAL_HOST}`, socketPath: target.socketPath, close }
  return { url: target.url, socketPath: undefined, close }
}

/** The OpenSSH client forwards a socket of ours to the API behind the bastion. */
async function throughTunnel(
  options: ConnectOptions,
  target: ReturnType<typeof parseEndpoint>,
): Promise<Place> {
  const remote = 'socketPath' in target ? target.socketPath : hostAndPort(target.url)
  const { sockets, close } = await openTunnel(options.ssh, [remote])
  const isEncrypted = 'url' in target && target.url.startsWith('https:')
  const url = `${isEncrypted ? 'https' : 'http'}://${'url' in target ? new URL(target.url).host : LOCAL_HOST}`
  return { url, socketPath: sockets[0]!, close }
}

async function readTls(options: ConnectOptions): Promise<ClientTls> {
  const { ca, cert, key } = await readCertificates(options)
  return {
    rejectUnauthorized: !options.skipVerify,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
}
