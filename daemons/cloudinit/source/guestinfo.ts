import { gunzipSync } from 'node:zlib'
import { UserError } from '#lib/errors.ts'
import type { Substitutes } from '../plan/report.ts'
import { addressFamily, hardwareAddress, prefixBits } from './address.ts'
import { type Interface, makeInterface } from './networkd.ts'
import { shown } from './shown.ts'

/** What VMware's guestinfo says. */
export interface Guestinfo {
  data?: Uint8Array
  /** Where the user data is fetched, when there is no data. */
  url?: string
  hostname?: string
  substitutes: Substitutes
  interfaces: Interface[]
  /** What is wrong in it, one line each; the rest counts. */
  problems: string[]
}

/** Before every key, here and in an OVF environment. */
export const GUESTINFO_PREFIX = 'guestinfo.'

const INTERFACES_MAX = 64
const ITEMS_MAX = 64
const DATA_BYTES_MAX = 16 * 1024 * 1024
/** The same keys of ours, of CoreOS, Ignition and Flatcar; the first that is there counts. */
const PREFIXES = ['orlop', 'coreos', 'ignition', 'flatcar']
const ENCODINGS = /^(?:(gz|gzip)\+)?(b64|base64)$/
const DHCP = new Map([
  ['yes', true],
  ['true', true],
  ['1', true],
  ['no', false],
  ['false', false],
  ['0', false],
  ['', false],
])

/** Asks for values by key (without `guestinfo.`), one after the other, and is told each, or undefined. */
export type Asking<Result> = Generator<string, Result, string | undefined>

/**
 * Reads guestinfo: which keys there are is only known by asking, and who answers differs.
 *
 * @throws UserError when the user data can not be decoded
 */
export function* readGuestinfo(): Asking<Guestinfo> {
  const found: Guestinfo = { substitutes: {}, interfaces: [], problems: [] }
  yield* readUserData(found)
  const hostname = (yield 'hostname')?.trim()
  if (hostname) found.hostname = hostname
  const dns = yield* readList('dns.server')
  for (const server of dns.filter(server => addressFamily(server) === 0))
    found.problems.push(`dns.server '${shown(server)}' is no address`)
  const domains = yield* readList('dns.domain')
  const names = { dns: dns.filter(server => addressFamily(server) !== 0), domains: domains.filter(isWord) }
  for (let number = 0; number < INTERFACES_MAX; number++) {
    const isThere = yield* readInterface(found, `interface.${number}`, names)
    if (!isThere) break
  }
  return found
}

function* readUserData(found: Guestinfo): Asking<void> {
  for (const prefix of PREFIXES) {
    const data = yield `${prefix}.config.data`
    if (!data) continue
    const encoding = (yield `${prefix}.config.data.encoding`)?.trim() ?? ''
    found.data = decode(data, encoding, `${prefix}.config.data`)
    return
  }
  for (const prefix of PREFIXES) {
    const url = (yield `${prefix}.config.url`)?.trim()
    if (!url) continue
    found.url = url
    return
  }
}

function decode(text: string, encoding: string, key: string): Uint8Array {
  if (encoding === '') return Buffer.from(text, 'utf8')
  const [, gzip, base64] = ENCODINGS.exec(encoding) ?? []
  if (base64 === undefined)
    throw new UserError(
      `guestinfo: ${key}.encoding '${shown(encoding)}' must be base64, gzip+base64 or empty`,
    )
  const packed = text.replace(/\s/g, '')
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(packed) || packed.replace(/=+$/, '').length % 4 === 1)
    throw new UserError(`guestinfo: ${key} is no base64`)
  const bytes = Buffer.from(packed, 'base64')
  if (gzip === undefined) return bytes
  try {
    return gunzipSync(bytes, { maxOutputLength: DATA_BYTES_MAX })
  } catch {
    throw new UserError(`guestinfo: ${key} is no gzip, or more than ${DATA_BYTES_MAX} bytes`)
  }
}

function* readList(key: string): Asking<string[]> {
  const values: string[] = []
  for (let number = 0; number < ITEMS_MAX; number++) {
    const value = (yield `${key}.${number}`)?.trim()
    if (!value) break
    values.push(value)
  }
  return values
}

/** Reads an interface, and tells whether there is one of this number. */
function* readInterface(
  found: Guestinfo,
  key: string,
  names: { dns: string[]; domains: string[] },
): Asking<boolean> {
  const problem = (text: string) => found.problems.push(shown(`${key}${text}`))
  const name = (yield `${key}.name`)?.trim()
  const macText = (yield `${key}.mac`)?.trim()
  const dhcpText = (yield `${key}.dhcp`)?.trim()
  const role = (yield `${key}.role`)?.trim()
  const addresses = yield* readAddresses(key, problem)
  const routes = yield* readRoutes(key, problem)
  if (!name && !macText && dhcpText === undefined && !role && addresses.length === 0) return false
  const mac = macText ? hardwareAddress(macText) : undefined
  if (macText && mac === undefined) problem(`.mac '${macText}' is no hardware address`)
  const label = name || mac?.replaceAll(':', '')
  if (label === undefined) {
    problem(' has neither name nor mac, and is left as it is')
    return true
  }
  if (name && !/^[A-Za-z0-9_.*-]{1,64}$/.test(name)) {
    problem(`.name '${name}' is no name of an interface`)
    return true
  }
  const made = makeInterface(label, { ...(name ? { name } : {}), ...(mac ? { mac } : {}) })
  const dhcp = DHCP.get(dhcpText?.toLowerCase() ?? '')
  if (dhcp === undefined) problem(`.dhcp '${dhcpText}' must be yes or no`)
  made.dhcp = dhcp ? 'yes' : 'no'
  made.addresses = addresses
  for (const { destination, gateway } of routes)
    if (/^(0\.0\.0\.0|::)\/0$/.test(destination)) made.gateways.push(gateway)
    else made.routes.push({ destination, gateway })
  made.dns = names.dns
  made.domains = names.domains
  if (role && !isRole(role)) problem(`.role '${role}' must be public or private`)
  if (role && isRole(role)) takeRole(found.substitutes, role, addresses)
  found.interfaces.push(made)
  return true
}

function* readAddresses(key: string, problem: (text: string) => void): Asking<string[]> {
  const addresses: string[] = []
  for (let number = 0; number < ITEMS_MAX; number++) {
    const address = (yield `${key}.ip.${number}.address`)?.trim()
    if (!address) break
    if (prefixBits(address) === undefined) problem(`.ip.${number}.address '${address}' must be ADDRESS/BITS`)
    else addresses.push(address)
  }
  return addresses
}

function* readRoutes(
  key: string,
  problem: (text: string) => void,
): Asking<{ destination: string; gateway: string }[]> {
  const routes: { destination: string; gateway: string }[] = []
  for (let number = 0; number < ITEMS_MAX; number++) {
    const gateway = (yield `${key}.route.${number}.gateway`)?.trim()
    const destination = (yield `${key}.route.${number}.destination`)?.trim()
    if (!gateway && !destination) break
    if (addressFamily(gateway ?? '') === 0 || prefixBits(destination ?? '') === undefined)
      problem(`.route.${number} needs a gateway, and a destination that is ADDRESS/BITS`)
    else routes.push({ destination: destination!, gateway: gateway! })
  }
  return routes
}

function isRole(role: string): role is 'public' | 'private' {
  return role === 'public' || role === 'private'
}

/** The first address of a role and family counts. */
function takeRole(substitutes: Substitutes, role: 'public' | 'private', addresses: readonly string[]): void {
  for (const address of addresses.map(address => address.split('/')[0]!))
    substitutes[`${role}_ipv${addressFamily(address) === 4 ? 4 : 6}`] ??= address
}

function isWord(text: string): boolean {
  return /^[^\s\0]+$/.test(text)
}
