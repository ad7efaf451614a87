import { isIP, isIPv4 } from 'node:net'
import { UserError } from '#lib/errors.ts'
import type { Origin, Step } from '../plan/plan.ts'
import type { Substitutes } from '../plan/report.ts'

/** What a machine is told about itself by whoever runs it, beside any user data. */
export interface Metadata {
  hostname?: string
  /** Lines of authorized_keys for `core`. */
  keys: string[]
  substitutes: Substitutes
  network: NetworkCard[]
  /**
   * Present when its etcd has to join a cluster that was founded without it, or with another disk: all members as in
   * `--initial-cluster`, this machine by its hostname.
   */
  etcdRejoin?: string
  /** The channel of its updates. */
  updateGroup?: string
}

/** A network card with addresses of its own. */
export interface NetworkCard {
  /** By which it is known, such as `02:00:00:00:00:01`. */
  mac: string
  /** With the bits of the netmask, such as `172.17.8.101/24`. */
  address: string
  gateway?: string
  dns: string[]
  /** Domains that short names are looked up in. */
  domains: string[]
  /** Servers of the time. */
  ntp: string[]
}

const ORIGIN: Origin = { path: 'metadata', line: 0, column: 0 }
/** The name of the set of keys that the original took for what the platform gives. */
const KEY_SET = 'coreos-cloudinit'
/** Before the file of the image that asks for an address by DHCP. */
const UNIT_NUMBER = '10'
const HOSTNAME = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$/
const DOMAIN = /^~?[A-Za-z0-9]([A-Za-z0-9.-]{0,252})$/
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i
/** Members with their URLs; nothing that would end the quotes around them in a unit. */
const MEMBERS = /^[\w.-]+=https?:\/\/[\w.:[\]-]+(,[\w.-]+=https?:\/\/[\w.:[\]-]+)*$/
const GROUP = /^[A-Za-z0-9._-]{1,64}$/
const KNOWN = new Set([
  'hostname',
  'ssh_keys',
  'private_ipv4',
  'public_ipv4',
  'private_ipv6',
  'public_ipv6',
  'network',
  'etcd_rejoin',
  'update_group',
])

/** Nothing is known. */
export const NO_METADATA: Metadata = { keys: [], substitutes: {}, network: [] }

/**
 * Reads the metadata that QEMU's firmware hands over (`opt/io.orlop/metadata`): JSON with the keys `hostname`,
 * `ssh_keys`, `private_ipv4`, `public_ipv4`, `private_ipv6`, `public_ipv6`, `network` (a list of cards with `mac`,
 * `address`, `gateway`, `dns`, `domains`, `ntp`), `etcd_rejoin` (members of a cluster to join) and `update_group`, each of which may be left out.
 *
 * @throws UserError naming the key that is wrong
 */
export function parseMetadata(text: string): Metadata {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new UserError('metadata: is no JSON')
  }
  const object = record(value, 'metadata')
  for (const key of Object.keys(object))
    if (!KNOWN.has(key)) throw new UserError(`metadata: unknown key '${key}'`)
  const substitutes: Substitutes = {}
  for (const key of ['private_ipv4', 'public_ipv4', 'private_ipv6', 'public_ipv6'] as const) {
    const address = optional(object[key], key)
    if (address === undefined) continue
    if (isIP(address) !== (key.endsWith('4') ? 4 : 6))
      throw new UserError(`metadata: ${key} '${address}' is no address`)
    substitutes[key] = address
  }
  const hostname = matching(object.hostname, 'hostname', HOSTNAME)
  const updateGroup = matching(object.update_group, 'update_group', GROUP)
  const etcdRejoin = matching(object.etcd_rejoin, 'etcd_rejoin', MEMBERS)
  return {
    ...(hostname === undefined ? {} : { hostname }),
    keys: list(object.ssh_keys, 'ssh_keys').map(key => line(key, 'ssh_keys')),
    substitutes,
    network: list(object.network, 'network').map(readCard),
    ...(etcdRejoin === undefined ? {} : { etcdRejoin }),
    ...(updateGroup === undefined ? {} : { updateGroup }),
  }
}

/** What follows for the machine from its metadata alone. The user data comes after it, and may say otherwise. */
export function metadataSteps(metadata: Metadata): Step[] {
  const steps: Step[] = []
  const { hostname, keys, substitutes, network, etcdRejoin, updateGroup } = metadata
  if (hostname !== undefined) steps.push({ kind: 'hostname', name: hostname, origin: ORIGIN })
  if (keys.length > 0) steps.push({ kind: 'keys', user: 'core', set: KEY_SET, keys, origin: ORIGIN })
  const values = Object.entries(substitutes).map(([name, value]) => ({
    name: `COREOS_${name.toUpperCase()}`,
    value,
  }))
  if (values.length > 0) steps.push({ kind: 'settings', path: '/etc/environment', values, origin: ORIGIN })
  if (updateGroup !== undefined)
    steps.push({
      kind: 'settings',
      path: '/etc/coreos/update.conf',
      template: '/usr/share/coreos/update.conf',
      values: [{ name: 'GROUP', value: updateGroup }],
      origin: ORIGIN,
    })
  for (const [index, card] of network.entries())
    steps.push({
      kind: 'unit',
      name: `${UNIT_NUMBER}-metadata-${index}.network`,
      runtime: true,
      content: networkUnit(card),
      dropIns: [],
      origin: ORIGIN,
    })
  if (etcdRejoin !== undefined)
    steps.push({
      kind: 'unit',
      name: 'etcd.service',
      runtime: true,
      // Last, so that it counts before what the user data says of a founding that is over.
      dropIns: [{ name: '90-rejoin.conf', content: rejoinUnit(etcdRejoin, hostname) }],
      origin: ORIGIN,
    })
  return steps
}

function rejoinUnit(members: string, name: string | undefined): string {
  const settings = [...(name === undefined ? [] : [`ETCD_NAME=${name}`]), `ETCD_INITIAL_CLUSTER=${members}`]
  return [
    '[Service]',
    'Environment=ETCD_REJOIN=true',
    ...settings.map(setting => `Environment="${setting}"`),
    'UnsetEnvironment=ETCD_DISCOVERY ETCD_DISCOVERY_SRV ETCD_INITIAL_CLUSTER_STATE',
    '',
  ].join('\n')
}

function networkUnit({ mac, address, gateway, dns, domains, ntp }: NetworkCard): string {
  const line = (key: string, values: readonly string[]) =>
    values.length > 0 ? [`${key}=${values.join(' ')}`] : []
  return [
    '[Match]',
    `MACAddress=${mac}`,
    '',
    '[Network]',
    `Address=${address}`,
    ...(gateway === undefined ? [] : [`Gateway=${gateway}`]),
    ...dns.map(server => `DNS=${server}`),
    ...line('Domains', domains),
    ...line('NTP', ntp),
    'LLMNR=no',
    '',
  ].join('\n')
}

function readCard(value: unknown): NetworkCard {
  const card = record(value, 'network')
  const mac = matching(card.mac, 'network: mac', MAC)
  const address = optional(card.address, 'network: address')
  const [host = '', bits = ''] = address?.split('/') ?? []
  const bitsMax = isIPv4(host) ? 32 : 128
  if (mac === undefined) throw new UserError('metadata: network: mac is missing')
  if (isIP(host) === 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > bitsMax)
    throw new UserError(`metadata: network: address '${address ?? ''}' must be ADDRESS/BITS`)
  const addresses = (key: string) =>
    list(card[key], `network: ${key}`).map(one => {
      if (typeof one === 'string' && isIP(one) !== 0) return one
      throw new UserError(`metadata: network: ${key}: ${JSON.stringify(one)} is no address`)
    })
  const gateway = optional(card.gateway, 'network: gateway')
  if (gateway !== undefined && isIP(gateway) === 0)
    throw new UserError(`metadata: network: gateway '${gateway}' is no address`)
  const domains = list(card.domains, 'network: domains').map(
    domain => matching(domain, 'network: domains', DOMAIN) ?? '',
  )
  const [dns, ntp] = [addresses('dns'), addresses('ntp')]
  return {
    mac: mac.toLowerCase(),
    address: address!,
    ...(gateway === undefined ? {} : { gateway }),
    dns,
    domains,
    ntp,
  }
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  throw new UserError(`${what}: must be an object`)
}

function list(value: unknown, key: string): unknown[] {
  if (value === undefined) return []
  if (Array.isArray(value)) return value
  throw new UserError(`metadata: ${key} must be a list`)
}

function optional(value: unknown, key: string): string | undefined {
  if (value === undefined || value === '') return undefined
  if (typeof value === 'string') return value
  throw new UserError(`metadata: ${key} must be a text`)
}

function matching(value: unknown, key: string, pattern: RegExp): string | undefined {
  const text = optional(value, key)
  if (text === undefined || pattern.test(text)) return text
  throw new UserError(`metadata: ${key} '${text}' can not be that`)
}

function line(value: unknown, key: string): string {
  if (typeof value === 'string' && /^[^\n\r\0]+$/.test(value)) return value
  throw new UserError(`metadata: ${key} must be lines of text`)
}
