import { UserError } from '#lib/errors.ts'

/** What a server record of DNS says. */
export interface SrvRecord {
  name: string
  port: number
}

/** The names that are asked for the founders of a domain, encrypted ones first (specification §7.1). */
export function srvNames(domain: string, suffix: string): { secure: string; plain: string } {
  const dash = suffix === '' ? '' : `-${suffix}`
  return { secure: `_etcd-server-ssl${dash}._tcp.${domain}`, plain: `_etcd-server${dash}._tcp.${domain}` }
}

/**
 * The founders as records name them. Nobody's name stands there but this member's, which finds itself by the addresses
 * its own URLs have: the others are called after their number.
 *
 * @param isOwn whether a place of the records is one of this member
 * @throws UserError when no record is this member's
 */
export function clusterOfRecords(
  records: { secure: readonly SrvRecord[]; plain: readonly SrvRecord[] },
  own: { name: string; peerUrls: readonly string[] },
  isOwn: (record: SrvRecord) => boolean,
  isStranger = false,
): Map<string, string[]> {
  const cluster = new Map<string, string[]>()
  let number = 0
  for (const [scheme, list] of [
    ['https', records.secure],
    ['http', records.plain],
  ] as const)
    for (const record of list) {
      const url = `${scheme}://${hostOf(record.name)}:${record.port}`
      const isSelf = own.peerUrls.some(peerUrl => peerUrl.startsWith(`${scheme}:`)) && isOwn(record)
      const name = isSelf ? own.name : String(number++)
      cluster.set(name, [...(cluster.get(name) ?? []), url])
    }
  if (!cluster.has(own.name) && !isStranger)
    throw new UserError(
      `couldn't find local name "${own.name}" in the initial cluster configuration: no record is that of ${own.peerUrls.join(', ')}`,
      '--initial-advertise-peer-urls must be a name and port of the records',
    )
  return cluster
}

function hostOf(name: string): string {
  return name.replace(/\.$/, '')
}
