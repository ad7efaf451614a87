/**
 * DER, as far as certificates need it (ITU-T X.690). Each function gives the whole element: tag, length, contents.
 */

/** Tags of X.690, section 8, and of the context. */
const BOOLEAN = 0x01
const INTEGER = 0x02
const BIT_STRING = 0x03
const OCTET_STRING = 0x04
const OBJECT_IDENTIFIER = 0x06
const UTF8_STRING = 0x0c
const UTC_TIME = 0x17
const GENERALIZED_TIME = 0x18
const SEQUENCE = 0x30
const SET = 0x31
/** From this year on times have four digits of the year (RFC 5280, 4.1.2.5). */
const GENERALIZED_FROM_YEAR = 2050

/** An element of any tag. */
export function element(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents)
  const { length } = body
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), body])
  const size: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) size.unshift(rest % 256)
  return Buffer.concat([Buffer.from([tag, 0x80 | size.length, ...size]), body])
}

/** Elements one after the other. */
export function sequence(...elements: readonly Uint8Array[]): Buffer {
  return element(SEQUENCE, ...elements)
}

/** A set of one element. */
export function setOf(only: Uint8Array): Buffer {
  return element(SET, only)
}

/** A whole number that is not negative, from its bytes, the most significant one first. */
export function integer(bytes: Uint8Array): Buffer {
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1
  const magnitude = bytes.subarray(start)
  // With the highest bit set it would be negative.
  return (magnitude[0] ?? 0) >= 0x80
    ? element(INTEGER, Buffer.from([0]), magnitude)
    : element(INTEGER, magnitude.length === 0 ? Buffer.from([0]) : magnitude)
}

/** True; false is the default wherever certificates have a truth value, and left out. */
export function yes(): Buffer {
  return element(BOOLEAN, Buffer.from([0xff]))
}

/** Bits, of which the last `unused` of the last byte do not count. */
export function bitString(bytes: Uint8Array, unused = 0): Buffer {
  return element(BIT_STRING, Buffer.from([unused]), bytes)
}

/** Bytes. */
export function octetString(bytes: Uint8Array): Buffer {
  return element(OCTET_STRING, bytes)
}

/** Text. */
export function text(value: string): Buffer {
  return element(UTF8_STRING, Buffer.from(value, 'utf8'))
}

/** An object identifier, such as `2.5.4.3`. */
export function identifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes: number[] = []
  for (const arc of [first * 40 + second, ...rest]) {
    const groups = [arc % 128]
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      groups.unshift(0x80 | (left % 128))
    bytes.push(...groups)
  }
  return element(OBJECT_IDENTIFIER, Buffer.from(bytes))
}

/** A moment, to the second. */
export function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replaceAll(/\.\d+|[-:T]/g, '')
  if (new Date(ms).getUTCFullYear() < GENERALIZED_FROM_YEAR)
    return element(UTC_TIME, Buffer.from(digits.slice(2), 'latin1'))
  return element(GENERALIZED_TIME, Buffer.from(digits, 'latin1'))
}
