import { UserError } from '#lib/errors.ts'
import type { VerityParameters } from '../fs/verity.ts'

/** What stands in a slot, as `/a/slot.cfg` and `/b/slot.cfg` on the ESP tell GRUB and whoever inspects the disk. */
export interface SlotConfig {
  slot: 'a' | 'b'
  version: string
  verity: VerityParameters
  /** Kernel parameters beside those of the slot. */
  words: string[]
}

/** The script that GRUB sources. Nothing in it is quoted twice: words with spaces or quotes are refused earlier. */
export function encodeSlotConfig(config: SlotConfig): string {
  const { rootHash, salt, dataBlocks } = config.verity
  const own = [
    `orlop.slot=${config.slot}`,
    `orlop.roothash=${rootHash}`,
    `orlop.salt=${salt}`,
    `orlop.datablocks=${dataBlocks}`,
  ]
  return `set slotversion="${config.version}"\nset slotargs="${[...config.words, ...own].join(' ')}"\n`
}

/** Reads it back. @throws UserError saying what is wrong in `file` */
export function decodeSlotConfig(text: string, file: string): SlotConfig {
  const version = /^set slotversion="([^"\n]*)"$/m.exec(text)?.[1]
  const all = /^set slotargs="([^"\n]*)"$/m.exec(text)?.[1]?.split(' ')
  if (version === undefined || all === undefined)
    throw new UserError(`${file}: no slotversion or no slotargs`)
  const value = (name: string, form: RegExp): string => {
    const found = all.filter(word => word.startsWith(`${name}=`)).map(word => word.slice(name.length + 1))
    if (found.length !== 1 || !form.test(found[0]!))
      throw new UserError(`${file}: ${name} is missing or wrong`)
    return found[0]!
  }
  const slot = value('orlop.slot', /^[ab]$/) === 'a' ? 'a' : 'b'
  const verity = {
    rootHash: value('orlop.roothash', /^[0-9a-f]{64}$/),
    salt: value('orlop.salt', /^[0-9a-f]{64}$/),
    dataBlocks: Number(value('orlop.datablocks', /^[1-9]\d{0,11}$/)),
  }
  return { slot, version, verity, words: all.filter(word => !word.startsWith('orlop.')) }
}
