import { createHash } from 'node:crypto'

/**
 * A UUID that follows from what it names: version 8 (RFC 9562, custom) of SHA-256 over `seed` and `purpose`.
 * Images must be equal byte by byte when their content is, so nothing in them is drawn at random.
 * @returns upper case text form
 */
export function derivedUuid(seed: string, purpose: string): string {
  const bytes = createHash('sha256').update(`orlop uuid\0${seed}\0${purpose}`).digest().subarray(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x80
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = bytes.toString('hex').toUpperCase()
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
