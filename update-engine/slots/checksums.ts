import { crc32 } from 'node:zlib'

/**
 * `/a/checksums` and `/b/checksums` on the ESP: the CRC-32 of the slot's kernel, in the form that GRUB's `hashsum
 * --hash crc32 --check` reads. A kernel with damaged bytes stops the machine for ever while it unpacks itself, before
 * any watchdog runs; so GRUB looks first. Against accidents, not attackers. The initrd needs none: it carries a
 * checksum of its own, and the kernel that finds it wrong panics and restarts.
 */
export function encodeChecksums(kernel: Uint8Array): string {
  return `${crc32(kernel).toString(16).padStart(8, '0')}  vmlinuz\n`
}
