/** What a packet carries. */
export const Protocol = { ICMP: 1, UDP: 17 } as const

const HEADER_BYTES = 20
const DONT_FRAGMENT = 0x4000
/** Of a fragment: more of them follow, or something came before. */
const FRAGMENT_BITS = 0x3fff
const TIME_TO_LIVE = 64
const MULTICAST_FIRST = 0xe0000000

/** A packet of IP that came in one piece. */
export interface Ipv4Packet {
  source: number
  destination: number
  protocol: number
  payload: Buffer
}

/**
 * Reads a packet (RFC 791). What follows it, as in a frame that was filled up, is left.
 *
 * @returns undefined when it is none, is damaged, a fragment, or from an address that cannot be answered
 */
export function parseIpv4Packet(bytes: Buffer): Ipv4Packet | undefined {
  if (bytes.length < HEADER_BYTES || bytes[0]! >> 4 !== 4) return undefined
  const headerBytes = (bytes[0]! & 0x0f) * 4
  const totalBytes = bytes.readUInt16BE(2)
  if (headerBytes < HEADER_BYTES || totalBytes < headerBytes || totalBytes > bytes.length) return undefined
  if (sumOf(bytes.subarray(0, headerBytes)) !== 0xffff) return undefined
  if ((bytes.readUInt16BE(6) & FRAGMENT_BITS) !== 0) return undefined
  const source = bytes.readUInt32BE(12)
  if (source === 0 || source >= MULTICAST_FIRST) return undefined
  return {
    source,
    destination: bytes.readUInt32BE(16),
    protocol: bytes[9]!,
    payload: bytes.subarray(headerBytes, totalBytes),
  }
}

/** The bytes of a packet. It is never fragmented, so that its identification says nothing (RFC 6864). */
export function encodeIpv4Packet({ source, destination, protocol, payload }: Ipv4Packet): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + payload.length)
  bytes[0] = (4 << 4) | (HEADER_BYTES / 4)
  bytes.writeUInt16BE(bytes.length, 2)
  bytes.writeUInt16BE(DONT_FRAGMENT, 6)
  bytes[8] = TIME_TO_LIVE
  bytes[9] = protocol
  bytes.writeUInt32BE(source, 12)
  bytes.writeUInt32BE(destination, 16)
  bytes.writeUInt16BE(~sumOf(bytes.subarray(0, HEADER_BYTES)) & 0xffff, 10)
  bytes.set(payload, HEADER_BYTES)
  return bytes
}

/**
 * The one's complement sum of 16-bit words (RFC 1071). With the right checksum among them it is 0xffff; a checksum is
 * its complement.
 *
 * @param start a sum to go on from
 */
export function sumOf(bytes: Uint8Array, start = 0): number {
  let sum = start
  // At most 32 Ki words of 16 bits: the sum stays exact.
  for (let at = 0; at < bytes.length; at += 2) sum += (bytes[at]! << 8) | (bytes[at + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return sum
}
