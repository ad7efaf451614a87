import { UserError } from '#lib/errors.ts'
import type { Recipe } from '../rootfs/recipe.ts'
import { type Gpt, type GptPartition, SECTOR } from './gpt.ts'
import { derivedUuid } from './uuid.ts'

/** Labels of the partitions, in their order on the disk. */
export const LABELS = ['BIOS', 'ESP', 'ROOT-A', 'ROOT-B', 'OEM', 'STATE'] as const
export type Label = (typeof LABELS)[number]

/** What a partition is, by label. ROOT: the type of x86-64 roots in the Discoverable Partitions Specification. */
export const TYPES: Record<Label, string> = {
  BIOS: '21686148-6449-6E6F-744E-656564454649',
  ESP: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B',
  'ROOT-A': '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709',
  'ROOT-B': '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709',
  OEM: '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
  STATE: '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
}

const MIB = 1 << 20
/** Every partition starts and ends at this, for disks with large sectors or erase blocks. */
const ALIGNMENT = MIB
const BIOS_SIZE = MIB
/** Room for the backup table behind the last partition. */
const TAIL = MIB

/** Where everything is. Pure consequence of the sizes and the seed. */
export interface Layout {
  gpt: Gpt
  /** Bytes of the whole disk. */
  size: number
  /** Offset and length in bytes of each partition. */
  parts: Record<Label, { offset: number; size: number }>
}

/**
 * Lays the disk out.
 * @param seed what the identities of disk and partitions follow from: the content of the image
 */
export function planLayout(sizes: Recipe['sizes'], seed: string): Layout {
  const bytes: Record<Label, number> = {
    BIOS: BIOS_SIZE,
    ESP: sizes.esp,
    'ROOT-A': sizes.slot,
    'ROOT-B': sizes.slot,
    OEM: sizes.oem,
    STATE: sizes.state,
  }
  const partitions: GptPartition[] = []
  const parts = {} as Layout['parts']
  let offset = ALIGNMENT
  for (const label of LABELS) {
    const size = bytes[label]
    if (size <= 0 || size % ALIGNMENT !== 0)
      throw new UserError(`partition ${label}: ${size} bytes are not whole MiB`)
    parts[label] = { offset, size }
    partitions.push({
      type: TYPES[label],
      uuid: derivedUuid(seed, `partition ${label}`),
      name: label,
      firstLba: offset / SECTOR,
      lastLba: (offset + size) / SECTOR - 1,
      attributes: 0n,
    })
    offset += size
  }
  const size = offset + TAIL
  return { gpt: { diskUuid: derivedUuid(seed, 'disk'), sectors: size / SECTOR, partitions }, size, parts }
}

/** How many times what is in it now a slot must hold: it can never grow on installed machines, and releases do. */
export const GROWTH_FACTOR = 2

/** Refuses a slot that leaves no room for the releases of years to come. */
export function checkSlotSize(slotSize: number, contentSize: number): void {
  checkRoom('the root file system with its hash tree', 'slot', slotSize, contentSize)
}

/** Refuses an ESP that could not hold both slots' kernels and initrds at twice their size. */
export function checkEspSize(espSize: number, bootFilesOfOneSlot: number): void {
  checkRoom('two kernels with their initrds', 'esp', espSize, 2 * bootFilesOfOneSlot)
}

function checkRoom(what: string, key: string, available: number, content: number): void {
  const needed = Math.ceil((content * GROWTH_FACTOR) / MIB)
  if (needed * MIB <= available) return
  throw new UserError(
    `${what} takes ${Math.ceil(content / MIB)} MiB; a ${key} must have ${GROWTH_FACTOR} times that, ${needed} MiB, but has ${available / MIB} MiB`,
    `raise "sizes.${key}" in image/recipe.json to at least "${needed} MiB"`,
  )
}
