import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Makes the names in a directory durable: what was created in, renamed into or removed from it survives a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Replaces `path` so that a reader, or a machine that lost power, sees the old or the new content and never a part:
 * write to a temporary name beside it, fsync, rename, fsync the directory.
 *
 * @param fill receives the open temporary file; what it has written when it resolves is the new content
 */
export async function replaceFile(
  path: string,
  fill: Uint8Array | string | ((file: FileHandle) => Promise<void>),
  options: { mode?: number } = {},
): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.new`
  try {
    const file = await open(temporary, 'wx', options.mode ?? 0o644)
    try {
      if (typeof fill === 'function') await fill(file)
      else await file.writeFile(fill)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await unlink(temporary).catch(() => undefined) // the first error is the one worth telling
    throw error
  }
  await syncDirectory(dirname(path))
}
