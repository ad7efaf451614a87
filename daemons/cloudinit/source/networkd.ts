import type { Origin, UnitStep } from '../plan/plan.ts'

/** A file of systemd-networkd. */
export interface NetworkFile {
  /** Such as `00-eth0.network`. */
  name: string
  content: string
}

/** A network interface as `.network` and `.netdev` files tell it. */
export interface Interface {
  /** Of the files, without number and suffix. */
  label: string
  /** A card is known by its name or its hardware address, whichever is given; at least one is. */
  match: { name?: string; mac?: string }
  dhcp: 'no' | 'yes' | 'ipv4' | 'ipv6'
  /** `ADDRESS/BITS`. */
  addresses: string[]
  gateways: string[]
  routes: { destination: string; gateway: string }[]
  dns: string[]
  domains: string[]
  mtu?: number
  /** The names of VLANs on it. */
  vlans: string[]
  /** The name of the bond that it is a part of. */
  bond?: string
  /** Whether it takes its addresses from routers (IPv6); absent: as systemd decides. */
  acceptRouters?: boolean
  /** When it is one that has to be made. */
  device?: Device
}

/** A network device without a card of its own. */
export interface Device {
  kind: 'vlan' | 'bond'
  name: string
  mac?: string
  /** Lines of its section `[VLAN]` or `[Bond]`, such as `Id=100`. */
  lines: string[]
}

/** Before whatever the image and the user have for the same card. */
const NUMBER = '00'

/** An interface of which nothing is known but how it is found. */
export function makeInterface(label: string, match: Interface['match']): Interface {
  return {
    label,
    match,
    dhcp: 'no',
    addresses: [],
    gateways: [],
    routes: [],
    dns: [],
    domains: [],
    vlans: [],
  }
}

/** The files for an interface. */
export function networkFiles(found: Interface): NetworkFile[] {
  const name = `${NUMBER}-${found.label.replace(/[^A-Za-z0-9_.-]/g, '_')}`
  const files = [{ name: `${name}.network`, content: networkText(found) }]
  if (found.device !== undefined) files.unshift({ name: `${name}.netdev`, content: deviceText(found.device) })
  return files
}

/** What has to become of a machine so that it has these files, until its next start. */
export function networkSteps(files: readonly NetworkFile[], origin: Origin): UnitStep[] {
  return files.map(({ name, content }) => ({
    kind: 'unit',
    name,
    runtime: true,
    content,
    dropIns: [],
    origin,
  }))
}

function networkText(found: Interface): string {
  const { match, mtu, acceptRouters } = found
  return text([
    ['Match', lines('Name', [match.name]), lines('MACAddress', [match.mac])],
    ['Link', lines('MTUBytes', [mtu])],
    [
      'Network',
      lines('DHCP', found.dhcp === 'no' ? [] : [found.dhcp]),
      lines('IPv6AcceptRA', acceptRouters === undefined ? [] : [acceptRouters ? 'yes' : 'no']),
      lines('Address', found.addresses),
      lines('Gateway', found.gateways),
      lines('DNS', found.dns),
      lines('Domains', found.domains.length > 0 ? [found.domains.join(' ')] : []),
      lines('VLAN', found.vlans),
      lines('Bond', [found.bond]),
    ],
    ...found.routes.map(
      ({ destination, gateway }): Section => [
        'Route',
        lines('Destination', [destination]),
        lines('Gateway', [gateway]),
      ],
    ),
  ])
}

function deviceText({ kind, name, mac, lines: own }: Device): string {
  return text([
    ['NetDev', lines('Name', [name]), lines('Kind', [kind]), lines('MACAddress', [mac])],
    [kind === 'vlan' ? 'VLAN' : 'Bond', own],
  ])
}

type Section = [name: string, ...groups: string[][]]

/** A file of units without its empty sections. */
function text(sections: Section[]): string {
  return sections
    .map(([name, ...groups]) => [name, groups.flat()] as const)
    .filter(([, body]) => body.length > 0)
    .map(([name, body]) => `[${name}]\n${body.join('\n')}\n`)
    .join('\n')
}

function lines(key: string, values: readonly (string | number | undefined)[]): string[] {
  return values.filter(value => value !== undefined).map(value => `${key}=${value}`)
}
