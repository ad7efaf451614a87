import { ByteReader, ByteWriter } from '../store/bytes.ts'

/**
 * What this program keeps beside a change of members in the log: who waits for it, and where the member is reached.
 *
 *   version │ session │ sequence │ count │ peer URLs
 */
export interface ChangeContext {
  /** As in commands of the store; 0 for founders and what was forced. */
  session: number
  sequence: number
  peerUrls: readonly string[]
}

const VERSION = 1
const BYTES_FIRST = 256
/** More are never meant. */
const URLS_MAX = 1024

/** As the context of a change in the log. */
export function encodeContext({ session, sequence, peerUrls }: ChangeContext): Uint8Array {
  const writer = new ByteWriter(BYTES_FIRST)
  writer.byte(VERSION)
  writer.varint(session)
  writer.varint(sequence)
  writer.varint(peerUrls.length)
  for (const url of peerUrls) writer.text(url)
  return writer.take()
}

/** @throws UserError for anything that `encodeContext` does not write */
export function decodeContext(bytes: Uint8Array): ChangeContext {
  const reader: ByteReader = new ByteReader(bytes, 'a change of members')
  const version = reader.byte()
  if (version !== VERSION) reader.fail(`has format ${version}, which this version does not know`)
  const session = reader.varint()
  const sequence = reader.varint()
  const count = reader.varint()
  if (count > URLS_MAX) reader.fail(`has ${count} URLs`)
  const peerUrls: string[] = []
  for (let at = 0; at < count; at++) peerUrls.push(reader.text())
  reader.end()
  return { session, sequence, peerUrls }
}
