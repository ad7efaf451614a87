/**
 * A "kernel" of a few bytes that GRUB loads as it loads Linux: it prints its command line on the first serial port
 * and resets the machine, so that a boot that fails costs a fraction of a second. GRUB enters it as the image's
 * configuration asks with BIOS, in real mode with ds at the boot parameters.
 *
 *     mov eax, [0x228]; es:bx = eax     the command line, from the boot parameters
 *     next: mov cl, es:[bx]; test cl, cl; jz done
 *     wait until the port takes a byte (line status bit 5); out 0x3f8, cl; inc bx; jmp next
 *     done: out 0x3f8, '\n'; out 0x64, 0xfe (reset by the keyboard controller); hlt for ever
 */
const CODE =
  '66a1280289c383e30f66c1e8048ec0' + // the command line
  '268a0f84c97411bafd03eca82074fbbaf80388c8ee43ebe8' + // its bytes
  'baf803b00aeeb0fee664faf4ebfd' // done
/** Where the code begins: behind the parameters; the processor comes to 0x200, where the jump is. */
const CODE_AT = 0x280
const JUMP_AT = 0x200

/** The boot sector of old, and one of setup code: all that real mode runs. */
const SETUP_BYTES = 1024
const LOAD_ADDRESS = 0x100000

/** The file, in the form of the Linux boot protocol 2.12 (Documentation/arch/x86/boot.rst). */
export function talkingKernel(): Buffer {
  const file = Buffer.alloc(SETUP_BYTES + 4096)
  file[0x1f1] = SETUP_BYTES / 512 - 1
  file.writeUInt32LE((file.length - SETUP_BYTES) / 16, 0x1f4)
  file.writeUInt16LE(0xaa55, 0x1fe)
  file[JUMP_AT] = 0xeb // jmp short
  file[JUMP_AT + 1] = CODE_AT - JUMP_AT - 2
  file.write('HdrS', 0x202)
  file.writeUInt16LE(0x020c, 0x206)
  file[0x211] = 1 // the code is loaded high
  file.writeUInt32LE(LOAD_ADDRESS, 0x214)
  file.writeUInt32LE(0x7fffffff, 0x22c) // highest address of the initrd
  file.writeUInt32LE(0x1000, 0x230) // alignment
  file.writeUInt32LE(2047, 0x238) // longest command line
  file.writeBigUInt64LE(BigInt(LOAD_ADDRESS), 0x258)
  file.writeUInt32LE(0x10000, 0x260) // memory it needs
  file.write(CODE, CODE_AT, 'hex')
  return file
}
