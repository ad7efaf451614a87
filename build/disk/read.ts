import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { UserError } from '#lib/errors.ts'
import { detectFormat, toRaw } from '../formats/formats.ts'
import type { ToolRunner } from '../fs/runner.ts'
import { readExactly } from '../fs/sparse.ts'
import {
  decodeBackup,
  decodePrimary,
  type Gpt,
  type GptPartition,
  reconcileGpt,
  SECTOR,
  SECTORS_BEHIND,
} from './gpt.ts'

/** A disk image opened for reading: a raw file, made from another format when the image had one. */
export interface OpenDisk {
  /** Path of the raw file, for tools. */
  raw: string
  file: FileHandle
  gpt: Gpt
  /** What is wrong without making the table unreadable. */
  warnings: string[]
  /** The partition of that label. @throws UserError when there is none */
  partition(label: string): { offset: number; size: number }
}

/** Opens an image of any known format for the time of `use`. */
export async function withDisk<T>(
  path: string,
  tools: ToolRunner,
  use: (disk: OpenDisk) => Promise<T>,
): Promise<T> {
  const format = await detectFormat(path)
  if (format === 'raw') return await withRaw(path, path, use)
  const work = await mkdtemp(join(dirname(path), '.orlop-read-'))
  try {
    const raw = join(work, 'raw')
    await toRaw(path, format, raw, tools)
    return await withRaw(raw, path, use)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function withRaw<T>(raw: string, name: string, use: (disk: OpenDisk) => Promise<T>): Promise<T> {
  const file = await open(raw, 'r')
  try {
    const { gpt, warnings } = await readTables(file, name)
    const partition = (label: string) => {
      const found = gpt.partitions.find(candidate => candidate.name === label)
      if (found === undefined) throw new UserError(`${name}: no partition ${label}: not a disk of ours`)
      return extent(found)
    }
    return await use({ raw, file, gpt, warnings, partition })
  } finally {
    await file.close()
  }
}

async function readTables(file: FileHandle, name: string): Promise<{ gpt: Gpt; warnings: string[] }> {
  const { size } = await file.stat()
  const sectors = Math.floor(size / SECTOR)
  if (sectors < 2 * (1 + SECTORS_BEHIND)) throw new UserError(`${name}: too small for a disk, ${size} bytes`)
  const primary = decodePrimary(await readExactly(file, SECTOR, SECTORS_BEHIND * SECTOR), sectors)
  const behind = SECTORS_BEHIND * SECTOR
  const backup = decodeBackup(await readExactly(file, sectors * SECTOR - behind, behind), sectors)
  return reconcileGpt(primary, backup, name)
}

/** Offset and length in bytes. */
export function extent(partition: GptPartition): { offset: number; size: number } {
  return { offset: partition.firstLba * SECTOR, size: (partition.lastLba - partition.firstLba + 1) * SECTOR }
}
