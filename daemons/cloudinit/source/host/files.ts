import { constants } from 'node:fs'
import { open, realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { errorCode, UserError } from '#lib/errors.ts'

/** User data is written by people. */
export const USER_DATA_BYTES_MAX = 16 * 1024 * 1024
/** Of metadata, and of files of the kernel. */
export const METADATA_BYTES_MAX = 1024 * 1024

const PART_BYTES = 64 * 1024
const NOT_THERE = new Set(['ENOENT', 'ENOTDIR'])

/**
 * The bytes of a regular file, or undefined when there is none. Pipes and devices are refused: they need not end.
 *
 * @param shown name of the file in messages
 * @throws UserError when it is longer, or no file
 */
export async function readBounded(path: string, bytesMax: number, shown = path): Promise<Buffer | undefined> {
  let file: Awaited<ReturnType<typeof open>>
  try {
    // Opening a pipe would wait for who writes to it.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (NOT_THERE.has(errorCode(error) ?? '')) return undefined
    throw error
  }
  try {
    if (!(await file.stat()).isFile()) throw new UserError(`${shown}: is no regular file`)
    // The kernel does not know the length of its own files beforehand.
    const parts: Buffer[] = []
    for (let length = 0; ; ) {
      const part = Buffer.allocUnsafe(PART_BYTES)
      const { bytesRead } = await file.read(part, 0, PART_BYTES)
      if (bytesRead === 0) return Buffer.concat(parts)
      length += bytesRead
      if (length > bytesMax) throw new UserError(`${shown}: is longer than ${bytesMax} bytes`)
      parts.push(part.subarray(0, bytesRead))
    }
  } finally {
    await file.close()
  }
}

/**
 * The bytes of a file in a folder that somebody else has filled, or undefined when there is none. A link that leads
 * out of the folder is refused, for whoever filled it could read any file of this machine by it.
 */
export async function readInside(
  folder: string,
  path: string,
  bytesMax: number,
): Promise<Buffer | undefined> {
  try {
    const base = await realpath(folder)
    const real = await realpath(join(base, path))
    if (!real.startsWith(`${base}${sep}`)) throw new UserError(`${path}: leads out of its folder`)
    return await readBounded(real, bytesMax, path)
  } catch (error) {
    if (NOT_THERE.has(errorCode(error) ?? '')) return undefined
    throw error
  }
}

/** Text of a file in UTF-8, undefined when there is none or it can not be read. */
export async function readHint(path: string): Promise<string | undefined> {
  try {
    return (await readBounded(path, METADATA_BYTES_MAX))?.toString('utf8')
  } catch {
    return undefined
  }
}
