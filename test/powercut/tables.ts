import {
  decodeBackup,
  decodePrimary,
  type Gpt,
  type GptCopy,
  SECTOR,
  SECTORS_BEHIND,
} from '../../build/disk/gpt.ts'
import { extent } from '../../build/disk/read.ts'
import type { Stretch } from './replay.ts'

/** Partitions that may never move or change their size; STATE may grow. */
const FIXED = ['BIOS', 'ESP', 'ROOT-A', 'ROOT-B', 'OEM'] as const

/** The partition table that firmware, GRUB and kernel will go by, or why there is none. */
export type Tables = { ok: true; gpt: Gpt; used: 'primary' | 'backup' } | { ok: false; problem: string }

/**
 * Reads the tables of a disk as its readers do: the first copy, else the one in the last sectors (the kernel is
 * told `gpt`, so it looks there as well).
 *
 * @param read gives bytes of the disk
 */
export async function readTables(
  read: (offset: number, length: number) => Promise<Buffer>,
  size: number,
): Promise<Tables> {
  const sectors = size / SECTOR
  const bytes = SECTORS_BEHIND * SECTOR
  const primary = decodePrimary(await read(SECTOR, bytes), sectors)
  if (primary.ok) return { ok: true, gpt: primary.gpt, used: 'primary' }
  const backup: GptCopy = decodeBackup(await read(size - bytes, bytes), sectors)
  if (backup.ok) return { ok: true, gpt: backup.gpt, used: 'backup' }
  return { ok: false, problem: `no partition table: ${primary.problem}; at the end: ${backup.problem}` }
}

/** What is wrong with a table, against the one of the image. */
export function tableProblems(found: Gpt, image: Gpt): string[] {
  const problems: string[] = []
  const names = (gpt: Gpt) => gpt.partitions.map(partition => partition.name).join(' ')
  if (names(found) !== names(image)) return [`partitions ${names(found)} instead of ${names(image)}`]
  for (const partition of image.partitions) {
    const now = found.partitions.find(({ name }) => name === partition.name)!
    if (now.type !== partition.type) problems.push(`${partition.name} changed its type`)
    if (now.firstLba !== partition.firstLba) problems.push(`${partition.name} moved`)
    const shrunk = now.lastLba < partition.lastLba
    const grown = now.lastLba > partition.lastLba && FIXED.some(name => name === partition.name)
    if (shrunk || grown) problems.push(`${partition.name} now ends at sector ${now.lastLba}`)
  }
  return problems
}

/** The partition of that label in bytes. */
export function partitionOf(gpt: Gpt, label: string): Stretch {
  const found = gpt.partitions.find(({ name }) => name === label)
  if (found === undefined) throw new Error(`the image has no partition ${label}`)
  return extent(found)
}

const EXT4_SUPERBLOCK = 1024
/** Bytes of the superblock that are read. */
export const EXT4_HEAD_BYTES = EXT4_SUPERBLOCK + 1024
const EXT4_MAGIC = 0xef53

/** Size in bytes of the ext4 file system that begins with these bytes; undefined when there is none. */
export function ext4Size(head: Uint8Array): number | undefined {
  const view = new DataView(head.buffer, head.byteOffset + EXT4_SUPERBLOCK, 1024)
  if (view.getUint16(0x38, true) !== EXT4_MAGIC) return undefined
  const blocks = view.getUint32(0x4, true) + view.getUint32(0x150, true) * 2 ** 32
  return blocks * 2 ** (10 + view.getUint32(0x18, true))
}
