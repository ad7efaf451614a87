import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'

const OWNER_ONLY = 0o700

/** Makes the folder of a file, for its owner only: the OpenSSH client makes the file of known hosts, and not that. */
export async function makeFolderOf(path: string): Promise<void> {
  // A home that is not known is left to that client, which knows it by the user's number.
  if (path.startsWith('~')) return
  await mkdir(dirname(path), { recursive: true, mode: OWNER_ONLY })
}
