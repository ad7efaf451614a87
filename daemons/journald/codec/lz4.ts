import { JournalError } from './errors.ts'

/** A match copies at least so much. */
const MATCH_MIN = 4

/**
 * Decodes a block of LZ4 (without a frame).
 *
 * @param size of the result, which must be met exactly
 * @throws JournalError for anything that is no such block
 */
export function decodeLz4(block: Uint8Array, size: number): Buffer {
  const result = Buffer.allocUnsafe(size)
  let from = 0
  let to = 0
  const byte = (): number => {
    const value = block[from++]
    if (value === undefined) throw broken()
    return value
  }
  const length = (nibble: number): number => {
    let total = nibble
    if (nibble === 15) {
      let more: number
      do {
        more = byte()
        total += more
      } while (more === 255)
    }
    return total
  }
  for (;;) {
    const token = byte()
    const literals = length(token >> 4)
    if (from + literals > block.length || to + literals > size) throw broken()
    result.set(block.subarray(from, from + literals), to)
    from += literals
    to += literals
    if (from === block.length) break
    const distance = byte() | (byte() << 8)
    const match = length(token & 15) + MATCH_MIN
    if (distance === 0 || distance > to || to + match > size) throw broken()
    // A match may reach into what it writes, which repeats it.
    if (distance >= match) result.copyWithin(to, to - distance, to - distance + match)
    else for (let n = 0; n < match; n++) result[to + n] = result[to + n - distance]!
    to += match
  }
  if (to !== size) throw broken()
  return result
}

function broken(): JournalError {
  return new JournalError('corrupt', 'broken LZ4 data')
}
