/**
 * A boot sector that reaches 64-bit mode and says so by I/O port 0xf4 (QEMU's isa-debug-exit), for finding out
 * whether an accelerator really runs guests. Some hosts let /dev/kvm be opened and then fail at the first model
 * specific register, page table or CPUID: so the sector uses each of these.
 *
 *     cli; ds = es = ss = 0
 *     zero 0x1000..0x4000; 0x1000: PML4 → 0x2000: PDPT → 0x3000: one 2 MiB page, identity mapped
 *     cr4 = PAE | PGE; cr3 = 0x1000; EFER.LME by rdmsr and wrmsr; cr0 |= PG | PE; jump to the 64-bit segment
 *     1000 times cpuid; rdtsc
 *     out 0xf4, 0x10: QEMU exits with (0x10 << 1) | 1
 *     hlt for ever
 */
const CODE =
  'fa31c08ed88ec08ed0fcbf0010b90018f3abc70600100320c70600200330c7060030830066b8a00000000f22e0' +
  '66b8001000000f22d866b9800000c00f32660d000100000f300f0116857c0f20c0660d010000800f22c0ea5c7c0800' +
  'bee803000031c00fa2ffce75f80f31b01066baf400eef4ebfd' +
  // GDT: null, 64-bit code; then its descriptor.
  '000000000000000000000000009a20000f00757c0000'

/** Exit status of QEMU when the sector has run to its end. */
export const PROBE_EXIT_STATUS = (0x10 << 1) | 1

/** The 512 bytes of the disk to boot from. */
export function probeSector(): Uint8Array {
  const sector = Buffer.alloc(512)
  sector.write(CODE, 'hex')
  sector.writeUInt16LE(0xaa55, 510)
  return sector
}
