import { sumOf } from './ipv4.ts'

const HEADER_BYTES = 8
const ECHO_REPLY = 0
const ECHO_REQUEST = 8

/**
 * Answers a request for an echo (RFC 792), which is what `ping` sends.
 *
 * @param message what a packet of ICMP carries
 * @returns undefined when it is damaged, or no such request
 */
export function answerEcho(message: Buffer): Buffer | undefined {
  if (message.length < HEADER_BYTES || message[0] !== ECHO_REQUEST || message[1] !== 0) return undefined
  if (sumOf(message) !== 0xffff) return undefined
  const reply = Buffer.from(message)
  reply[0] = ECHO_REPLY
  reply.writeUInt16BE(0, 2)
  reply.writeUInt16BE(~sumOf(reply) & 0xffff, 2)
  return reply
}
