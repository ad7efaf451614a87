const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]*/
const PARAMETERS = /^(?:\s*;\s*[!#$%&'*+\-.^_`|~\w]+=(?:[!#$%&'*+\-.^_`|~\w]+|"(?:[^"\\]|\\.)*"))*\s*;?\s*$/

/** A media type, or what is wrong with it, in the words of Go's `mime` package, which clients of Go's servers know. */
export type MediaType = { type: string } | { problem: string }

/**
 * Reads the value of `Content-Type` (RFC 9110 §8.3).
 *
 * @returns the type in lower case without its parameters
 */
export function parseMediaType(value: string): MediaType {
  const semicolon = value.indexOf(';')
  const type = (semicolon < 0 ? value : value.slice(0, semicolon)).trim().toLowerCase()
  const first = TOKEN.exec(type)![0]
  if (first === '') return { problem: 'mime: no media type' }
  if (first.length < type.length) {
    if (type[first.length] !== '/') return { problem: 'mime: expected slash after first token' }
    const rest = type.slice(first.length + 1)
    const second = TOKEN.exec(rest)![0]
    if (second === '') return { problem: 'mime: expected token after slash' }
    if (second.length < rest.length) return { problem: 'mime: unexpected content after media subtype' }
  }
  if (semicolon >= 0 && !PARAMETERS.test(value.slice(semicolon)))
    return { problem: 'mime: invalid media parameter' }
  return { type }
}
