import type { Found, NameTable } from '../names.ts'
import { type Query, readQuery } from './query.ts'

/** The types of records that are known here (RFC 1035, 3.2.2). */
const Type = { A: 1, SOA: 6, PTR: 12, OPT: 41, ANY: 255 } as const
const CLASS_IN = 1
const CLASS_ANY = 255

/** What an answer says in four bits (RFC 1035, 4.1.1); the last one needs more of them (RFC 6891). */
const Code = { OK: 0, FORMAT: 1, ABSENT: 3, UNKNOWN: 4, REFUSED: 5, VERSION: 16 } as const

const RESPONSE = 0x8000
const AUTHORITATIVE = 0x0400
const RECURSION_DESIRED = 0x0100
const OPCODE = 0x7800
const DNSSEC_OK = 0x8000

/** How long an answer may be kept, in seconds. */
export const TTL_S = 60
/** How long it may be kept that there is none: machines are added. */
export const NEGATIVE_TTL_S = 5
/** What clients may send us in one datagram; ours are far smaller. */
const PAYLOAD_BYTES = 1232
const HEADER_BYTES = 12
/** Where the question's name is, for records that are about it. */
const QUESTION_AT = HEADER_BYTES

/**
 * Answers a question for a name or an address (RFC 1035), from the table alone.
 *
 * @param query what a datagram to port 53 carries
 * @returns undefined when it is no question at all
 */
export function answerDns(query: Buffer, table: NameTable): Buffer | undefined {
  if (query.length < HEADER_BYTES || (query.readUInt16BE(2) & RESPONSE) !== 0) return undefined
  if ((query.readUInt16BE(2) & OPCODE) !== 0) return encode(query, undefined, { code: Code.UNKNOWN })
  const asked = readQuery(query)
  if (asked === undefined) return encode(query, undefined, { code: Code.FORMAT })
  if (asked.options !== undefined && asked.options.version !== 0)
    return encode(query, asked, { code: Code.VERSION })
  if (asked.class !== CLASS_IN && asked.class !== CLASS_ANY)
    return encode(query, asked, { code: Code.REFUSED })
  return encode(query, asked, decide(asked, table.find(asked.labels)))
}

interface Reply {
  code: number
  answer?: Buffer
  authority?: Buffer
}

function decide(asked: Query, found: Found): Reply {
  if (found.kind === 'foreign') return { code: Code.REFUSED }
  const wants = (type: number) => asked.type === type || asked.type === Type.ANY
  const about = { at: QUESTION_AT, ttl: TTL_S }
  if (found.kind === 'address' && wants(Type.A)) {
    const data = Buffer.alloc(4)
    data.writeUInt32BE(found.address)
    return { code: Code.OK, answer: record({ ...about, type: Type.A, data }) }
  }
  if (found.kind === 'pointer' && wants(Type.PTR))
    return { code: Code.OK, answer: record({ ...about, type: Type.PTR, data: encodeName(found.name) }) }
  // A name alone is in no zone of ours whose beginning could be shown.
  if (found.zone === 0) return { code: Code.OK }
  const start = startOfZone(asked, found.zone)
  if (found.kind === 'zone' && wants(Type.SOA)) return { code: Code.OK, answer: start }
  return { code: found.kind === 'absent' ? Code.ABSENT : Code.OK, authority: start }
}

/** The record that lets a client remember that there is nothing (RFC 2308). */
function startOfZone({ labels }: Query, zone: number): Buffer {
  const before = labels.slice(0, labels.length - zone)
  const at = QUESTION_AT + before.reduce((bytes, label) => bytes + 1 + label.length, 0)
  const numbers = Buffer.alloc(20)
  const SERIAL = 1
  const [REFRESH_S, RETRY_S, EXPIRE_S] = [3600, 600, 86_400]
  for (const [index, number] of [SERIAL, REFRESH_S, RETRY_S, EXPIRE_S, NEGATIVE_TTL_S].entries())
    numbers.writeUInt32BE(number, index * 4)
  const data = Buffer.concat([pointer(at), encodeLabel('hostmaster'), pointer(at), numbers])
  return record({ at, type: Type.SOA, ttl: NEGATIVE_TTL_S, data })
}

/** @param at where in the message its name is */
function record({ at, type, ttl, data }: { at: number; type: number; ttl: number; data: Buffer }): Buffer {
  const head = Buffer.alloc(10)
  head.writeUInt16BE(type, 0)
  head.writeUInt16BE(CLASS_IN, 2)
  head.writeUInt32BE(ttl, 4)
  head.writeUInt16BE(data.length, 8)
  return Buffer.concat([pointer(at), head, data])
}

/** A name that stands elsewhere in the message (RFC 1035, 4.1.4). */
function pointer(at: number): Buffer {
  return Buffer.from([0xc0 | (at >> 8), at & 0xff])
}

function encodeLabel(label: string): Buffer {
  return Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])
}

function encodeName(labels: readonly string[]): Buffer {
  return Buffer.concat([...labels.map(encodeLabel), Buffer.from([0])])
}

function encode(query: Buffer, asked: Query | undefined, { code, answer, authority }: Reply): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt16BE(query.readUInt16BE(0), 0)
  const isOurs = code === Code.OK || code === Code.ABSENT
  const flags =
    RESPONSE | (query.readUInt16BE(2) & (OPCODE | RECURSION_DESIRED)) | (isOurs ? AUTHORITATIVE : 0)
  header.writeUInt16BE(flags | (code & 0x0f), 2)
  header.writeUInt16BE(asked === undefined ? 0 : 1, 4)
  header.writeUInt16BE(answer === undefined ? 0 : 1, 6)
  header.writeUInt16BE(authority === undefined ? 0 : 1, 8)
  header.writeUInt16BE(asked?.options === undefined ? 0 : 1, 10)
  return Buffer.concat([
    header,
    // As it was asked, with its capitals: clients compare.
    asked === undefined ? Buffer.alloc(0) : query.subarray(QUESTION_AT, asked.end),
    answer ?? Buffer.alloc(0),
    authority ?? Buffer.alloc(0),
    asked?.options === undefined ? Buffer.alloc(0) : encodeOptions(code, asked.options.flags),
  ])
}

function encodeOptions(code: number, flags: number): Buffer {
  const bytes = Buffer.alloc(11)
  bytes.writeUInt16BE(Type.OPT, 1)
  bytes.writeUInt16BE(PAYLOAD_BYTES, 3)
  bytes[5] = code >> 4
  bytes.writeUInt16BE(flags & DNSSEC_OK, 7)
  return bytes
}
