const PACKET_BYTES = 48
const MODE_CLIENT = 3
const MODE_SERVER = 4
/** Older ones have another form. */
const VERSION_MIN = 3
const VERSION_MAX = 4
/** Our host has its time from a server that has it from a clock; it may itself be wrong, but nobody here knows better. */
const STRATUM = 2
/** The clock counts milliseconds: 2 to the power of -10 seconds. */
const PRECISION = -10
/** How wrong our clock may be, in seconds: small enough for clients to take it, and not less than a millisecond. */
const DISPERSION_S = 0.002
/** The address of who our time is from, as a stratum of 2 has to name: this very host. */
const REFERENCE = 0x7f000001
/** Seconds from the first of January 1900, where NTP counts from, to that of 1970. */
const EPOCH_S = 2_208_988_800
/** How often, we say, our clock is set. */
const SET_INTERVAL_S = 64

/**
 * Answers a client that asks for the time (RFC 5905, mode 3).
 *
 * @param nowMs the time: milliseconds since 1970, with any fraction
 * @returns undefined when it is no such question
 */
export function answerNtp(request: Buffer, nowMs: number): Buffer | undefined {
  // What follows the packet are extensions and a signature, which we have no key for.
  if (request.length < PACKET_BYTES || request.length % 4 !== 0) return undefined
  const version = (request[0]! >> 3) & 7
  if ((request[0]! & 7) !== MODE_CLIENT || version < VERSION_MIN || version > VERSION_MAX) return undefined
  const reply = Buffer.alloc(PACKET_BYTES)
  reply[0] = (version << 3) | MODE_SERVER
  reply[1] = STRATUM
  reply[2] = request[2]! // how often it asks, as it says
  reply.writeInt8(PRECISION, 3)
  reply.writeUInt32BE(Math.round(DISPERSION_S * 2 ** 16), 8)
  reply.writeUInt32BE(REFERENCE, 12)
  const setMs = Math.floor(nowMs / 1000 / SET_INTERVAL_S) * SET_INTERVAL_S * 1000
  writeTime(reply, 16, setMs)
  request.copy(reply, 24, 40, 48) // when it asked, by its clock: how it knows its answer
  writeTime(reply, 32, nowMs)
  writeTime(reply, 40, nowMs)
  return reply
}

/** Seconds and their fraction, 32 bits each. The seconds begin again in 2036, as the protocol has it. */
function writeTime(bytes: Buffer, at: number, timeMs: number): void {
  const seconds = Math.floor(timeMs / 1000)
  const fraction = (timeMs - seconds * 1000) / 1000
  bytes.writeUInt32BE((seconds + EPOCH_S) % 2 ** 32, at)
  bytes.writeUInt32BE(Math.floor(fraction * 2 ** 32), at + 4)
}
