/**
 * Addresses as configurations write them. `node:net` knows these as well, but is no part of Node that only computes,
 * and this must be usable by pure files.
 */
const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`)
const MAC = /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i
const IPV6_GROUPS = 8

/** 4 or 6, or 0 for what is no address. IPv6 may end in an IPv4 address, and has no zone. */
export function addressFamily(text: string): 0 | 4 | 6 {
  if (IPV4.test(text)) return 4
  return isIpv6(text) ? 6 : 0
}

function isIpv6(text: string): boolean {
  if (!/^[0-9a-f:.]{2,45}$/i.test(text)) return false
  const halves = text.split('::')
  if (halves.length > 2) return false
  const groups = halves.flatMap(half => (half === '' ? [] : half.split(':')))
  const last = groups.at(-1) ?? ''
  const isMixed = last.includes('.')
  if (isMixed && (!IPV4.test(last) || text.endsWith('::'))) return false
  const hex = isMixed ? groups.slice(0, -1) : groups
  if (!hex.every(group => /^[0-9a-f]{1,4}$/i.test(group))) return false
  const count = hex.length + (isMixed ? 2 : 0)
  return halves.length === 2 ? count < IPV6_GROUPS : count === IPV6_GROUPS
}

/** The bits of `ADDRESS/BITS`, or undefined when it is not that. */
export function prefixBits(text: string): number | undefined {
  const [address = '', bits = '', ...more] = text.split('/')
  const family = addressFamily(address)
  if (family === 0 || more.length > 0 || !/^\d{1,3}$/.test(bits)) return undefined
  return Number(bits) <= (family === 4 ? 32 : 128) ? Number(bits) : undefined
}

/** The bits of a netmask, written as an address of IPv4 or as their number; undefined when it is no netmask. */
export function netmaskBits(text: string, family: 4 | 6): number | undefined {
  if (/^\d{1,3}$/.test(text)) return Number(text) <= (family === 4 ? 32 : 128) ? Number(text) : undefined
  if (family === 6 || !IPV4.test(text)) return undefined
  const bits = text
    .split('.')
    .map(octet => Number(octet).toString(2).padStart(8, '0'))
    .join('')
  return /^1*0*$/.test(bits) ? bits.indexOf('0') + (bits.includes('0') ? 0 : 33) : undefined
}

/** A hardware address in lower case with colons, or undefined when it is none. */
export function hardwareAddress(text: string): string | undefined {
  return MAC.test(text) ? text.toLowerCase().replaceAll('-', ':') : undefined
}
