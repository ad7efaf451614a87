import { chmod, mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { replaceFile } from '#lib/durable.ts'
import { isRunning, type ProcessIdentity } from '../../identity.ts'
import { withFolderLock } from '../../lock.ts'
import { readJson, startService, stopService, waitFor, writeJson } from '../../service.ts'
import {
  formatSettings,
  type PortSettings,
  parseSettings,
  SETTINGS_FILE,
  type SwitchSettings,
} from '../settings.ts'
import { SwitchClient } from './client.ts'

/** Which process it is. */
const RECORD = 'switch.json'
const LOG = 'switch.log'
const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))
/** A busy host is slow. */
const START_MS = 30_000
/** A process that runs and does not answer for so long never will. */
const ANSWER_MS = 5000

interface Recorded {
  version: 1
  process: ProcessIdentity
}

/**
 * Starts the switch of a folder as a process that outlives this one, or takes the one that runs: it gets the ports that
 * it does not have, keeps those that it has, and its rules.
 *
 * @param ports names, or names with the addresses that the host tells for them
 * @returns a connection to it, which the caller closes
 * @throws UserError when it does not start
 */
export async function startSwitch(
  folder: string,
  ports: readonly (string | PortSettings)[],
  options: Pick<SwitchSettings, 'address' | 'domain'> & { seed?: number },
): Promise<SwitchClient> {
  const { address, domain, seed = 1 } = options
  const wanted = ports.map(port => (typeof port === 'string' ? { name: port } : port))
  // What the process would refuse is said here, where somebody reads it.
  const settings = parseSettings(formatSettings({ version: 1, address, domain, seed, ports: wanted }))
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await chmod(folder, 0o700)
  return await withFolderLock(folder, async () => {
    const running = await adopt(folder)
    if (running === undefined) return await start(folder, settings)
    try {
      for (const port of settings.ports) await running.add(port.name, port.address)
    } catch (error) {
      running.close()
      throw error
    }
    return running
  })
}

/** Ends the switch of a folder, if one runs. Machines on it see their cables pulled. */
export async function stopSwitch(folder: string): Promise<void> {
  const process = await recorded(folder)
  if (process !== undefined) await stopService(process)
  await rm(join(folder, RECORD), { force: true })
}

/** The switch that runs; undefined when none does. One that does not answer is ended. */
async function adopt(folder: string): Promise<SwitchClient | undefined> {
  const process = await recorded(folder)
  if (process === undefined) return undefined
  const client = await connect(folder, process.pid)
  if (client === undefined) await stopService(process)
  return client
}

async function start(folder: string, settings: SwitchSettings): Promise<SwitchClient> {
  await replaceFile(join(folder, SETTINGS_FILE), formatSettings(settings), { mode: 0o600 })
  const log = join(folder, LOG)
  const process = await startService([MAIN, resolve(folder)], log)
  await writeJson(join(folder, RECORD), { version: 1, process } satisfies Recorded)
  let client: SwitchClient | undefined
  const answers = async () => {
    client = await connect(folder, process.pid)
    return client !== undefined
  }
  await waitFor('the switch', answers, { process, log, timeoutMs: START_MS })
  return client!
}

/** A connection to this very process: one that was killed may still accept for a moment. */
async function connect(folder: string, pid: number): Promise<SwitchClient | undefined> {
  let client: SwitchClient | undefined
  try {
    client = await SwitchClient.open(folder, ANSWER_MS)
    if ((await client.status()).pid === pid) return client
  } catch {
    // Not yet, or never: the caller knows how long to try.
  }
  client?.close()
  return undefined
}

/** The process that was started last, if it still runs. */
async function recorded(folder: string): Promise<ProcessIdentity | undefined> {
  const record = await readJson<Partial<Recorded>>(join(folder, RECORD))
  const process = record?.process
  return process !== undefined && (await isRunning(process)) ? process : undefined
}
