import { unlink } from 'node:fs/promises'
import { connect, type Server } from 'node:net'
import { errorCode } from '../../errors.ts'

/**
 * Where a server is reached: TCP, the path of a unix socket, or a socket that was handed over already listening. Port 0
 * lets the system choose one.
 */
export type Address = { host: string; port: number } | { path: string } | { fd: number }

/** Binds a server. Takes over the path of a unix socket that nobody listens to any more. */
export async function listen(server: Server, address: Address): Promise<Address> {
  try {
    return await bind(server, address)
  } catch (error) {
    if (errorCode(error) !== 'EADDRINUSE' || !('path' in address) || (await isAlive(address.path)))
      throw error
    await unlink(address.path)
    return bind(server, address)
  }
}

function bind(server: Server, address: Address): Promise<Address> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(address, () => {
      server.off('error', reject)
      const bound = server.address()
      if (bound === null || typeof bound === 'string') resolve(address)
      else resolve({ host: bound.address, port: bound.port })
    })
  })
}

/** Whether somebody answers at a unix socket. */
function isAlive(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', error => resolve(errorCode(error) !== 'ECONNREFUSED'))
  })
}
