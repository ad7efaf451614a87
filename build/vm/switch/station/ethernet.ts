import { isGroup, MAC_BYTES, readMac } from '../address.ts'
import { ETHERNET_BYTES } from '../frame.ts'

/** What a frame carries. */
export const EtherType = { IPV4: 0x0800, ARP: 0x0806 } as const

/** Without the checksum, which is not in frames here: shorter ones are filled up. */
const FRAME_BYTES_MIN = 60

/** A frame of Ethernet (II). */
export interface EthernetFrame {
  destination: number
  /** Whether it goes to more than one receiver. */
  isToGroup: boolean
  source: number
  type: number
  /** With what a short frame was filled up. */
  payload: Buffer
}

/** Reads a frame; undefined when it is too short, or comes from an address that nobody has. */
export function parseEthernet(bytes: Buffer): EthernetFrame | undefined {
  if (bytes.length < ETHERNET_BYTES || isGroup(bytes, MAC_BYTES)) return undefined
  return {
    destination: readMac(bytes, 0),
    isToGroup: isGroup(bytes, 0),
    source: readMac(bytes, MAC_BYTES),
    type: bytes.readUInt16BE(2 * MAC_BYTES),
    payload: bytes.subarray(ETHERNET_BYTES),
  }
}

/** The bytes of a frame. */
export function encodeEthernet(
  destination: number,
  source: number,
  type: number,
  payload: Uint8Array,
): Buffer {
  const bytes = Buffer.alloc(Math.max(FRAME_BYTES_MIN, ETHERNET_BYTES + payload.length))
  bytes.writeUIntBE(destination, 0, MAC_BYTES)
  bytes.writeUIntBE(source, MAC_BYTES, MAC_BYTES)
  bytes.writeUInt16BE(type, 2 * MAC_BYTES)
  bytes.set(payload, ETHERNET_BYTES)
  return bytes
}
