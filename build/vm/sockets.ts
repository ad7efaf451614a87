import { closeSync, openSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { basename, dirname } from 'node:path'
import { within } from './deadline.ts'

/**
 * Connects to a unix socket whose path may be longer than the 107 bytes that sockaddr_un holds: the folder is
 * opened and the socket reached through /proc/self/fd.
 *
 * @throws system error such as ECONNREFUSED (nobody listens) or ENOENT, TimeoutError
 */
export async function connectUnix(path: string, timeoutMs: number): Promise<Socket> {
  const folder = openSync(dirname(path), 'r')
  try {
    const socket = connect(`/proc/self/fd/${folder}/${basename(path)}`)
    const connected = new Promise<Socket>((resolve, reject) => {
      socket.once('connect', () => resolve(socket))
      socket.once('error', reject)
    })
    try {
      return await within(connected, timeoutMs, `connecting to ${path}`)
    } catch (error) {
      socket.destroy()
      throw error
    }
  } finally {
    closeSync(folder)
  }
}
