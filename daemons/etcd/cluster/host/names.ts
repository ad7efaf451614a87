import { lookup, resolveSrv } from 'node:dns/promises'
import { UserError } from '#lib/errors.ts'
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

/** This machine's resolver. */
export const SYSTEM_RESOLVER: Resolver = {
  async addresses(host) {
    const found = await lookup(host, { all: true }).catch(() => [])
    return found.map(({ address }) => address)
  },
  async services(name) {
    const records = await resolveSrv(name)
    return records.sort((a, b) => a.priority - b.priority || b.weight - a.weight)
  },
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
      problems.push(`lookup ${name}: ${error instanceof Error ? error.message : String(error)}`)
      return []
    }
  }
  const records = { secure: await ask(names.secure), plain: await ask(names.plain) }
  if (records.secure.length + records.plain.length === 0)
    throw new UserError(`error querying DNS SRV records for ${domain}: ${problems.join('; ')}`)
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
