import { addressFamily, hardwareAddress, netmaskBits, prefixBits } from './address.ts'
import { type Option, parseInterfaces, type Stanza } from './interfaces.ts'
import { type Interface, makeInterface, type NetworkFile, networkFiles } from './networkd.ts'
import { shown } from './shown.ts'

/** A network configuration for systemd-networkd, and what of the original could not be told in it. */
export interface Converted {
  files: NetworkFile[]
  /** `line N: …`, one line each. */
  problems: string[]
}

/** Options of bonds, with their names in `[Bond]`; times are in milliseconds there as here. */
const BOND_OPTIONS = new Map([
  ['bond-mode', 'Mode'],
  ['bond-miimon', 'MIIMonitorSec'],
  ['bond-updelay', 'UpDelaySec'],
  ['bond-downdelay', 'DownDelaySec'],
  ['bond-lacp-rate', 'LACPTransmitRate'],
  ['bond-xmit-hash-policy', 'TransmitHashPolicy'],
])
/** Modes of bonds by the numbers of the kernel. */
const BOND_MODES = [
  'balance-rr',
  'active-backup',
  'balance-xor',
  'broadcast',
  '802.3ad',
  'balance-tlb',
  'balance-alb',
]
const LACP_RATES = ['slow', 'fast']
const HASH_POLICIES = ['layer2', 'layer2+3', 'layer3+4', 'encap2+3', 'encap3+4']
/** What says nothing that systemd-networkd does not find out by itself. */
const NEEDLESS = new Set(['broadcast', 'network', 'scope', 'auto'])
const VLAN_MAX = 4094
const WORD = /^[A-Za-z0-9+._-]{1,64}$/

/**
 * Turns a file /etc/network/interfaces, as OpenStack writes it for config drives, into files for systemd-networkd.
 * What is wrong or has no counterpart is told, and the rest counts: a machine with some of its addresses can be reached.
 */
export function convertInterfaces(text: string): Converted {
  const { stanzas, problems } = parseInterfaces(text)
  const interfaces = new Map<string, Interface>()
  const get = (name: string) => {
    const found = interfaces.get(name) ?? makeInterface(name, { name })
    interfaces.set(name, found)
    return found
  }
  for (const stanza of stanzas.filter(({ method }) => method !== 'loopback'))
    new Reading(stanza, get, problems).take()
  for (const found of interfaces.values()) matchCards(found)
  return { files: [...interfaces.values()].flatMap(networkFiles), problems }
}

/** A card with a known address is looked for by that alone: what it is called differs from kernel to kernel. */
function matchCards(found: Interface): void {
  const { mac } = found.match
  if (mac === undefined) return
  if (found.device === undefined) found.match = { mac }
  else {
    found.device.mac = mac
    found.match = { name: found.device.name }
  }
}

/** The reading of one block into the interface it is about. */
class Reading {
  readonly #stanza: Stanza
  readonly #get: (name: string) => Interface
  readonly #problems: string[]
  readonly #made: Interface

  constructor(stanza: Stanza, get: (name: string) => Interface, problems: string[]) {
    this.#stanza = stanza
    this.#get = get
    this.#problems = problems
    this.#made = get(stanza.name)
  }

  take(): void {
    const { options } = this.#stanza
    this.#method()
    this.#address()
    this.#vlan()
    if (options.some(({ name }) => name.startsWith('bond-') && name !== 'bond-master')) this.#bond()
    for (const option of options) {
      const wrong = this.#option(option)
      if (wrong !== undefined) this.#problem(option.line, wrong)
    }
  }

  #method(): void {
    const { family, method, line } = this.#stanza
    const made = this.#made
    if (method === 'dhcp') {
      const other = family === 'inet' ? 'ipv6' : 'ipv4'
      made.dhcp = made.dhcp === other ? 'yes' : family === 'inet' ? 'ipv4' : 'ipv6'
    } else if (method === 'auto' && family === 'inet6') made.acceptRouters = true
    else if (method !== 'static' && method !== 'manual')
      this.#problem(line, `method '${method}' of ${family} is not supported`)
  }

  #address(): void {
    const { family, method, line } = this.#stanza
    const address = this.#value('address')
    if (address === undefined) {
      if (method === 'static') this.#problem(line, `'${this.#stanza.name}' is static, and has no address`)
      return
    }
    const [host = '', ownBits] = address.split('/')
    const wanted = family === 'inet' ? 4 : 6
    const netmask = ownBits ?? this.#value('netmask') ?? (wanted === 6 ? '64' : undefined)
    const bits = netmask === undefined ? undefined : netmaskBits(netmask, wanted)
    if (addressFamily(host) !== wanted) this.#problem(line, `'${address}' is no address of ${family}`)
    else if (bits === undefined) this.#problem(line, `'${address}' has no netmask, or a wrong one`)
    else this.#made.addresses.push(`${host}/${bits}`)
  }

  /** A VLAN is one by its options or by its name: `eth0.100`, `vlan100`. */
  #vlan(): void {
    const { name, line } = this.#stanza
    const [, parent, number] = /^(.+)\.(\d{1,4})$/.exec(name) ?? []
    const raw = this.#value('vlan-raw-device') ?? parent
    const id = this.#value('vlan-id') ?? number ?? /^vlan(\d{1,4})$/.exec(name)?.[1]
    if (raw === undefined || this.#made.device !== undefined) return
    if (id === undefined || !/^\d{1,4}$/.test(id) || Number(id) > VLAN_MAX || !WORD.test(raw)) {
      this.#problem(line, `'${name}' must have a number up to ${VLAN_MAX} and the name of a card`)
      return
    }
    this.#made.device = { kind: 'vlan', name, lines: [`Id=${Number(id)}`] }
    this.#get(raw).vlans.push(name)
  }

  #bond(): void {
    const { name, options } = this.#stanza
    const device = this.#made.device ?? { kind: 'bond' as const, name, lines: [] }
    this.#made.device = device
    for (const option of options) {
      const key = BOND_OPTIONS.get(option.name)
      if (key === undefined) continue
      const value = bondValue(option)
      if (value === undefined)
        this.#problem(option.line, `${option.name} '${option.value}' is not understood`)
      else device.lines.push(`${key}=${value}`)
    }
  }

  /** Takes a line of the block, or tells what is wrong with it. */
  #option({ name, value }: Option): string | undefined {
    const made = this.#made
    switch (name) {
      case 'address':
      case 'netmask':
      case 'vlan-id':
      case 'vlan-raw-device':
        return undefined
      case 'gateway':
        return takeAddresses(value, made.gateways)
      case 'dns-nameservers':
      case 'dns-nameserver':
        return takeAddresses(value, made.dns)
      case 'dns-search':
      case 'dns-domain':
        made.domains.push(...value.split(' ').filter(word => WORD.test(word) && !made.domains.includes(word)))
        return undefined
      case 'hwaddress': {
        const mac = hardwareAddress(value.replace(/^ether /, ''))
        if (mac !== undefined) made.match.mac = mac
        return mac === undefined ? `hwaddress '${value}' is no hardware address` : undefined
      }
      case 'mtu':
        if (!/^\d{2,5}$/.test(value)) return `mtu '${value}' is no number`
        made.mtu = Number(value)
        return undefined
      case 'bond-slaves':
        return this.#slaves(value)
      case 'bond-master':
        if (!WORD.test(value)) return `bond-master '${value}' is no name`
        made.bond = value
        return undefined
      case 'up':
      case 'post-up':
        return takeRoute(value, made)
      case 'down':
      case 'pre-down':
      case 'post-down':
        // A route that is taken away when the interface goes, goes with it.
        return /\broute\b.*\bdel\b/.test(value) ? undefined : `'${name} ${value}' is not supported`
      default:
        return NEEDLESS.has(name) || BOND_OPTIONS.has(name) ? undefined : `'${name}' is not supported`
    }
  }

  #slaves(value: string): string | undefined {
    if (value === 'none') return undefined
    const names = value.split(' ')
    const wrong = names.find(name => !WORD.test(name))
    if (wrong !== undefined) return `bond-slaves '${wrong}' is no name`
    for (const name of names) this.#get(name).bond = this.#stanza.name
    return undefined
  }

  #value(name: string): string | undefined {
    return this.#stanza.options.find(option => option.name === name)?.value
  }

  #problem(line: number, text: string): void {
    this.#problems.push(`line ${line}: ${shown(text)}`)
  }
}

/** Takes addresses between blanks, or tells the first that is none. */
function takeAddresses(value: string, into: string[]): string | undefined {
  const addresses = value.split(' ')
  for (const address of addresses)
    if (addressFamily(address) !== 0 && !into.includes(address)) into.push(address)
  const wrong = addresses.find(address => addressFamily(address) === 0)
  return wrong === undefined ? undefined : `'${wrong}' is no address`
}

/** Routes are commands in this file: those of route(8) and ip-route(8) are understood. */
function takeRoute(command: string, made: Interface): string | undefined {
  const text = command.replace(/\s*\|\|\s*true$/, '').replace(/^(\/usr)?\/s?bin\//, '')
  const [, net, mask, gateway = ''] =
    /^route add (?:-net )?(\S+) netmask (\S+) gw (\S+)$/.exec(text) ??
    /^ip (?:-[46] )?route add (\S+?)(?:\/(\d+))? via (\S+)(?: dev \S+)?$/.exec(text) ??
    []
  const family = addressFamily(gateway)
  const bits = family === 0 || mask === undefined ? undefined : netmaskBits(mask, family)
  const destination = `${net}/${bits}`
  if (bits === undefined || prefixBits(destination) === undefined)
    return `'${command}' is a command that is not supported`
  if (bits === 0) made.gateways.push(gateway)
  else made.routes.push({ destination, gateway })
  return undefined
}

function bondValue({ name, value }: Option): string | undefined {
  const isNumber = /^\d{1,6}$/.test(value)
  const among = (names: readonly string[]) =>
    isNumber ? names[Number(value)] : names.includes(value) ? value : undefined
  if (name === 'bond-mode') return among(BOND_MODES)
  if (name === 'bond-lacp-rate') return among(LACP_RATES)
  if (name === 'bond-xmit-hash-policy') return among(HASH_POLICIES)
  return isNumber ? `${value}ms` : undefined
}
