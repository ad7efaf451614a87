/** A place in the journal, as far as it is known. */
export interface Location {
  seqnumId?: string | undefined
  seqnum?: bigint | undefined
  bootId?: string | undefined
  monotonic?: bigint | undefined
  realtime?: bigint | undefined
  xorHash?: bigint | undefined
}

const ID = /^[0-9a-f]{32}$/
const NUMBER = /^[0-9a-f]{1,16}$/

/** The cursor of an entry: it finds the entry again, in any copy of its journal. */
export function formatCursor(at: Required<{ [K in keyof Location]: NonNullable<Location[K]> }>): string {
  const hex = (value: bigint): string => value.toString(16)
  return `s=${at.seqnumId};i=${hex(at.seqnum)};b=${at.bootId};m=${hex(at.monotonic)};t=${hex(at.realtime)};x=${hex(at.xorHash)}`
}

/**
 * Reads a cursor. Parts may miss or stand in another order, and letters that are not known are skipped, as long as
 * the rest tells a place.
 *
 * @returns undefined when it is none
 */
export function parseCursor(text: string): Location | undefined {
  const at: Location = {}
  for (const word of text.split(';')) {
    if (word === '' || word[1] !== '=') return undefined
    const value = word.slice(2).toLowerCase()
    const id = value.replaceAll('-', '')
    if ('sb'.includes(word[0]!) ? !ID.test(id) : 'imtx'.includes(word[0]!) && !NUMBER.test(value))
      return undefined
    if (word[0] === 's') at.seqnumId = id
    else if (word[0] === 'b') at.bootId = id
    else if (word[0] === 'i') at.seqnum = BigInt(`0x${value}`)
    else if (word[0] === 'm') at.monotonic = BigInt(`0x${value}`)
    else if (word[0] === 't') at.realtime = BigInt(`0x${value}`)
    else if (word[0] === 'x') at.xorHash = BigInt(`0x${value}`)
  }
  const isPlace =
    (at.seqnumId !== undefined && at.seqnum !== undefined) ||
    (at.bootId !== undefined && at.monotonic !== undefined) ||
    at.realtime !== undefined
  return isPlace ? at : undefined
}
