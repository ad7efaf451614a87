/**
 * A boot sector that says a text on the serial line and halts: a machine that is up in a tenth of a second, for
 * tests of what is around the guest.
 *
 *     cli; ds = 0; si = text
 *     next: lodsb; al == 0 → hlt for ever; out 0x3f8, al; next
 */
export function talkingSector(text: string): Uint8Array {
  const code = Buffer.from('fa31c08ed8be177cfcac84c07406baf803eeebf5f4ebfd', 'hex')
  const sector = Buffer.alloc(512)
  code.copy(sector)
  if (Buffer.byteLength(text) > 510 - code.length - 1) throw new Error('the text does not fit into a sector')
  sector.write(text, code.length, 'latin1')
  sector.writeUInt16LE(0xaa55, 510)
  return sector
}
