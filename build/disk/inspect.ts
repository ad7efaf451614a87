import { UserError } from '#lib/errors.ts'
import { decodeState } from '../../update-engine/slots/grubenv.ts'
import type { SlotName, SlotState } from '../../update-engine/slots/state.ts'
import { readFatFile } from '../fs/fat.ts'
import type { ToolRunner } from '../fs/runner.ts'
import { treeBytes, VERITY_BLOCK, type VerityParameters } from '../fs/verity.ts'
import { extent, type OpenDisk, withDisk } from './read.ts'
import { decodeSlotConfig } from './slotcfg.ts'

/** What a disk says of itself; nothing of it is verified. */
export interface DiskInfo {
  /** Bytes. */
  size: number
  diskUuid: string
  warnings: string[]
  partitions: { label: string; type: string; uuid: string; offset: number; size: number }[]
  /** Undefined when the environment block cannot be read; `warnings` says why. */
  state: SlotState | undefined
  slots: Record<SlotName, SlotInfo | undefined>
}

/** What a filled slot holds. */
export interface SlotInfo {
  version: string
  verity: VerityParameters
  /** Bytes of the root with its hash tree, and of the partition they stand in. */
  used: number
  available: number
  /** Kernel parameters beside those of the slot. */
  words: string[]
  vmlinuzSize: number
  initrdSize: number
}

/** Describes an image of any format. */
export async function inspectDisk(path: string, tools: ToolRunner): Promise<DiskInfo> {
  return await withDisk(path, tools, disk => describeDisk(disk, tools))
}

/** Describes an open disk. */
export async function describeDisk(disk: OpenDisk, tools: ToolRunner): Promise<DiskInfo> {
  const warnings = [...disk.warnings]
  const esp = disk.partition('ESP').offset
  let state: SlotState | undefined
  try {
    state = decodeState(await readFatFile(tools, disk.raw, esp, 'grub/grubenv'))
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    warnings.push(`grub/grubenv: ${error.message}`)
  }
  const slots: DiskInfo['slots'] = { a: undefined, b: undefined }
  for (const slot of ['a', 'b'] as const) {
    try {
      slots[slot] = await describeSlot(disk, tools, slot)
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      const expected = state === undefined || state[slot].tries > 0 || state[slot].good
      if (expected) warnings.push(`slot ${slot}: ${error.message}`)
    }
  }
  const partitions = disk.gpt.partitions.map(part => ({
    label: part.name,
    type: part.type,
    uuid: part.uuid,
    ...extent(part),
  }))
  return { size: disk.gpt.sectors * 512, diskUuid: disk.gpt.diskUuid, warnings, partitions, state, slots }
}

async function describeSlot(disk: OpenDisk, tools: ToolRunner, slot: SlotName): Promise<SlotInfo> {
  const esp = disk.partition('ESP').offset
  const read = (name: string) => readFatFile(tools, disk.raw, esp, `${slot}/${name}`)
  const config = decodeSlotConfig((await read('slot.cfg')).toString('utf8'), `${slot}/slot.cfg`)
  if (config.slot !== slot) throw new UserError(`${slot}/slot.cfg speaks of slot ${config.slot}`)
  return {
    version: config.version,
    verity: config.verity,
    used: config.verity.dataBlocks * VERITY_BLOCK + treeBytes(config.verity.dataBlocks),
    available: disk.partition(`ROOT-${slot.toUpperCase()}`).size,
    words: config.words,
    vmlinuzSize: (await read('vmlinuz')).length,
    initrdSize: (await read('initrd')).length,
  }
}
