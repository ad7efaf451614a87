import { JournalError } from './errors.ts'

const WORD = 2 ** 32
const HIGH_MAX = 2 ** 21 - 1

/**
 * A 64 bit number that counts bytes or things of a file.
 *
 * @throws JournalError when it is larger than any file
 */
export function readCount(bytes: Buffer, at: number): number {
  const high = bytes.readUInt32LE(at + 4)
  if (high > HIGH_MAX) throw new JournalError('corrupt', 'a number is larger than any file')
  return high * WORD + bytes.readUInt32LE(at)
}

/** A 128 bit ID as 32 hexadecimal digits, the way the journal prints it. */
export function readId(bytes: Buffer, at: number): string {
  return bytes.toString('hex', at, at + 16)
}
