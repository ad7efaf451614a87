import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { mkdtemp, statfs } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '#lib/errors.ts'

/** File systems without a disk: statfs(2). */
const MEMORY_TYPES: ReadonlySet<number> = new Set([0x01021994, 0x858458f6])
/** Below those that Linux takes for outgoing connections, so that no connection can take the port of a member that is down. */
const PORT_FIRST = 21_000
const PORT_LAST = 29_999
const EXIT_INTERRUPTED = 130

const helpers = new Set<ChildProcess>()
let portNext = PORT_FIRST

/**
 * A folder on a real disk, for all data of the run. It is removed when this process ends, in whatever way but SIGKILL;
 * so are the processes that were started.
 *
 * @throws UserError when every place is in memory
 */
export async function openStage(): Promise<string> {
  const parent = await findDisk([tmpdir(), '/var/tmp'])
  const folder = await mkdtemp(join(parent, 'orlop-bench-etcd-'))
  process.on('exit', () => {
    for (const child of helpers) child.kill('SIGKILL')
    // Servers may still be writing their last.
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => process.exit(EXIT_INTERRUPTED))
  return folder
}

/** Starts a program that ends with this process at the latest. */
export function spawnHelper(file: string, words: readonly string[], hasChannel = false): ChildProcess {
  const child = spawn(file, [...words], {
    stdio: ['ignore', 'pipe', 'pipe', ...(hasChannel ? (['ipc'] as const) : [])],
  })
  helpers.add(child)
  child.on('exit', () => helpers.delete(child))
  return child
}

/** A port of 127.0.0.1 that nobody has, each time another. */
export async function freePort(): Promise<number> {
  while (portNext <= PORT_LAST) {
    const port = portNext++
    if (await isFree(port)) return port
  }
  throw new UserError(`no port of 127.0.0.1 is free between ${PORT_FIRST} and ${PORT_LAST}`)
}

async function findDisk(places: readonly string[]): Promise<string> {
  for (const place of places) {
    const { type } = await statfs(place)
    if (!MEMORY_TYPES.has(type)) return place
  }
  throw new UserError(`${places.join(' and ')} are in memory`, 'set TMPDIR to a folder on a disk')
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise(resolve => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
