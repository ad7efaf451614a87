const UNREACHABLE = new Set(['169.254'])

/** The interface of the default route, in the text of /proc/net/route; undefined without one. */
export function defaultInterface(routes: string): string | undefined {
  const candidates = routes
    .split('\n')
    .slice(1)
    .map(line => line.trim().split(/\s+/))
    .filter(fields => fields[1] === '00000000' && fields[7] === '00000000')
    .sort((a, b) => Number(a[6]) - Number(b[6]))
  return candidates[0]?.[0]
}

/** Whether others can reach an IPv4 address at all: not loopback, not link-local. */
export function isGlobalUnicast(address: string): boolean {
  const parts = address.split('.')
  if (parts.length !== 4 || parts[0] === '127' || parts[0] === '0') return false
  return Number(parts[0]) < 224 && !UNREACHABLE.has(`${parts[0]}.${parts[1]}`)
}
