import { type Ipv4Packet, Protocol, sumOf } from './ipv4.ts'

const HEADER_BYTES = 8

/** A datagram of UDP. */
export interface Datagram {
  sourcePort: number
  destinationPort: number
  payload: Buffer
}

/** Reads a datagram (RFC 768); undefined when it is none, is damaged, or cannot be answered. */
export function parseUdp(packet: Ipv4Packet): Datagram | undefined {
  const bytes = packet.payload
  if (packet.protocol !== Protocol.UDP || bytes.length < HEADER_BYTES) return undefined
  const length = bytes.readUInt16BE(4)
  if (length < HEADER_BYTES || length > bytes.length) return undefined
  const datagram = bytes.subarray(0, length)
  // None was computed when it is zero.
  if (datagram.readUInt16BE(6) !== 0 && datagramSum(packet, datagram) !== 0xffff) return undefined
  const sourcePort = datagram.readUInt16BE(0)
  if (sourcePort === 0) return undefined
  return { sourcePort, destinationPort: datagram.readUInt16BE(2), payload: datagram.subarray(HEADER_BYTES) }
}

/** The packet that carries a datagram. */
export function encodeUdp(
  way: { source: number; destination: number },
  { sourcePort, destinationPort, payload }: Datagram,
): Ipv4Packet {
  const bytes = Buffer.alloc(HEADER_BYTES + payload.length)
  bytes.writeUInt16BE(sourcePort, 0)
  bytes.writeUInt16BE(destinationPort, 2)
  bytes.writeUInt16BE(bytes.length, 4)
  bytes.set(payload, HEADER_BYTES)
  // Zero would mean that there is none; all ones are the same number to a one's complement sum.
  bytes.writeUInt16BE(~datagramSum(way, bytes) & 0xffff || 0xffff, 6)
  return { ...way, protocol: Protocol.UDP, payload: bytes }
}

/** Of a datagram, and of what is before it in thought: both addresses, the protocol and the length. */
function datagramSum(
  { source, destination }: { source: number; destination: number },
  bytes: Buffer,
): number {
  const halves = (address: number) => (address >>> 16) + (address & 0xffff)
  return sumOf(bytes, halves(source) + halves(destination) + Protocol.UDP + bytes.length)
}
