import { MAC_BYTES } from '../address.ts'
import { EtherType } from './ethernet.ts'

const ARP_BYTES = 28
const HARDWARE_ETHERNET = 1
const REQUEST = 1
const REPLY = 2

/**
 * Answers who has our address (RFC 826), also to a machine that asks whether it may have it (RFC 5227).
 *
 * @param request what a frame of ARP carries
 * @returns what the answering frame carries; undefined when the request is not for us, or none
 */
export function answerArp(
  request: Buffer,
  { mac, address }: { mac: number; address: number },
): Buffer | undefined {
  if (request.length < ARP_BYTES) return undefined
  const isForEthernet =
    request.readUInt16BE(0) === HARDWARE_ETHERNET &&
    request.readUInt16BE(2) === EtherType.IPV4 &&
    request[4] === MAC_BYTES &&
    request[5] === 4
  if (!isForEthernet || request.readUInt16BE(6) !== REQUEST) return undefined
  if (request.readUInt32BE(24) !== address) return undefined
  const reply = Buffer.from(request.subarray(0, ARP_BYTES))
  reply.writeUInt16BE(REPLY, 6)
  reply.writeUIntBE(mac, 8, MAC_BYTES)
  reply.writeUInt32BE(address, 14)
  request.copy(reply, 18, 8, 18) // to whom it may concern: who asked
  return reply
}
