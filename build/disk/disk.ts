import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import type { Progress } from '#lib/progress.ts'
import { encodeChecksums } from '../../update-engine/slots/checksums.ts'
import { encodeState } from '../../update-engine/slots/grubenv.ts'
import { initialState } from '../../update-engine/slots/state.ts'
import { type Grub, makeGrub, placeBiosGrub } from '../bootloader/grub.ts'
import type { RootImage } from '../fs/erofs.ts'
import { makeExt4 } from '../fs/ext4.ts'
import { makeFat } from '../fs/fat.ts'
import { writeOutput } from '../fs/output.ts'
import type { ToolRunner } from '../fs/runner.ts'
import { copySparse, writeFully } from '../fs/sparse.ts'
import { hashOf, readContent, sizeOf } from '../rootfs/content.ts'
import type { Content } from '../rootfs/entry.ts'
import type { Recipe } from '../rootfs/recipe.ts'
import { BOOT_CODE_BYTES, encodeGpt, SECTOR } from './gpt.ts'
import { checkEspSize, checkSlotSize, type Layout, planLayout } from './layout.ts'
import { encodeSlotConfig } from './slotcfg.ts'
import { derivedUuid } from './uuid.ts'

/** What one slot holds. */
export interface SlotContent {
  version: string
  root: RootImage
  vmlinuz: Content
  initrd: Content
}

/** Everything that decides the bytes of a disk, beside the tools. */
export interface DiskRequest {
  /** Where the raw image goes. */
  out: string
  sizes: Recipe['sizes']
  /** An empty slot b is what is shipped; tests fill both. */
  slots: { a: SlotContent; b?: SlotContent }
  /** `image/boot/grub.cfg`. */
  grubConfig: Content
  /** Kernel parameters beside those of the slots, see kernel-config/cmdline.json. */
  words: string[]
  /** Of all files and file systems, seconds since the epoch. */
  time: number
}

/** What writing a disk may use. */
export interface DiskContext {
  tools: ToolRunner
  progress: Progress
  signal?: AbortSignal | undefined
}

/** MiB of journal; STATE's is for the large file system that it grows into. */
const JOURNAL = { oem: 4, state: 32 }

/**
 * Writes the raw, sparse image of a whole disk. Same request and tools, same bytes.
 *
 * @throws UserError when a slot or the ESP is too small for what shall grow in it
 */
export async function composeDisk(request: DiskRequest, context: DiskContext): Promise<Layout> {
  const slots = [request.slots.a, ...(request.slots.b ? [request.slots.b] : [])]
  for (const slot of slots) {
    checkSlotSize(request.sizes.slot, slot.root.size)
    checkEspSize(request.sizes.esp, sizeOf(slot.vmlinuz) + sizeOf(slot.initrd))
  }
  const seed = seedOf(request)
  const layout = planLayout(request.sizes, seed)
  const grub = await makeGrub(context.tools)
  const task = context.progress.begin('Composing the disk')
  await writeOutput(request.out, async partial => {
    const file = await open(partial, 'w')
    try {
      await file.truncate(layout.size)
      await writeTables(file, layout, grub)
      await copySparse(request.slots.a.root.path, file, layout.parts['ROOT-A'].offset)
      context.signal?.throwIfAborted()
      if (request.slots.b) await copySparse(request.slots.b.root.path, file, layout.parts['ROOT-B'].offset)
    } finally {
      await file.close()
    }
    context.signal?.throwIfAborted()
    await makeFileSystems(partial, { request, layout, grub, seed }, context)
    context.signal?.throwIfAborted()
  })
  task.end(`${Math.round(layout.size / (1 << 20))} MiB`)
  return layout
}

/** The identities on the disk follow from all that is in it, so two different images never carry the same ones. */
function seedOf(request: DiskRequest): string {
  const describe = (slot: SlotContent | undefined) =>
    slot && [slot.version, slot.root.sha256, hashOf(slot.vmlinuz), hashOf(slot.initrd)]
  const { a, b } = request.slots
  const content = [
    describe(a),
    describe(b),
    request.sizes,
    hashOf(request.grubConfig),
    request.words,
    request.time,
  ]
  return createHash('sha256').update(JSON.stringify(content)).digest('hex')
}

async function writeTables(file: FileHandle, layout: Layout, grub: Grub): Promise<void> {
  const table = encodeGpt(layout.gpt)
  const bios = layout.parts.BIOS
  const { bootCode, core } = placeBiosGrub(grub, bios.offset / SECTOR, bios.size / SECTOR)
  await writeFully(file, bootCode, 0)
  await writeFully(file, table.mbrTail, BOOT_CODE_BYTES)
  await writeFully(file, table.primary, SECTOR)
  await writeFully(file, core, bios.offset)
  await writeFully(file, table.backup, layout.size - table.backup.length)
}

async function makeFileSystems(
  image: string,
  disk: { request: DiskRequest; layout: Layout; grub: Grub; seed: string },
  context: DiskContext,
): Promise<void> {
  const { request, layout, seed } = disk
  const { time } = request
  await makeFat(context.tools, {
    image,
    ...layout.parts.ESP,
    label: 'ESP',
    serial: derivedUuid(seed, 'esp').slice(0, 8),
    time,
    files: espFiles(request, disk.grub),
  })
  for (const label of ['OEM', 'STATE'] as const) {
    context.signal?.throwIfAborted()
    await makeExt4(context.tools, {
      image,
      ...layout.parts[label],
      label,
      uuid: derivedUuid(seed, `ext4 ${label}`),
      hashSeed: derivedUuid(seed, `hash seed ${label}`),
      time,
      journal: label === 'OEM' ? JOURNAL.oem : JOURNAL.state,
    })
  }
}

/** The ESP's files in the order in which they are written: the small ones that change or decide come first. */
function espFiles(request: DiskRequest, grub: Grub): Map<string, Content> {
  const bytes = (data: Uint8Array | string): Content => ({ kind: 'bytes', bytes: Buffer.from(data) })
  const { a, b } = request.slots
  const files = new Map<string, Content>([
    ['grub/grubenv', bytes(encodeState(initialState({ b: b !== undefined })))],
    ['grub/grub.cfg', request.grubConfig],
    ['EFI/BOOT/BOOTX64.EFI', bytes(grub.efi)],
  ])
  for (const [slot, content] of [
    ['a', a],
    ['b', b],
  ] as const) {
    if (content === undefined) continue
    const { version, root } = content
    files.set(
      `${slot}/slot.cfg`,
      bytes(encodeSlotConfig({ slot, version, verity: root.verity, words: request.words })),
    )
    files.set(`${slot}/checksums`, bytes(encodeChecksums(readContent(content.vmlinuz))))
    files.set(`${slot}/vmlinuz`, content.vmlinuz)
    files.set(`${slot}/initrd`, content.initrd)
  }
  return files
}
