import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Names } from './normalise.ts'

/** A server of its own, with nothing in it yet. */
export interface Server extends Names {
  pid: number
  /** Ends it and removes its data. */
  stop(): Promise<void>
}

const READY_TIMEOUT_MS = 15_000
const READY_POLL_MS = 25

/**
 * Starts one member on free ports of this machine.
 *
 * @param file the program; any etcd that takes the original's flags
 * @param extra flags, such as `--enable-v2`
 * @throws Error with its log when it does not become healthy
 */
export async function startServer(file: string, extra: readonly string[]): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'orlop-compat-'))
  const [client = '', peer = ''] = (await freePorts(2)).map(port => `http://127.0.0.1:${port}`)
  const flags = {
    'data-dir': join(folder, 'data'),
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `default=${peer}`,
  }
  const words = [...extra, ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value])]
  const child = spawn(file, words, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      log += chunk
    })
  const gone = new Promise<void>((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', () => resolve())
  })
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await gone
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await Promise.race([waitUntilHealthy(client), gone.then(() => Promise.reject(new Error('it ended')))])
  } catch (error) {
    await stop().catch(() => undefined)
    throw new Error(
      `${file} did not become healthy: ${error instanceof Error ? error.message : error}\n${log}`,
    )
  }
  return { client, peer, pid: child.pid!, stop }
}

async function waitUntilHealthy(client: string): Promise<void> {
  const end = performance.now() + READY_TIMEOUT_MS
  while (performance.now() < end) {
    const answer = await fetch(`${client}/health`).catch(() => undefined)
    // Ready only once the member has published itself: the indexes in the scripts count from there.
    if (answer?.ok && (await isPublished(client))) return
    await pause(READY_POLL_MS)
  }
  throw new Error(`not healthy after ${READY_TIMEOUT_MS} ms`)
}

async function isPublished(client: string): Promise<boolean> {
  const { members } = (await (await fetch(`${client}/v2/members`)).json()) as {
    members: { clientURLs: string[] }[]
  }
  const version = (await (await fetch(`${client}/version`)).json()) as { etcdcluster: string }
  return members.every(member => member.clientURLs.length > 0) && version.etcdcluster !== 'not_decided'
}

/** Ports that were free a moment ago, all at the same time: one after the other may be twice the same. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports = await Promise.all(
    servers.map(async server => {
      await new Promise<void>((resolve, reject) => {
        server.on('error', reject)
        server.listen(0, '127.0.0.1', resolve)
      })
      const address = server.address()
      if (address === null || typeof address === 'string') throw new Error('no port')
      return address.port
    }),
  )
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}
