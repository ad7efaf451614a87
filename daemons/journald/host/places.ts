import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Where journald keeps journals: what lasts, and what is gone with the boot. */
const ROOTS = ['/var/log/journal', '/run/log/journal']
/** A folder of a machine, perhaps of a namespace of its own. */
const MACHINE_FOLDER = /^[0-9a-f]{32}(\.[\w.-]+)?$/
const JOURNAL = /\.journal~?$/
/** Journals of one reader. journald keeps 100 of a machine. */
const FILES_MAX = 4096

/** Which journals are read. */
export interface Places {
  /** These files only. */
  files?: readonly string[]
  /** The journals in this folder, and in its folders of machines. */
  directory?: string
}

/** Folders that hold the journals, as they are now. */
export async function foldersOf(places: Places): Promise<string[]> {
  if (places.files !== undefined) return []
  if (places.directory !== undefined) {
    const names = await namesOf(places.directory)
    const machines = names
      .filter(name => MACHINE_FOLDER.test(name))
      .map(name => join(places.directory!, name))
    return [places.directory, ...machines]
  }
  const machine = await machineId()
  return machine === undefined ? [] : ROOTS.map(root => join(root, machine))
}

/** Paths of the journals, as they are now. */
export async function journalsOf(places: Places): Promise<string[]> {
  if (places.files !== undefined) return [...places.files]
  const found: string[] = []
  for (const folder of await foldersOf(places)) {
    for (const name of (await namesOf(folder)).toSorted()) {
      if (JOURNAL.test(name) && found.length < FILES_MAX) found.push(join(folder, name))
    }
  }
  return found
}

/** What a file is, however it is named; undefined when it is gone or no file. */
export async function identityOf(path: string): Promise<string | undefined> {
  try {
    const { dev, ino, isFile } = await stat(path).then(found => ({ ...found, isFile: found.isFile() }))
    return isFile ? `${dev}:${ino}` : undefined
  } catch {
    return undefined
  }
}

async function machineId(): Promise<string | undefined> {
  const text = await readFile('/etc/machine-id', 'latin1').catch(() => '')
  const id = text.trim()
  return /^[0-9a-f]{32}$/.test(id) ? id : undefined
}

/** A folder that is not there, or not for us, is an empty one. */
async function namesOf(folder: string): Promise<string[]> {
  return await readdir(folder).catch(() => [])
}
