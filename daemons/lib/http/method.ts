import { TOKEN } from './chars.ts'

/** Longer ones are of no protocol that speaks to us. */
const METHOD_BYTES_MAX = 32
/** Those of RFC 9110 §9.3 and PATCH, by length and then by first letter, which tells them apart. */
const KNOWN: Map<number, string>[] = []
for (const method of ['GET', 'PUT', 'POST', 'HEAD', 'PATCH', 'TRACE', 'DELETE', 'OPTIONS', 'CONNECT']) {
  const alike = KNOWN[method.length] ?? new Map<number, string>()
  KNOWN[method.length] = alike.set(method.charCodeAt(0), method)
}

/** The method in these bytes, or undefined when they are no token. A known one costs no new string. */
export function methodOf(bytes: Buffer, start: number, end: number): string | undefined {
  const known = KNOWN[end - start]?.get(bytes[start]!)
  if (known !== undefined && matches(bytes, start, known)) return known
  if (end === start || end - start > METHOD_BYTES_MAX) return undefined
  for (let at = start; at < end; at++) {
    if (TOKEN[bytes[at]!] === 0) return undefined
  }
  return bytes.toString('latin1', start, end)
}

function matches(bytes: Buffer, start: number, method: string): boolean {
  for (let at = 1; at < method.length; at++) {
    if (bytes[start + at] !== method.charCodeAt(at)) return false
  }
  return true
}
