import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'

const OWNER_ONLY = 0o700

/** Makes the folder of a file, for its owner only: the OpenSSH client makes the file of known hosts, and not that. */
export async function makeFolderOf(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: OWNER_ONLY })
}
