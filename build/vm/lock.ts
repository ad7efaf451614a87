import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, UserError } from '#lib/errors.ts'
import { identify, isRunning } from './identity.ts'

const LOCK = 'lock'

/**
 * Does something with a machine's folder that two processes must not do at once. A lock whose process is gone does
 * not count.
 *
 * @throws UserError when another process is at it
 */
export async function withFolderLock<T>(folder: string, act: () => Promise<T>): Promise<T> {
  const path = join(folder, LOCK)
  const mine = JSON.stringify(await identify(process.pid))
  try {
    await writeFile(path, mine, { flag: 'wx' })
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
    const holder = parseHolder(await readFile(path, 'utf8').catch(() => ''))
    if (holder && (await isRunning(holder)))
      throw new UserError(`${folder}: process ${holder.pid} is starting this machine`, 'wait for it')
    await rm(path, { force: true })
    await writeFile(path, mine, { flag: 'wx' })
  }
  try {
    return await act()
  } finally {
    await rm(path, { force: true })
  }
}

function parseHolder(text: string) {
  try {
    const { pid, startTicks, bootId } = JSON.parse(text)
    return { pid: Number(pid), startTicks: Number(startTicks), bootId: String(bootId) }
  } catch {
    return undefined // a process that was killed while it wrote
  }
}
