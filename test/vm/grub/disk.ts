import { open } from 'node:fs/promises'
import { makeGrub, placeBiosGrub } from '../../../build/bootloader/grub.ts'
import { BOOT_CODE_BYTES, encodeGpt, SECTOR } from '../../../build/disk/gpt.ts'
import { type Layout, planLayout } from '../../../build/disk/layout.ts'
import { makeFat, readFatFile } from '../../../build/fs/fat.ts'
import { writeFully } from '../../../build/fs/sparse.ts'
import type { Tools } from '../../../build/tools/tools.ts'

const MIB = 1 << 20

/** A disk with Orlop's boot loader and ESP, and nothing in the other partitions. */
export interface BootDisk {
  path: string
  /** Reads a file of the ESP. */
  read(path: string): Promise<Buffer>
}

/** Makes one at `path`; `files` is what the ESP holds beside the boot loader. */
export async function makeBootDisk(
  tools: Tools,
  path: string,
  files: Record<string, string | Uint8Array>,
): Promise<BootDisk> {
  const layout = planLayout({ esp: 96 * MIB, slot: MIB, oem: MIB, state: MIB }, path)
  await writeTables(tools, path, layout)
  const { offset, size } = layout.parts.ESP
  await makeFat(tools, {
    image: path,
    offset,
    size,
    label: 'ESP',
    serial: '00000001',
    time: 1_700_000_000,
    files: new Map(
      Object.entries(files).map(([name, content]) => [name, { kind: 'bytes', bytes: Buffer.from(content) }]),
    ),
  })
  return { path, read: name => readFatFile(tools, path, offset, name) }
}

async function writeTables(tools: Tools, path: string, layout: Layout): Promise<void> {
  const table = encodeGpt(layout.gpt)
  const bios = layout.parts.BIOS
  const { bootCode, core } = placeBiosGrub(await makeGrub(tools), bios.offset / SECTOR, bios.size / SECTOR)
  const file = await open(path, 'w')
  try {
    await file.truncate(layout.size)
    await writeFully(file, bootCode, 0)
    await writeFully(file, table.mbrTail, BOOT_CODE_BYTES)
    await writeFully(file, table.primary, SECTOR)
    await writeFully(file, core, bios.offset)
    await writeFully(file, table.backup, layout.size - table.backup.length)
  } finally {
    await file.close()
  }
}
