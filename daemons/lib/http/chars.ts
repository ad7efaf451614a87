/** Bytes with a meaning in HTTP/1.1 (RFC 9110 §5.6). */
export const TAB = 0x09
export const LF = 0x0a
export const CR = 0x0d
export const SPACE = 0x20
export const COMMA = 0x2c
export const SLASH = 0x2f
export const ZERO = 0x30
export const COLON = 0x3a
export const SEMICOLON = 0x3b
export const QUESTION = 0x3f

/** By byte: its lower-case form when it may stand in a token (a method, the name of a header), else 0. */
export const TOKEN = new Uint8Array(256)
/** By byte: 1 when it may stand in the value of a header. Bytes above ASCII are opaque, not refused. */
export const VALUE = new Uint8Array(256)
/** By byte: 1 when it may stand in a request target. Bytes above ASCII are let through as the original does. */
export const TARGET = new Uint8Array(256)
/** By byte: the value of a hexadecimal digit, else -1. */
export const HEX = new Int8Array(256).fill(-1)

for (const char of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") {
  TOKEN[char.charCodeAt(0)] = char.charCodeAt(0)
  TOKEN[char.toUpperCase().charCodeAt(0)] = char.charCodeAt(0)
}
for (let byte = SPACE; byte < 256; byte++) {
  if (byte === 0x7f) continue
  VALUE[byte] = 1
  if (byte !== SPACE) TARGET[byte] = 1
}
VALUE[TAB] = 1
for (let digit = 0; digit < 16; digit++) {
  const char = digit.toString(16)
  HEX[char.charCodeAt(0)] = digit
  HEX[char.toUpperCase().charCodeAt(0)] = digit
}

/** Whether bytes from `start` to `end` are `name`, which is in lower case, whatever their case. */
export function equalsFolded(bytes: Uint8Array, start: number, end: number, name: string): boolean {
  if (end - start !== name.length) return false
  for (let at = 0; at < name.length; at++) {
    if (TOKEN[bytes[start + at]!] !== name.charCodeAt(at)) return false
  }
  return true
}
