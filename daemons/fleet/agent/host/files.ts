import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errorCode } from '#lib/errors.ts'
import { hasUnitSuffix } from '#lib/fleet/unit/name.ts'
import type { UnitFiles } from '../files.ts'

/** Beside the directory of the units, which holds nothing else. */
const MEMORY = 'agent.json'
const FILE_BYTES_MAX = 1024 * 1024

/**
 * Unit files on a file system that a restart of the machine empties (/run): they need not survive one, and are not
 * synced. A reader sees the old text or the new one.
 */
export class UnitDirectory implements UnitFiles {
  readonly #directory: string
  readonly #memory: string

  constructor(directory: string) {
    this.#directory = directory
    this.#memory = join(dirname(directory), MEMORY)
  }

  async list(): Promise<Map<string, string>> {
    await mkdir(this.#directory, { recursive: true, mode: 0o755 })
    const texts = new Map<string, string>()
    for (const entry of await readdir(this.#directory, { withFileTypes: true })) {
      if (!entry.isFile() || !hasUnitSuffix(entry.name)) continue
      const text = await readFile(join(this.#directory, entry.name), 'utf8')
      if (text.length <= FILE_BYTES_MAX) texts.set(entry.name, text)
    }
    return texts
  }

  async write(name: string, text: string): Promise<void> {
    await replace(this.path(name), text)
  }

  async remove(name: string): Promise<void> {
    await rm(this.path(name), { force: true })
  }

  path(name: string): string {
    return join(this.#directory, name)
  }

  async recall(): Promise<string | undefined> {
    try {
      return await readFile(this.#memory, 'utf8')
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined
      throw error
    }
  }

  async remember(text: string): Promise<void> {
    await replace(this.#memory, text)
  }
}

async function replace(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 })
  const temporary = `${path}.new`
  await writeFile(temporary, text, { mode: 0o644 })
  await rename(temporary, path)
}
