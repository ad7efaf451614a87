/** 1 where an ASCII character cannot stand for itself in a JSON string as Go's encoding/json writes it. */
const SPECIAL = new Uint8Array(128)
for (let code = 0; code < 0x20; code++) SPECIAL[code] = 1
for (const char of '"\\<>&') SPECIAL[char.charCodeAt(0)] = 1

const LINE_SEPARATOR = 0x2028
const PARAGRAPH_SEPARATOR = 0x2029
const REPLACEMENT = '\ufffd'

/** Whether a text goes into a JSON string just as it is. */
export function isPlain(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 128) {
      if (SPECIAL[code] === 1) return false
    } else if (code >= LINE_SEPARATOR && isOdd(code)) return false
  }
  return true
}

/** The text as a JSON string with its quotation marks, escaped as Go does: `<`, `>`, `&`, U+2028 and U+2029 too. */
export function quote(text: string): string {
  return isPlain(text) ? `"${text}"` : `"${escaped(text)}"`
}

/** What stands between the quotation marks. */
export function escaped(text: string): string {
  let out = ''
  let done = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 128 ? SPECIAL[code] === 0 : code < LINE_SEPARATOR || !isOdd(code)) continue
    // Both halves of a pair stand for themselves, a half alone stands for nothing.
    if (isHigh(code) && isLow(text.charCodeAt(at + 1))) {
      at += 1
      continue
    }
    out += text.slice(done, at) + escapeOne(code)
    done = at + 1
  }
  return out + text.slice(done)
}

function escapeOne(code: number): string {
  if (code === 0x22) return '\\"'
  if (code === 0x5c) return '\\\\'
  if (code === 0x0a) return '\\n'
  if (code === 0x0d) return '\\r'
  if (code === 0x09) return '\\t'
  if (isHigh(code) || isLow(code)) return REPLACEMENT
  return `\\u${code.toString(16).padStart(4, '0')}`
}

function isOdd(code: number): boolean {
  return code === LINE_SEPARATOR || code === PARAGRAPH_SEPARATOR || isHigh(code) || isLow(code)
}

function isHigh(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff
}

function isLow(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff
}
