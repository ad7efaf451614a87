import { chmodSync, closeSync, openSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { errorCode, UserError } from '#lib/errors.ts'

/** Who may speak: the user whose switch it is. */
const SOCKET_MODE = 0o600

/**
 * A folder in which sockets are made. It is kept open, and they are made through /proc/self/fd: the path of a socket must
 * not be longer than 107 bytes, and that of the folder may be.
 */
export class SocketFolder {
  readonly #fd: number

  /** @throws system error when there is no such folder */
  constructor(folder: string) {
    this.#fd = openSync(folder, 'r')
  }

  /**
   * Listens on the socket of this name, in place of one that a process before left there.
   *
   * @param accept gets each connection
   * @throws UserError
   */
  async listen(name: string, accept: (socket: Socket) => void): Promise<Server> {
    const path = `/proc/self/fd/${this.#fd}/${name}`
    const server = createServer(accept)
    try {
      rmSync(path, { force: true })
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen(path, () => {
          server.off('error', reject)
          resolve()
        })
      })
      chmodSync(path, SOCKET_MODE)
    } catch (error) {
      server.close()
      throw new UserError(`cannot listen on ${name}: ${errorCode(error) ?? error}`, undefined, {
        cause: error,
      })
    }
    // Such as EMFILE while one connects, who tries again.
    server.on('error', error => process.stderr.write(`${name}: ${error.message}\n`))
    return server
  }

  /** Nothing of it may be listening any more: the names of sockets go when they are closed. */
  close(): void {
    closeSync(this.#fd)
  }
}

/** Ends a server; its connections have to be ended by who took them. */
export async function closeServer(server: Server): Promise<void> {
  await new Promise<void>(resolve => server.close(() => resolve()))
}
