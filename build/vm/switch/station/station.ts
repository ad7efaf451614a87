import type { NameTable } from '../names.ts'
import { answerArp } from './arp.ts'
import { answerDns } from './dns.ts'
import { EtherType, encodeEthernet, parseEthernet } from './ethernet.ts'
import { answerEcho } from './icmp.ts'
import { encodeIpv4Packet, type Ipv4Packet, Protocol, parseIpv4Packet } from './ipv4.ts'
import { answerNtp } from './ntp.ts'
import { encodeUdp, parseUdp } from './udp.ts'

/** Where it listens. */
const Port = { DNS: 53, NTP: 123 } as const
/** Administered here, of one card (IEEE 802), and the rest says `orlop`. */
export const STATION_MAC = 0x02_6f_72_6c_6f_70

/** Who the host is to the machines of a network. */
export interface Station {
  mac: number
  address: number
  names: NameTable
}

/**
 * What the host answers to a frame: who has its address, echo, names and the time. Any bytes may come; what is not a
 * question to it, or damaged, gets no answer.
 *
 * @param nowMs the time that machines are told: milliseconds since 1970
 */
export function answerFrame(station: Station, bytes: Buffer, nowMs: number): Buffer | undefined {
  const frame = parseEthernet(bytes)
  if (frame === undefined || frame.source === station.mac) return undefined
  if (!frame.isToGroup && frame.destination !== station.mac) return undefined
  const payload = answerPayload(station, frame, nowMs)
  return payload && encodeEthernet(frame.source, station.mac, frame.type, payload)
}

function answerPayload(
  station: Station,
  { type, isToGroup, payload }: { type: number; isToGroup: boolean; payload: Buffer },
  nowMs: number,
): Buffer | undefined {
  if (type === EtherType.ARP) return answerArp(payload, station)
  if (type !== EtherType.IPV4 || isToGroup) return undefined
  const packet = parseIpv4Packet(payload)
  if (packet === undefined || packet.destination !== station.address || packet.source === station.address)
    return undefined
  const reply = packet.protocol === Protocol.ICMP ? answerIcmp(packet) : answerUdp(station, packet, nowMs)
  return reply && encodeIpv4Packet(reply)
}

function answerIcmp({ source, destination, protocol, payload }: Ipv4Packet): Ipv4Packet | undefined {
  const reply = answerEcho(payload)
  return reply && { source: destination, destination: source, protocol, payload: reply }
}

function answerUdp(station: Station, packet: Ipv4Packet, nowMs: number): Ipv4Packet | undefined {
  const datagram = parseUdp(packet)
  if (datagram === undefined) return undefined
  const { sourcePort, destinationPort, payload } = datagram
  let reply: Buffer | undefined
  if (destinationPort === Port.DNS) reply = answerDns(payload, station.names)
  else if (destinationPort === Port.NTP) reply = answerNtp(payload, nowMs)
  const way = { source: packet.destination, destination: packet.source }
  return reply && encodeUdp(way, { sourcePort: destinationPort, destinationPort: sourcePort, payload: reply })
}
