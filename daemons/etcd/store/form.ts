import { INVALID_FORM, StoreError } from './errors.ts'

const PERCENT = 0x25
const PLUS = 0x2b
const REPLACEMENT = '\ufffd'
/** Up to here a loop is faster than three searches. */
const SHORT_CHARS = 40

/** The parameters of the keys API as they came, decoded; undefined for one that is absent. */
export class Form {
  prevIndex: string | undefined = undefined
  waitIndex: string | undefined = undefined
  recursive: string | undefined = undefined
  sorted: string | undefined = undefined
  wait: string | undefined = undefined
  dir: string | undefined = undefined
  quorum: string | undefined = undefined
  stream: string | undefined = undefined
  prevValue: string | undefined = undefined
  noValueOnSuccess: string | undefined = undefined
  ttl: string | undefined = undefined
  prevExist: string | undefined = undefined
  refresh: string | undefined = undefined
  value: string | undefined = undefined
}

/**
 * Reads `application/x-www-form-urlencoded` text into a form. What the form has already stays: the body is read before
 * the query, and of a repeated name the first counts. A bare `;` is refused: some take it for a separator, some do not.
 *
 * @param text one character for each byte (latin1), so that bytes and escapes together make UTF-8
 * @returns a StoreError 210 for an escape that is none, also in names that mean nothing here, or a `;`
 */
export function readForm(form: Form, text: string): StoreError | undefined {
  if (text.includes(';')) return new StoreError(INVALID_FORM, 'invalid semicolon separator in query', 0)
  for (let start = 0; start < text.length; ) {
    let end = text.indexOf('&', start)
    if (end < 0) end = text.length
    let equals = text.indexOf('=', start)
    if (equals < 0 || equals > end) equals = end
    if (end > start) {
      const name = decode(text.slice(start, equals), true)
      if (name instanceof BadEscape) return refuse(name)
      const value = decode(text.slice(equals + 1, end), true)
      if (value instanceof BadEscape) return refuse(value)
      put(form, name, value)
    }
    start = end + 1
  }
  return undefined
}

function put(form: Form, name: string, value: string): void {
  switch (name) {
    case 'value':
    case 'ttl':
    case 'dir':
    case 'prevExist':
    case 'prevIndex':
    case 'prevValue':
    case 'recursive':
    case 'sorted':
    case 'wait':
    case 'waitIndex':
    case 'stream':
    case 'quorum':
    case 'refresh':
    case 'noValueOnSuccess':
      form[name] ??= value
  }
}

/**
 * The path of a request target as it is meant: percent-decoded, UTF-8.
 *
 * @param raw one character for each byte
 * @returns undefined for an escape that is none
 */
export function decodePath(raw: string): string | undefined {
  const path = decode(raw, false)
  return path instanceof BadEscape ? undefined : path
}

/** Up to three characters that should be an escape. */
class BadEscape {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

function refuse(bad: BadEscape): StoreError {
  return new StoreError(INVALID_FORM, `invalid URL escape ${JSON.stringify(bad.text)}`, 0)
}

/** Text without escapes and of ASCII only is given as it is; nearly all of it is. */
function decode(text: string, plusIsBlank: boolean): string | BadEscape {
  if (text.length > SHORT_CHARS) {
    // The engine searches several characters at a time, a loop one.
    const isPlain = !text.includes('%') && !text.includes('+') && Buffer.byteLength(text) === text.length
    return isPlain ? text : decodeFrom(text, plusIsBlank)
  }
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === PERCENT || code >= 0x80 || (code === PLUS && plusIsBlank))
      return decodeFrom(text, plusIsBlank)
  }
  return text
}

function decodeFrom(text: string, plusIsBlank: boolean): string | BadEscape {
  const bytes = Buffer.allocUnsafe(text.length)
  let length = 0
  for (let at = 0; at < text.length; at++) {
    let code = text.charCodeAt(at)
    if (code === PLUS && plusIsBlank) code = 0x20
    else if (code === PERCENT) {
      const high = hexDigit(text.charCodeAt(at + 1))
      const low = hexDigit(text.charCodeAt(at + 2))
      if (high < 0 || low < 0) return new BadEscape(text.slice(at, at + 3))
      code = high * 16 + low
      at += 2
    }
    bytes[length++] = code
  }
  return decodeUtf8(bytes.subarray(0, length))
}

/** -1 for what is none; also for NaN, which is what stands after the end. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  if (code >= 0x41 && code <= 0x46) return code - 0x41 + 10
  if (code >= 0x61 && code <= 0x66) return code - 0x61 + 10
  return -1
}

/**
 * UTF-8 as Go reads it: every byte that belongs to no character becomes one U+FFFD. (The decoders of the web make one of
 * several such bytes.) So values that are no text are kept as the text that clients would be shown.
 */
export function decodeUtf8(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  if (!text.includes(REPLACEMENT)) return text
  let out = ''
  for (let at = 0; at < bytes.length; ) {
    const size = sizeOfCharacter(bytes, at)
    out += size === 0 ? REPLACEMENT : bytes.toString('utf8', at, at + size)
    at += Math.max(size, 1)
  }
  return out
}

/** Bytes of the character that begins at `at`; 0 when none does. Source: RFC 3629 §4. */
function sizeOfCharacter(bytes: Buffer, at: number): number {
  const first = bytes[at]!
  if (first < 0x80) return 1
  if (first < 0xc2 || first > 0xf4) return 0
  const size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  let low = 0x80
  let high = 0xbf
  if (first === 0xe0) low = 0xa0
  else if (first === 0xed) high = 0x9f
  else if (first === 0xf0) low = 0x90
  else if (first === 0xf4) high = 0x8f
  for (let place = at + 1; place < at + size; place++) {
    const byte = bytes[place] ?? 0
    if (byte < low || byte > high) return 0
    low = 0x80
    high = 0xbf
  }
  return size
}
