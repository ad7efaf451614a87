import { open, rm, writeFile } from 'node:fs/promises'
import type { Tools } from '../../build/tools/tools.ts'

/** Of an ext4 superblock (kernel: Documentation/filesystems/ext4/super.rst). */
const SUPERBLOCK_OFFSET = 1024
const SUPERBLOCK_BYTES = 1024
const BLOCKS_PER_GROUP = 0x20
const INCOMPATIBLE = 0x60
const NEEDS_RECOVERY = 0x4
/** Kilobytes written: in the first sector, changed at every unmount, and covered by the checksum in the second. */
const KBYTES_WRITTEN = 0x178
const CHECKSUM = 1020
const BLOCK_BYTES = 4096
/** Some block that nothing uses. */
const SPARE_BLOCK = 20_000

/**
 * Leaves a file system as a power cut in the middle of an unmount may: changes wait in the journal, the superblock's
 * first sector is new and its second old, and its copy says that the journal is to be replayed, as it does after the
 * file system has grown. e2fsck 1.47 needs two rounds for it.
 */
export async function tearUnmount(tools: Tools, path: string): Promise<void> {
  const [commands, block] = [`${path}.debugfs`, `${path}.block`]
  await writeFile(block, Buffer.alloc(BLOCK_BYTES, 0x5a))
  await writeFile(commands, `journal_open\njournal_write -b ${SPARE_BLOCK} ${block}\njournal_close\n`)
  await tools.run('debugfs', ['-w', '-f', commands, path])
  await Promise.all([rm(commands), rm(block)])

  const file = await open(path, 'r+')
  try {
    const bytes = Buffer.alloc(SUPERBLOCK_BYTES)
    await file.read(bytes, 0, SUPERBLOCK_BYTES, SUPERBLOCK_OFFSET)
    const backup = bytes.readUInt32LE(BLOCKS_PER_GROUP) * BLOCK_BYTES
    bytes[KBYTES_WRITTEN] = bytes[KBYTES_WRITTEN]! ^ 0xff
    await file.write(bytes, 0, SUPERBLOCK_BYTES, SUPERBLOCK_OFFSET)

    await file.read(bytes, 0, SUPERBLOCK_BYTES, backup)
    bytes.writeUInt32LE(bytes.readUInt32LE(INCOMPATIBLE) | NEEDS_RECOVERY, INCOMPATIBLE)
    bytes.writeUInt32LE(crc32c(bytes.subarray(0, CHECKSUM)), CHECKSUM)
    await file.write(bytes, 0, SUPERBLOCK_BYTES, backup)
  } finally {
    await file.close()
  }
}

/** As ext4 has it: begins with all ones, and is not inverted at the end. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
  }
  return crc >>> 0
}
