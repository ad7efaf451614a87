import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect as connectSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request as ask, ClientAgent, type ClientTls, openLines } from '#lib/http/host/client.ts'
import { type ApiTransport, type ConnectOptions, Failure } from '../io.ts'
import { parseEndpoint } from '../settings.ts'
import { bastionArguments } from '../ssh.ts'

const USER_AGENT = 'fleetctl'
const TUNNEL_POLL_MS = 50
const LOCAL_HOST = 'fleet'

interface Place {
  url: string
  socketPath: string | undefined
  close: () => Promise<void>
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
    throw new Failure(`fleetd at ${where} does not answer: ${error instanceof Error ? error.message : error}`)
  }
  return {
    async request(method, path, body) {
      const type = body === undefined ? {} : { 'Content-Type': 'application/json' }
      const headers = { 'User-Agent': USER_AGENT, ...type }
      const content = body === undefined ? {} : { body }
      const reply = await ask({ ...common, url: `${url}${path}`, method, headers, ...content }).catch(explain)
      return { status: reply.status, body: reply.body.toString('utf8') }
    },
    async stream(path) {
      const headers = { 'User-Agent': USER_AGENT }
      const { status, lines } = await openLines({ ...common, url: `${url}${path}`, headers }).catch(explain)
      return { status, lines }
    },
    close: () => {
      agent.close()
      void place.close()
    },
  }
}

async function findPlace(options: ConnectOptions): Promise<Place> {
  const target = parseEndpoint(options.endpoint)
  if (options.tunnel !== '') return await openTunnel(options, target)
  const close = async (): Promise<void> => {}
  if ('socketPath' in target) return { url: `http://${LOCAL_HOST}`, socketPath: target.socketPath, close }
  return { url: target.url, socketPath: undefined, close }
}

/** The OpenSSH client forwards a socket of ours to the API behind the bastion. */
async function openTunnel(options: ConnectOptions, target: ReturnType<typeof parseEndpoint>): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'fleetctl-'))
  const local = join(folder, 'api.sock')
  const remote = 'socketPath' in target ? target.socketPath : hostAndPort(target.url)
  const [host, ...rest] = bastionArguments(options.ssh).reverse()
  const args = [...rest.reverse(), '-N', '-o', 'ExitOnForwardFailure=yes', '-L', `${local}:${remote}`, host!]
  const child = spawn('ssh', args, { stdio: ['inherit', 'ignore', 'inherit'] })
  const close = async (): Promise<void> => {
    child.kill()
    await rm(folder, { recursive: true, force: true })
  }
  const ended = new Promise<never>((_, reject) => {
    child.once('error', error => reject(new Failure(`Failed building SSH client: ${error.message}`)))
    child.once('exit', () =>
      reject(new Failure('Failed building SSH client: the tunnel could not be opened')),
    )
  })
  ended.catch(() => {}) // After the tunnel is open, requests tell of its end.
  try {
    await Promise.race([ended, untilOpen(local)])
  } catch (error) {
    await close()
    throw error
  }
  const isEncrypted = 'url' in target && target.url.startsWith('https:')
  return { url: `${isEncrypted ? 'https' : 'http'}://${LOCAL_HOST}`, socketPath: local, close }
}

/** The socket appears when SSH has let us in; how long that takes is for people, who may have to type. */
async function untilOpen(path: string): Promise<void> {
  for (;;) {
    const isOpen = await new Promise<boolean>(resolve => {
      const socket = connectSocket(path)
      socket.once('connect', () => {
        socket.destroy()
        resolve(true)
      })
      socket.once('error', () => resolve(false))
    })
    if (isOpen) return
    await new Promise(resolve => setTimeout(resolve, TUNNEL_POLL_MS))
  }
}

function hostAndPort(url: string): string {
  const { hostname, port, protocol } = new URL(url)
  return `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`
}

async function readTls({ caFile, certFile, keyFile, skipVerify }: ConnectOptions): Promise<ClientTls> {
  const read = async (path: string): Promise<string | undefined> =>
    path === '' ? undefined : await readFile(path, 'utf8')
  const [ca, cert, key] = [await read(caFile), await read(certFile), await read(keyFile)]
  return {
    rejectUnauthorized: !skipVerify,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
}
