import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Failure, type SshOptions } from '../io.ts'
import { bastionArguments } from '../ssh.ts'
import { makeFolderOf } from './folder.ts'

const POLL_MS = 50
/** Signals that end the program, with its status: the client is not to outlive it. */
const ENDINGS: Partial<Record<NodeJS.Signals, number>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }

/** Sockets of ours that lead behind a bastion. */
export interface Tunnel {
  sockets: readonly string[]
  close: () => void
}

/**
 * Has the OpenSSH client forward sockets of ours through the bastion.
 *
 * @param targets each the path of a socket there, or `host:port` as seen from there
 * @throws Failure when the client ends before they are open
 */
export async function openTunnel(options: SshOptions, targets: readonly string[]): Promise<Tunnel> {
  if (options.strictHostKeyChecking) await makeFolderOf(options.knownHostsFile)
  const folder = await mkdtemp(join(tmpdir(), 'fleetctl-'))
  const sockets = targets.map((_, index) => join(folder, `${index}.sock`))
  const [host, ...rest] = bastionArguments(options).reverse()
  const forwards = targets.flatMap((target, index) => ['-L', `${sockets[index]}:${target}`])
  const args = [...rest.reverse(), '-N', '-o', 'ExitOnForwardFailure=yes', ...forwards, host!]
  const child = spawn('ssh', args, { stdio: ['inherit', 'ignore', 'inherit'] })
  const close = (): void => {
    child.kill()
    // At once: the process ends as soon as its command is done.
    rmSync(folder, { recursive: true, force: true })
    for (const signal of Object.keys(ENDINGS)) process.removeListener(signal, onEnding)
  }
  const onEnding = (signal: NodeJS.Signals): void => {
    close()
    process.exit(ENDINGS[signal])
  }
  for (const signal of Object.keys(ENDINGS)) process.on(signal, onEnding)
  const ended = new Promise<never>((_, reject) => {
    child.once('error', error => reject(new Failure(`Failed building SSH client: ${error.message}`)))
    child.once('exit', () =>
      reject(new Failure('Failed building SSH client: the tunnel could not be opened')),
    )
  })
  ended.catch(() => {}) // After the tunnel is open, requests tell of its end.
  try {
    for (const socket of sockets) await Promise.race([ended, untilOpen(socket)])
  } catch (error) {
    close()
    throw error
  }
  return { sockets, close }
}

/** `host:port` of a URL. */
export function hostAndPort(url: string): string {
  const { hostname, port, protocol } = new URL(url)
  return `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`
}

/** The socket appears when SSH has let us in; how long that takes is for people, who may have to type. */
async function untilOpen(path: string): Promise<void> {
  for (;;) {
    const isOpen = await new Promise<boolean>(resolve => {
      const socket = connect(path)
      socket.once('connect', () => {
        socket.destroy()
        resolve(true)
      })
      socket.once('error', () => resolve(false))
    })
    if (isOpen) return
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
  }
}
