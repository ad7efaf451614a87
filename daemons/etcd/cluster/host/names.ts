import { Resolver as DnsResolver, lookup } from 'node:dns/promises'
import { errorCode, UserError } from '#lib/errors.ts'
import { isAddress, parseTarget } from '../../config/urls.ts'
import { type SameUrls, sameUrls } from '../plan.ts'
import { clusterOfRecords, type SrvRecord, srvNames } from '../srv.ts'

/** What DNS is asked. */
export interface Resolver {
  /** Addresses of a host; empty when it has none. */
  addresses(host: string): Promise<readonly string[]>
  /** Server records; rejects when there are none. */
  services(name: string): Promise<readonly SrvRecord[]>
}

/** Of one question to one server, and how often it is put. */
const QUERY_TIMEOUT_MS = 2_000
const QUERY_TRIES_MAX = 3

/**
 * The resolver of this machine; or other servers, that are then asked for addresses as well.
 *
 * @param servers such as `10.0.0.1,127.0.0.1:5353`, of the variable ORLOP_DNS_SERVERS; '' for those of the machine
 * @throws UserError when these are no addresses
 */
export function makeResolver(servers: string): Resolver {
  const dns = new DnsResolver({ timeout: QUERY_TIMEOUT_MS, tries: QUERY_TRIES_MAX })
  if (servers !== '') setServers(dns, servers)
  return {
    async addresses(host) {
      if (servers === '') {
        const found = await lookup(host, { all: true }).catch(() => [])
        return found.map(({ address }) => address)
      }
      const found = await Promise.all([
        dns.resolve4(host).catch(() => []),
        dns.resolve6(host).catch(() => []),
      ])
      return found.flat()
    },
    async services(name) {
      const records = await dns.resolveSrv(name)
      return records.sort((a, b) => a.priority - b.priority || b.weight - a.weight)
    },
  }
}

function setServers(dns: DnsResolver, servers: string): void {
  try {
    dns.setServers(servers.split(',').map(server => server.trim()))
  } catch {
    throw new UserError(
      `ORLOP_DNS_SERVERS: ${servers} is no list of addresses`,
      'such as 10.0.0.1,127.0.0.1:5353',
    )
  }
}

/** In the original's words where it has any. */
function describeFailure(error: unknown): string {
  const code = errorCode(error)
  if (code === 'ENOTFOUND' || code === 'ENODATA') return 'no such host'
  if (code === 'ETIMEOUT') return 'i/o timeout'
  if (code === 'ECONNREFUSED') return 'no name server answers'
  return error instanceof Error ? error.message : String(error)
}

/** Compares URLs by where they lead: names of hosts are resolved now. */
export async function sameResolvedUrls(urls: readonly string[], resolver: Resolver): Promise<SameUrls> {
  const resolved = new Map<string, string>()
  for (const url of new Set(urls)) {
    const { scheme, host, port } = parseTarget(url)
    if (scheme.startsWith('unix') || isAddress(host)) continue
    const [first] = (await resolver.addresses(host)).toSorted()
    if (first !== undefined) resolved.set(url, `${scheme}://${first}:${port}`)
  }
  const through = (list: readonly string[]) => list.map(url => resolved.get(url) ?? url)
  return (left, right) => sameUrls(left, right) || sameUrls(through(left), through(right))
}

/**
 * The founders that the DNS of a domain names.
 *
 * @param isStranger the asker need not be among them
 * @throws UserError when there are none, or this member is not among them
 */
export async function discoverBySrv(
  domain: string,
  suffix: string,
  own: { name: string; peerUrls: readonly string[] },
  resolver: Resolver,
  isStranger = false,
): Promise<Map<string, string[]>> {
  const names = srvNames(domain, suffix)
  const problems: string[] = []
  const ask = async (name: string): Promise<readonly SrvRecord[]> => {
    try {
      return await resolver.services(name)
    } catch (error) {
      problems.push(`lookup ${name}: ${describeFailure(error)}`)
      return []
    }
  }
  const records = { secure: await ask(names.secure), plain: await ask(names.plain) }
  if (records.secure.length + records.plain.length === 0)
    throw new UserError(
      `error querying DNS SRV records for ${domain}: ${problems.join(', ')}`,
      `the domain needs a record of ${names.secure} or ${names.plain} for each member`,
    )
  const ownPlaces = new Set<string>()
  for (const url of own.peerUrls) {
    const { host, port } = parseTarget(url)
    const addresses = isAddress(host) ? [host] : await resolver.addresses(host)
    for (const place of [host, ...addresses]) ownPlaces.add(`${place} ${port}`)
  }
  const isOwn = new Map<SrvRecord, boolean>()
  for (const record of [...records.secure, ...records.plain]) {
    const host = record.name.replace(/\.$/, '')
    const places = [host, ...(await resolver.addresses(host))]
    isOwn.set(
      record,
      places.some(place => ownPlaces.has(`${place} ${record.port}`)),
    )
  }
  return clusterOfRecords(records, own, record => isOwn.get(record) === true, isStranger)
}
