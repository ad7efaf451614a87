import { DBusFormatError } from './types.ts'

/** A complete type. `code` is a basic type's letter, `a`, `(`, `{` or `v`. */
export interface Type {
  code: string
  /** Element of an array, fields of a structure, key and value of a dictionary's entry. */
  parts: readonly Type[]
}

const SIGNATURE_CHARS_MAX = 255
const DEPTH_MAX = 32
const BASIC = 'ybnqiuxtdsogh'
const known = new Map<string, readonly Type[]>()
/** Signatures that are kept; programs use a few dozen. */
const KNOWN_MAX = 512

/**
 * Reads a signature into its complete types.
 *
 * @throws DBusFormatError
 */
export function parseSignature(signature: string): readonly Type[] {
  const found = known.get(signature)
  if (found !== undefined) return found
  if (signature.length > SIGNATURE_CHARS_MAX) throw new DBusFormatError('the signature is too long')
  const types: Type[] = []
  for (let at = 0; at < signature.length; ) {
    const { type, end } = parseOne(signature, at, 0)
    types.push(type)
    at = end
  }
  if (known.size >= KNOWN_MAX) known.clear()
  known.set(signature, types)
  return types
}

/** The boundary at which values of a type begin. */
export function alignmentOf(code: string): number {
  if ('ygv'.includes(code)) return 1
  if ('nq'.includes(code)) return 2
  return 'xtd({'.includes(code) ? 8 : 4
}

function parseOne(text: string, at: number, depth: number): { type: Type; end: number } {
  if (depth > DEPTH_MAX) throw new DBusFormatError('the signature is nested too deeply')
  const code = text[at] ?? ''
  if (code !== '' && (BASIC.includes(code) || code === 'v')) return { type: { code, parts: [] }, end: at + 1 }
  if (code === 'a') {
    const isEntry = text[at + 1] === '{'
    const { type, end } = isEntry ? parseEntry(text, at + 1, depth + 1) : parseOne(text, at + 1, depth + 1)
    return { type: { code, parts: [type] }, end }
  }
  if (code === '(') {
    const parts: Type[] = []
    let next = at + 1
    while (text[next] !== ')') {
      const { type, end } = parseOne(text, next, depth + 1)
      parts.push(type)
      next = end
    }
    if (parts.length === 0) throw new DBusFormatError('a structure without fields')
    return { type: { code, parts }, end: next + 1 }
  }
  throw new DBusFormatError(
    `signature ${JSON.stringify(text)}: ${code === '' ? 'it ends too early' : `no type ${code}`}`,
  )
}

function parseEntry(text: string, at: number, depth: number): { type: Type; end: number } {
  const key = parseOne(text, at + 1, depth)
  if (!BASIC.includes(key.type.code)) throw new DBusFormatError('the key of a dictionary is no basic type')
  const value = parseOne(text, key.end, depth)
  if (text[value.end] !== '}') throw new DBusFormatError('the entry of a dictionary does not end')
  return { type: { code: '{', parts: [key.type, value.type] }, end: value.end + 1 }
}
