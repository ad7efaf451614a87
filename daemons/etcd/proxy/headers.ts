/** Of one connection, not of the request (RFC 9110 §7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
/** The server that answers writes these itself. */
const OWN = new Set(['date'])

/** Headers that go on to a member, with the client's address added to those that it came through. */
export function forwardHeaders(
  headers: readonly (readonly [string, string])[],
  address: string,
): Map<string, string> {
  const dropped = namedByConnection(headers)
  const forward = new Map<string, string>()
  let through = ''
  for (const [name, value] of headers) {
    const lower = name.toLowerCase()
    if (HOP_BY_HOP.has(lower) || dropped.has(lower) || lower === 'host' || lower === 'expect') continue
    if (lower === 'x-forwarded-for') through = through === '' ? value : `${through}, ${value}`
    else forward.set(name, forward.has(name) ? `${forward.get(name)}, ${value}` : value)
  }
  if (address !== '') through = through === '' ? address : `${through}, ${address}`
  if (through !== '') forward.set('X-Forwarded-For', through)
  return forward
}

/** Headers that go back to the client. */
export function backwardHeaders(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = []
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([raw[at]!, raw[at + 1]!])
  const dropped = namedByConnection(pairs)
  return pairs.filter(([name]) => {
    const lower = name.toLowerCase()
    return !HOP_BY_HOP.has(lower) && !OWN.has(lower) && !dropped.has(lower)
  })
}

/** A connection may name further headers that are its own. */
function namedByConnection(headers: readonly (readonly [string, string])[]): Set<string> {
  const named = new Set<string>()
  for (const [name, value] of headers) {
    if (name.toLowerCase() !== 'connection') continue
    for (const token of value.split(',')) named.add(token.trim().toLowerCase())
  }
  return named
}
