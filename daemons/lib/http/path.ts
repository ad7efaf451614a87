import { HEX } from './chars.ts'

const DOT = 0x2e
const SLASH = 0x2f
const PERCENT = 0x25
/** What Go leaves unescaped in a path. */
const PLAIN = /[A-Za-z0-9\-_.~$&+,/:;=@]/

/**
 * Where a request should have gone, when its path is not in its clean form: without empty parts, `.` and `..`. Judged
 * by the decoded path, like Go's mux, so `a%2F%2Fb` is not clean either.
 *
 * @param path as sent, one character for each byte
 * @param query as sent; empty for none
 * @returns undefined for a clean path, 'invalid' for a bad `%` escape, else the value for `Location`
 */
export function cleanTarget(path: string, query: string): { location: string } | 'invalid' | undefined {
  if (isPlainlyClean(path)) return undefined
  const decoded = percentDecode(path)
  if (decoded === undefined) return 'invalid'
  const clean = cleanPath(decoded)
  if (clean === decoded) return undefined
  const location = escapePath(clean)
  return { location: query === '' ? location : `${location}?${escapeOpaque(query)}` }
}

/** Without a `%`, an empty part, or a part that begins with a dot: nearly all paths. */
function isPlainlyClean(path: string): boolean {
  if (path.charCodeAt(0) !== SLASH) return path === '*'
  let before = 0
  for (let at = 0; at < path.length; at++) {
    const code = path.charCodeAt(at)
    if (code === PERCENT) return false
    if (before === SLASH && (code === SLASH || code === DOT)) return false
    before = code
  }
  return true
}

/** The shortest path that means the same; begins with `/`, and ends with one if `path` did. */
export function cleanPath(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..') parts.pop()
    else parts.push(part)
  }
  const clean = `/${parts.join('/')}`
  // `/a/.` ends in a part that means nothing, not in a slash: it becomes `/a`.
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean
}

/** Each `%XX` as the byte it means, one character for each byte; undefined for an escape that is none. */
export function percentDecode(text: string): string | undefined {
  if (!text.includes('%')) return text
  let out = ''
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code !== PERCENT) {
      out += text[at]
      continue
    }
    const high = HEX[text.charCodeAt(at + 1)] ?? -1
    const low = HEX[text.charCodeAt(at + 2)] ?? -1
    if (high < 0 || low < 0) return undefined
    out += String.fromCharCode(high * 16 + low)
    at += 2
  }
  return out
}

/** Bytes of a path, one character each, as they stand in a URL. */
function escapePath(path: string): string {
  let out = ''
  for (const char of path) out += PLAIN.test(char) ? char : escapeByte(char)
  return out
}

/** A query goes back as it came, but for what a header cannot hold. */
function escapeOpaque(text: string): string {
  return text.replaceAll(/[^\x21-\x7e]/g, escapeByte)
}

function escapeByte(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}
