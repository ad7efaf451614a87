import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '#lib/errors.ts'
import { BOOT_CODE_BYTES, SECTOR } from '../disk/gpt.ts'
import type { ToolRunner } from '../fs/runner.ts'

/**
 * Commands of `image/boot/grub.cfg` and what a person needs at GRUB's prompt. They are linked in: nothing is loaded
 * from disk but grub.cfg, so a damaged ESP cannot leave half a boot loader.
 */
const MODULES = [
  'part_gpt',
  'fat',
  'normal',
  'configfile',
  'linux',
  'loadenv',
  'test',
  'true',
  'echo',
  'sleep',
  'reboot',
  'halt',
  'serial',
  'terminal',
  'keystatus',
  'hashsum',
  'file',
  'gcry_crc',
  'ls',
  'cat',
  'search',
  'search_label',
  'search_fs_file',
  'probe',
  'minicmd',
  'boot',
]
const BIOS_MODULES = ['biosdisk', 'linux16']
const EFI_MODULES = ['efi_gop', 'efi_uga', 'all_video']

/** Where grub.cfg is for BIOS: on the second partition of the disk whose boot sector was started. */
const BIOS_PREFIX = '(,gpt2)/grub'
/** For EFI: on the partition that the program was loaded from. */
const EFI_PREFIX = '/grub'

/** The boot loader for both kinds of firmware. */
export interface Grub {
  /** Boot code for sector 0, at most 440 bytes of it are used. */
  boot: Buffer
  /** For the BIOS boot partition; made for a given first sector by `placeBiosGrub`. */
  core: Buffer
  /** For /EFI/BOOT/BOOTX64.EFI. */
  efi: Buffer
}

/** Links GRUB's images from the modules in the tools tree. */
export async function makeGrub(tools: ToolRunner): Promise<Grub> {
  const work = await mkdtemp(join(tmpdir(), 'orlop-grub-'))
  try {
    const link = async (platform: string, prefix: string, modules: string[]): Promise<Buffer> => {
      const output = join(work, platform)
      const folder = tools.path(`usr/lib/grub/${platform}`)
      await tools.run('grub-mkimage', ['-d', folder, '-O', platform, '-p', prefix, '-o', output, ...modules])
      return await readFile(output)
    }
    return {
      boot: await readFile(tools.path('usr/lib/grub/i386-pc/boot.img')),
      core: await link('i386-pc', BIOS_PREFIX, [...BIOS_MODULES, ...MODULES]),
      efi: await link('x86_64-efi', EFI_PREFIX, [...EFI_MODULES, ...MODULES]),
    }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Offsets in boot.img: sector of the core image, and the jump that would ask the BIOS for another drive. */
const BOOT_CORE_LBA = 0x5c
const BOOT_DRIVE_CHECK = 0x66
/** Offset in the core's first sector of its list of blocks: where the rest of the core is, and where it is loaded. */
const CORE_BLOCKLIST = 0x1f4
const CORE_LOAD_SEGMENT = 0x820
/** The list has one entry, which counts sectors in 16 bits; the BIOS loads below 640 KiB anyway. */
const CORE_SECTORS_MAX = 1024

/**
 * What grub-bios-setup would do, without a block device: boot code for sector 0 that loads the core, and the core
 * that loads the rest of itself. Source: GRUB 2, grub-core/boot/i386/pc/{boot,diskboot}.S and util/setup.c.
 * @param lba first sector of the BIOS boot partition
 * @param sectors its length
 */
export function placeBiosGrub(
  grub: Pick<Grub, 'boot' | 'core'>,
  lba: number,
  sectors: number,
): { bootCode: Buffer; core: Buffer } {
  const bootCode = Buffer.from(grub.boot.subarray(0, BOOT_CODE_BYTES))
  bootCode.writeBigUInt64LE(BigInt(lba), BOOT_CORE_LBA)
  bootCode.fill(0x90, BOOT_DRIVE_CHECK, BOOT_DRIVE_CHECK + 2) // keep the drive that the BIOS gave
  const used = Math.ceil(grub.core.length / SECTOR)
  if (used > Math.min(sectors, CORE_SECTORS_MAX)) {
    throw new UserError(
      `GRUB's core image needs ${used} sectors, the BIOS boot partition takes ${Math.min(sectors, CORE_SECTORS_MAX)}`,
    )
  }
  const core = Buffer.alloc(used * SECTOR)
  grub.core.copy(core)
  core.writeBigUInt64LE(BigInt(lba + 1), CORE_BLOCKLIST)
  core.writeUInt16LE(used - 1, CORE_BLOCKLIST + 8)
  core.writeUInt16LE(CORE_LOAD_SEGMENT, CORE_BLOCKLIST + 10)
  return { bootCode, core }
}
