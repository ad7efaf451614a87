import { createSocket } from 'node:dgram'
import type { Test } from 'tap'

/** A record of the zone. */
export type DnsRecord = { a: string } | { srv: { port: number; target: string } }

const TYPE_A = 1
const TYPE_SRV = 33
const CLASS_IN = 1
const TTL_SECONDS = 60
const HEADER_BYTES = 12
/** An answer, authoritative; with "no such name". */
const ANSWER = 0x8400
const NO_SUCH_NAME = 3

/**
 * A name server (RFC 1035, 2782) that knows a zone and nothing else.
 *
 * @param zone names without the dot at the end
 * @returns its address with port
 */
export async function serveNames(
  t: Test,
  zone: Readonly<Record<string, readonly DnsRecord[]>>,
): Promise<string> {
  const socket = createSocket('udp4')
  socket.on('message', (query, from) => socket.send(answer(query, zone), from.port, from.address))
  await new Promise<void>(done => socket.bind(0, '127.0.0.1', done))
  t.teardown(() => socket.close())
  return `127.0.0.1:${socket.address().port}`
}

function answer(query: Buffer, zone: Readonly<Record<string, readonly DnsRecord[]>>): Buffer {
  const labels: string[] = []
  let at = HEADER_BYTES
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  const type = query.readUInt16BE(at + 1)
  const known = zone[labels.join('.').toLowerCase()]
  const records = (known ?? []).filter(record => ('a' in record ? TYPE_A : TYPE_SRV) === type)
  const header = Buffer.alloc(HEADER_BYTES)
  query.copy(header, 0, 0, 2)
  header.writeUInt16BE(ANSWER | (known === undefined ? NO_SUCH_NAME : 0), 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(records.length, 6)
  const question = query.subarray(HEADER_BYTES, at + 5)
  return Buffer.concat([header, question, ...records.map(encodeRecord)])
}

function encodeRecord(record: DnsRecord): Buffer {
  const data =
    'a' in record
      ? Buffer.from(record.a.split('.').map(Number))
      : Buffer.concat([words(0, 0, record.srv.port), encodeName(record.srv.target)])
  const type = 'a' in record ? TYPE_A : TYPE_SRV
  // The name is that of the question, which stands behind the header.
  return Buffer.concat([words(0xc000 | HEADER_BYTES, type, CLASS_IN, 0, TTL_SECONDS, data.length), data])
}

function encodeName(name: string): Buffer {
  const labels = name
    .split('.')
    .map(label => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]))
  return Buffer.concat([...labels, Buffer.from([0])])
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2)
  for (const [at, value] of values.entries()) bytes.writeUInt16BE(value, at * 2)
  return bytes
}
