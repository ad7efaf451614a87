import { UserError } from '#lib/errors.ts'

const SCHEMES = new Set(['http', 'https', 'unix', 'unixs'])
const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/
const URL_PARTS = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(.*)$/i

/** Where a URL points to, taken apart. A unix socket's path stands in `host`, relative to the working directory. */
export interface Target {
  scheme: 'http' | 'https' | 'unix' | 'unixs'
  /** Without brackets. */
  host: string
  /** 0 for unix sockets. */
  port: number
}

/**
 * Reads a list of URLs as the original does (specification §4): sorted, each with host and port and no path.
 *
 * @throws UserError with the original's words
 */
export function readUrls(text: string): string[] {
  const urls = text
    .split(',')
    .map(url => url.trim())
    .filter(url => url !== '')
  return checkUrls(urls)
}

/**
 * As `readUrls`, of a list.
 *
 * @throws UserError with the original's words
 */
export function checkUrls(urls: readonly string[]): string[] {
  if (urls.length === 0) throw new UserError('no valid URLs given')
  for (const url of urls) parseTarget(url)
  return urls.toSorted()
}

/**
 * Takes a URL apart.
 *
 * @throws UserError with the original's words
 */
export function parseTarget(url: string): Target {
  const parts = URL_PARTS.exec(url)
  if (parts === null && /^[^/]*:/.test(url) && !/^[a-z][a-z0-9+.-]*:/i.test(url))
    throw new UserError(`parse ${JSON.stringify(url)}: first path segment in URL cannot contain colon`)
  const [, scheme = '', authority = '', path = '', rest = ''] = parts ?? []
  if (!SCHEMES.has(scheme)) throw new UserError(`URL scheme must be http, https, unix, or unixs: ${url}`)
  if (scheme.startsWith('unix')) {
    if (authority + path === '') throw new UserError(`unix socket URL has no path: ${url}`)
    return { scheme: scheme as 'unix', host: authority + path, port: 0 }
  }
  const { host, port } = splitAuthority(authority)
  if (host === undefined || port === undefined)
    throw new UserError(`URL address does not have the form "host:port": ${url}`)
  if (path !== '' || rest !== '') throw new UserError(`URL must not contain a path: ${url}`)
  return { scheme: scheme as 'http', host, port }
}

/**
 * Demands that a server can listen there: an address or `localhost`, as a name may mean another machine tomorrow.
 *
 * @throws UserError with the original's words
 */
export function checkBindable(url: string): void {
  const { scheme, host } = parseTarget(url)
  if (scheme.startsWith('unix') || host === 'localhost' || host === '' || isAddress(host)) return
  throw new UserError(`expected IP in URL for binding (${url})`)
}

/** Whether a host is given by its address. */
export function isAddress(host: string): boolean {
  if (host.includes(':')) return /^[0-9a-f:.]+(%.+)?$/i.test(host)
  return IPV4.test(host) && host.split('.').every(part => Number(part) <= 255)
}

/** Whether it is spoken encrypted there. */
export function isEncrypted(url: string): boolean {
  return url.startsWith('https:') || url.startsWith('unixs:')
}

/**
 * Reads `name=url,name=url,other=url`.
 *
 * @returns names in the order in which they first stood, each with its URLs, sorted
 * @throws UserError with the original's words
 */
export function readInitialCluster(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const part of text.split(',')) {
    if (part.trim() === '') continue
    const equals = part.indexOf('=')
    const name = (equals < 0 ? part : part.slice(0, equals)).trim()
    const url = equals < 0 ? '' : part.slice(equals + 1).trim()
    if (name === '') throw new UserError(`--initial-cluster: a name is missing before ${part}`)
    found.set(name, [...(found.get(name) ?? []), url])
  }
  for (const [name, urls] of found) found.set(name, checkUrls(urls))
  return found
}

function splitAuthority(authority: string): { host?: string; port?: number } {
  const parts = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(authority)
  const port = Number(parts?.[2])
  if (parts === null || port > 65535) return {}
  return { host: parts[1]!.replace(/^\[|\]$/g, ''), port }
}
