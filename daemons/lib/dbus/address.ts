/** Where a bus, or systemd itself, listens. */
export interface BusPlace {
  /** Path of a unix socket; one that begins with a zero byte is abstract. */
  path: string
  /** The other side is the service itself: no Hello, no names, no matches. */
  isPeer: boolean
}

const SYSTEM_BUS = ['/run/dbus/system_bus_socket', '/var/run/dbus/system_bus_socket']
const SYSTEMD_PRIVATE = '/run/systemd/private'

/** Unix sockets of an address such as `unix:path=/run/bus,guid=…;unix:abstract=x`; other transports are passed over. */
export function parseAddress(address: string): string[] {
  const paths: string[] = []
  for (const part of address.split(';')) {
    if (!part.startsWith('unix:')) continue
    for (const pair of part.slice('unix:'.length).split(',')) {
      const equals = pair.indexOf('=')
      const [key, value] = [pair.slice(0, equals), pair.slice(equals + 1)]
      if (key === 'path') paths.push(unescaped(value))
      if (key === 'abstract') paths.push(`\0${unescaped(value)}`)
    }
  }
  return paths
}

/**
 * Where to look for systemd, best first.
 *
 * @param isUser of the user's session instead of the system
 */
export function busPlaces(
  env: Readonly<Record<string, string | undefined>>,
  uid: number,
  isUser: boolean,
): BusPlace[] {
  const named = env[isUser ? 'DBUS_SESSION_BUS_ADDRESS' : 'DBUS_SYSTEM_BUS_ADDRESS']
  const runtime = env.XDG_RUNTIME_DIR ?? `/run/user/${uid}`
  const standard = isUser ? [`${runtime}/bus`] : SYSTEM_BUS
  const paths = named === undefined || named === '' ? standard : parseAddress(named)
  const places = paths.map(path => ({ path, isPeer: false }))
  if (isUser) places.push({ path: `${runtime}/systemd/private`, isPeer: true })
  else if (uid === 0) places.push({ path: SYSTEMD_PRIVATE, isPeer: true })
  return places
}

/** Escapes are bytes of the path, which is UTF-8. */
function unescaped(text: string): string {
  return text.replace(/(?:%[0-9a-fA-F]{2})+/g, run =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString('utf8'),
  )
}
