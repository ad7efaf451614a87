import { open } from 'node:fs/promises'
import { readExactly, writeFully } from '../fs/sparse.ts'

/** Offsets of numbers in the header of a sparse extent (VMware: Virtual Disk Format 5.0). */
const DESCRIPTOR_SECTOR = 28
const DESCRIPTOR_SECTORS = 36
const SECTOR = 512

/**
 * Replaces what qemu-img draws at random or takes from its own circumstances: the content ID and the name of the
 * file itself. Pure.
 * @param text the descriptor, padded with NULs to its full length
 * @param id eight hex digits
 */
export function settleDescriptor(text: string, settled: { id: string; name: string }): string {
  const body = text.replace(/\0+$/, '')
  const lines = body.split('\n').map(line => {
    if (line.startsWith('CID=')) return `CID=${settled.id}`
    return line.replace(/^(RW \d+ SPARSE) ".*"$/, `$1 "${settled.name}"`)
  })
  const result = lines.join('\n')
  if (!/^CID=/m.test(result) || result.length > text.length) throw new Error('unexpected VMDK descriptor')
  return result.padEnd(text.length, '\0')
}

/** Settles the descriptor inside a streamOptimized VMDK that qemu-img wrote. */
export async function settleVmdk(path: string, settled: { id: string; name: string }): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const header = await readExactly(file, 0, SECTOR)
    const offset = Number(header.readBigUInt64LE(DESCRIPTOR_SECTOR)) * SECTOR
    const length = Number(header.readBigUInt64LE(DESCRIPTOR_SECTORS)) * SECTOR
    const text = (await readExactly(file, offset, length)).toString('latin1')
    await writeFully(file, Buffer.from(settleDescriptor(text, settled), 'latin1'), offset)
  } finally {
    await file.close()
  }
}
