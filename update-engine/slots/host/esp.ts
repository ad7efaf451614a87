import { execFile } from 'node:child_process'
import { mkdir, open, readFile, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { replaceFile } from '#lib/durable.ts'
import { errorCode, UserError } from '#lib/errors.ts'
import { BLOCK_BYTES } from '../grubenv.ts'
import type { SlotName } from '../state.ts'

const run = promisify(execFile)

/** The initrd leaves the partitions of the boot disk under these names. */
const ESP_DEVICE = '/run/orlop/dev/esp'
const MOUNT_POINT = '/run/orlop/esp'
const ENVIRONMENT = 'grub/grubenv'
/** A copy of the block for those who may not mount: as it was when a program of ours last changed it. */
const PUBLISHED = '/run/orlop/grubenv'
/** What GRUB needs to start a slot. */
const BOOT_FILES = ['slot.cfg', 'vmlinuz', 'initrd']
/** A FAT file system on a sane disk mounts at once; a disk that hangs must not hang the boot. */
const MOUNT_TIMEOUT_MS = 30_000

/** An opened EFI system partition: a mounted one, or a folder in tests. */
export interface Esp {
  /** The environment block as it is; empty when there is none. */
  readEnvironment(): Promise<Uint8Array>
  writeEnvironment(block: Uint8Array): Promise<void>
  /** Whether the slot has all that GRUB needs to start it. */
  holdsSystem(slot: SlotName): Promise<boolean>
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
    const esp = espAt(MOUNT_POINT)
    const result = await use(esp)
    if (access === 'rw') await replaceFile(PUBLISHED, await esp.readEnvironment())
    return result
  } finally {
    await runTool('umount', [MOUNT_POINT])
  }
}

/**
 * The environment block as any user may read it.
 *
 * @throws UserError when nothing was published since the start
 */
export async function readPublishedEnvironment(): Promise<Uint8Array> {
  try {
    return await readFile(PUBLISHED)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    throw new UserError('only root can look at the boot slots before this boot is marked good', 'use sudo')
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
    readEnvironment: async () => (await readIfThere(path)) ?? new Uint8Array(),
    writeEnvironment: async block => {
      if ((await readIfThere(path))?.length === BLOCK_BYTES) await overwrite(path, block)
      else await replaceFile(path, block) // nothing that GRUB could read is lost if this is torn
    },
    holdsSystem: async slot => {
      const sizes = BOOT_FILES.map(async name => (await stat(join(folder, slot, name))).size)
      return await Promise.all(sizes).then(
        all => all.every(size => size > 0),
        () => false,
      )
    },
  }
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    return undefined
  }
}

/**
 * Writes the block over the old one, in the same sectors. GRUB writes its tries there too and can not follow a file
 * that moved; and on FAT a rename is no atomic step, a single sector is.
 */
async function overwrite(path: string, block: Uint8Array): Promise<void> {
  const file = await open(path, 'r+')
  try {
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
