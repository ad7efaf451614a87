import { UserError } from '#lib/errors.ts'
import type { ToolRunner } from '../fs/runner.ts'
import { verifyRange } from '../fs/verity.ts'
import { type DiskInfo, describeDisk } from './inspect.ts'
import { LABELS } from './layout.ts'
import { type OpenDisk, withDisk } from './read.ts'

/** One thing that was looked at. */
export interface Check {
  name: string
  /** What is wrong; undefined when nothing is. */
  problem: string | undefined
}

/** Looks at everything that can be checked offline: both partition tables, every block of every filled slot, the files on the ESP, the ext4 file systems. */
export async function verifyDisk(path: string, tools: ToolRunner): Promise<Check[]> {
  return await withDisk(path, tools, async disk => {
    const checks: Check[] = []
    const info = await describeDisk(disk, tools)
    checks.push({
      name: 'partition tables and boot files',
      problem: info.warnings.length > 0 ? info.warnings.join('; ') : undefined,
    })
    const missing = LABELS.filter(label => !disk.gpt.partitions.some(partition => partition.name === label))
    checks.push({
      name: 'partitions',
      problem: missing.length > 0 ? `missing: ${missing.join(', ')}` : undefined,
    })
    for (const slot of ['a', 'b'] as const) {
      if (info.slots[slot]) checks.push(...(await verifySlot(disk, tools, info, slot)))
    }
    if (!info.slots.a && !info.slots.b) checks.push({ name: 'slots', problem: 'neither slot holds a system' })
    for (const label of ['OEM', 'STATE']) {
      if (missing.some(name => name === label)) continue
      const { offset } = disk.partition(label)
      const problem = await complaintOf(() =>
        tools.run('e2fsck', ['-n', '-f', `${disk.raw}?offset=${offset}`]),
      )
      checks.push({ name: `file system ${label}`, problem })
    }
    return checks
  })
}

async function verifySlot(
  disk: OpenDisk,
  tools: ToolRunner,
  info: DiskInfo,
  slot: 'a' | 'b',
): Promise<Check[]> {
  const content = info.slots[slot]!
  const { offset, size } = disk.partition(`ROOT-${slot.toUpperCase()}`)
  if (content.used > size)
    return [{ name: `slot ${slot}`, problem: `its root of ${content.used} bytes does not fit the partition` }]
  const problem = await verifyRange(disk.file, offset, content.verity)
  const checks: Check[] = [{ name: `slot ${slot}: every block against the root hash`, problem }]
  if (problem === undefined) {
    const fsck = await complaintOf(() => tools.run('fsck.erofs', [`--offset=${offset}`, disk.raw]))
    checks.push({ name: `slot ${slot}: file system`, problem: fsck })
  }
  return checks
}

async function complaintOf(run: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await run()
    return undefined
  } catch (error) {
    if (error instanceof UserError) return error.message
    throw error
  }
}
