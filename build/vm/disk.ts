import { spawn } from 'node:child_process'
import { constants, existsSync } from 'node:fs'
import { copyFile, link, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, UserError } from '#lib/errors.ts'
import { comma, type QemuPlan } from './arguments.ts'
import { DISK_BYTES, type DiskOptions } from './plan.ts'
import type { Programs } from './programs.ts'

const OVERLAY = 'disk.qcow2'
/** The image under the overlay, by a name that no later build replaces. */
const BASE = 'base'

/** Makes the machine's disk ready and says what QEMU is to open; paths are relative to the folder. */
export async function prepareDisk(
  folder: string,
  disk: DiskOptions,
  programs: Programs,
): Promise<QemuPlan['disk']> {
  if ('blockdevs' in disk) return disk
  if ('file' in disk) return disk
  if (!existsSync(join(folder, OVERLAY))) {
    await keepImage(disk.base, join(folder, BASE))
    await makeOverlay(folder, disk, programs)
  }
  return { file: OVERLAY, format: 'qcow2' }
}

/** Whether the machine's disk was begun from this image, as it is now. */
export async function beganFrom(folder: string, image: string): Promise<boolean> {
  const [kept, now] = await Promise.all([stat(join(folder, BASE)), stat(image)])
  return kept.size === now.size && Math.abs(kept.mtimeMs - now.mtimeMs) < 1000
}

/** Whether the machine has a disk from an earlier start. */
export function hasDisk(folder: string): boolean {
  return existsSync(join(folder, OVERLAY))
}

/** A build replaces an image by another file; a link keeps the one that the overlay's blocks belong to. */
async function keepImage(image: string, path: string): Promise<void> {
  await rm(path, { force: true })
  try {
    await link(image, path)
  } catch (error) {
    const code = errorCode(error)
    if (code === 'ENOENT')
      throw new UserError(`${image}: no such image`, 'build one with `npm run build`', { cause: error })
    if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'EMLINK') throw error
    await copyFile(image, path, constants.COPYFILE_FICLONE)
    const { atime, mtime } = await stat(image)
    await utimes(path, atime, mtime)
  }
}

async function makeOverlay(
  folder: string,
  disk: { base: string; format: string; sizeBytes?: number },
  programs: Programs,
): Promise<void> {
  const info = await qemuImg(folder, ['info', '--output=json', BASE], programs)
  const value: unknown = JSON.parse(info)
  const virtual =
    typeof value === 'object' && value !== null && 'virtual-size' in value ? value['virtual-size'] : undefined
  if (typeof virtual !== 'number') throw new Error(`qemu-img info ${disk.base}: no size in ${info}`)
  const size = Math.max(disk.sizeBytes ?? DISK_BYTES, virtual)
  const words = ['create', '-q', '-f', 'qcow2', '-F', disk.format, '-b', BASE]
  await qemuImg(folder, [...words, `${OVERLAY}.new`, String(size)], programs)
  await rename(join(folder, `${OVERLAY}.new`), join(folder, OVERLAY))
}

/** Runs `qemu-img` in the machine's folder and gives its stdout. */
export async function qemuImg(folder: string, words: string[], programs: Programs): Promise<string> {
  const { file, args, env } = programs.command('qemu-img', words)
  const child = spawn(file, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', chunk => {
    stdout += chunk
  })
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  if (code === 0) return stdout
  throw new UserError(`qemu-img ${words.join(' ')} failed in ${folder}: ${stderr.trim()}`)
}

/** A `-blockdev` value for a raw file, for graphs of one's own. */
export function rawBlockdev(node: string, path: string): string {
  return `driver=raw,node-name=${node},file.driver=file,file.filename=${comma(path)}`
}
