/** Bytes of an address of Ethernet. */
export const MAC_BYTES = 6

/**
 * The address of Ethernet at `at`, as a number of 48 bits: a key that costs no text.
 *
 * @param bytes at least `at + 6` of them
 */
export function readMac(bytes: Uint8Array, at: number): number {
  const high = (bytes[at]! << 8) | bytes[at + 1]!
  const low = (bytes[at + 2]! << 24) | (bytes[at + 3]! << 16) | (bytes[at + 4]! << 8) | bytes[at + 5]!
  return high * 2 ** 32 + (low >>> 0)
}

/** Whether the address at `at` is of many: a group, or all (IEEE 802: the first bit sent). */
export function isGroup(bytes: Uint8Array, at: number): boolean {
  return (bytes[at]! & 1) === 1
}

/** `02:00:00:00:00:01` */
export function formatMac(mac: number): string {
  const digits = mac.toString(16).padStart(2 * MAC_BYTES, '0')
  return digits.replace(/..(?=.)/g, '$&:')
}

/** The address that a text such as `02:00:00:00:00:01` means; undefined when it means none. */
export function parseMac(text: string): number | undefined {
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text)
    ? Number.parseInt(text.replaceAll(':', ''), 16)
    : undefined
}

/** The address of IP that a text such as `172.17.8.1` means, as a number of 32 bits; undefined when it means none. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  let address = 0
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined
    address = address * 256 + Number(part)
  }
  return address
}

/** `172.17.8.1` */
export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map(shift => (address >>> shift) & 0xff).join('.')
}
