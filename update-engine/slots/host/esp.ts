import { execFile } from 'node:child_process'
import { mkdir, open, readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { errorCode, UserError } from '#lib/errors.ts'
import { BLOCK_BYTES } from '../grubenv.ts'

const run = promisify(execFile)

/** The initrd leaves the partitions of the boot disk under these names. */
const ESP_DEVICE = '/run/orlop/dev/esp'
const MOUNT_POINT = '/run/orlop/esp'
const ENVIRONMENT = 'grub/grubenv'
/** A FAT file system on a sane disk mounts at once; a disk that hangs must not hang the boot. */
const MOUNT_TIMEOUT_MS = 30_000

/** An opened EFI system partition: a mounted one, or a folder in tests. */
export interface Esp {
  readEnvironment(): Promise<Uint8Array>
  writeEnvironment(block: Uint8Array): Promise<void>
}

/** Calls `use` with the ESP found at `folder`. */
export async function withEspFolder<T>(folder: string, use: (esp: Esp) => Promise<T>): Promise<T> {
  return await use(espAt(folder))
}

/**
 * Mounts the ESP of the boot disk for as long as `use` runs. It is not mounted otherwise: what is not mounted is
 * not torn by a power cut.
 */
export async function withEsp<T>(access: 'ro' | 'rw', use: (esp: Esp) => Promise<T>): Promise<T> {
  const device = await realpath(ESP_DEVICE).catch(error => {
    if (errorCode(error) !== 'ENOENT') throw error
    throw new UserError(`${ESP_DEVICE} is missing`, 'this machine was not started from an Orlop disk')
  })
  await mkdir(MOUNT_POINT, { recursive: true, mode: 0o700 })
  const options = `${access},nodev,nosuid,noexec,umask=077,tz=UTC`
  await runTool('mount', ['-t', 'vfat', '-o', options, device, MOUNT_POINT])
  try {
    return await use(espAt(MOUNT_POINT))
  } finally {
    await runTool('umount', [MOUNT_POINT])
  }
}

async function runTool(program: string, args: string[]): Promise<void> {
  try {
    await run(program, args, { timeout: MOUNT_TIMEOUT_MS })
  } catch (error) {
    const stderr = typeof error === 'object' && error && 'stderr' in error ? String(error.stderr).trim() : ''
    throw new UserError(`${program} ${args.join(' ')} failed: ${stderr || String(error)}`)
  }
}

function espAt(folder: string): Esp {
  const path = join(folder, ENVIRONMENT)
  return {
    readEnvironment: () => readFile(path),
    writeEnvironment: block => overwrite(path, block),
  }
}

/**
 * Writes the block over the old one, in the same sectors. GRUB writes its tries there too and can not follow a file
 * that moved; and on FAT a rename is no atomic step, a single sector is.
 */
async function overwrite(path: string, block: Uint8Array): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const { size } = await file.stat()
    if (size !== BLOCK_BYTES) throw new UserError(`${path} has ${size} bytes instead of ${BLOCK_BYTES}`)
    await file.write(block, 0, block.length, 0)
    await file.datasync()
    const back = Buffer.alloc(BLOCK_BYTES)
    await file.read(back, 0, back.length, 0)
    if (!back.equals(block))
      throw new UserError(`${path} reads back otherwise than it was written`, 'the disk is failing')
  } finally {
    await file.close()
  }
}
