import { readdir, readFile, readlink } from 'node:fs/promises'

/** Columns of /proc/net/tcp: proc_pid_net(5). */
const LOCAL = 1
const REMOTE = 2
const INODE = 9

/** One side of a TCP connection over IPv4. */
export interface Endpoint {
  address: string
  port: number
}

/**
 * Which of these processes opened the connection, by what the kernel knows: all members connect from 127.0.0.1, and not
 * everything they ask for says who they are.
 *
 * @param local the side of whoever opened it
 * @returns the process, or undefined when it is none of them, or gone
 */
export async function ownerOf(
  local: Endpoint,
  remote: Endpoint,
  pids: readonly number[],
): Promise<number | undefined> {
  const inode = inodeOf(await readFile('/proc/net/tcp', 'latin1'), local, remote)
  if (inode === undefined) return undefined
  for (const pid of pids) if (await hasSocket(pid, inode)) return pid
  return undefined
}

function inodeOf(table: string, local: Endpoint, remote: Endpoint): string | undefined {
  const [from, to] = [inHex(local), inHex(remote)]
  for (const line of table.split('\n')) {
    if (!line.includes(from)) continue
    const columns = line.trim().split(/\s+/)
    if (columns[LOCAL] === from && columns[REMOTE] === to) return columns[INODE]
  }
  return undefined
}

/** `0100007F:0D3D`: the address as the machine has it in memory, the port as people write it. */
function inHex({ address, port }: Endpoint): string {
  const bytes = address.split('.').map(Number).reverse()
  return `${Buffer.from(bytes).toString('hex')}:${port.toString(16).padStart(4, '0')}`.toUpperCase()
}

async function hasSocket(pid: number, inode: string): Promise<boolean> {
  const folder = `/proc/${pid}/fd`
  const names = await readdir(folder).catch(() => [])
  const links = await Promise.all(names.map(name => readlink(`${folder}/${name}`).catch(() => '')))
  return links.includes(`socket:[${inode}]`)
}
