import { crc32 } from 'node:zlib'

/**
 * The bytes of a stream between members: frames, one after the other.
 *
 *   frame    length 4 │ checksum 4 │ kind 1 │ body
 *
 * Numbers are big-endian. The length is that of kind and body, the checksum theirs, too: CRC-32 as of Ethernet, which
 * Node computes natively. TCP's own sum lets one damaged segment in 65,536 pass (Stone and Partridge, "When the CRC and
 * TCP checksum disagree", 2000), and an entry that is damaged on its way would be applied by one member only.
 */
export const FRAME_HEAD_BYTES = 9
/** Of kind and body. An entry is far smaller; a snapshot travels in chunks. It bounds what a reader gathers. */
export const FRAME_BYTES_MAX = 64 * 1024 * 1024

/** What a frame holds. Never renumber, only add. */
export const Kind = {
  /** A message of Raft (`raft/codec.ts`). */
  MESSAGE: 1,
  /** A question for a sign of life: `stamp 8`, which goes back as it came. */
  PING: 2,
  /** The answer to it: `stamp 8 │ wall clock of who answers, milliseconds since 1970, 8`, both as floating numbers. */
  PONG: 3,
  /** A piece of a snapshot. */
  CHUNK: 4,
  /** The end of a snapshot: `bytes of all chunks 8 (a floating number) │ their CRC-32C 4`. */
  END: 5,
  /** What became of a snapshot: `1` when it was accepted, else `0`. */
  VERDICT: 6,
} as const
/** One of the values of `Kind`. */
export type Kind = (typeof Kind)[keyof typeof Kind]

const PING_BYTES = 8
const PONG_BYTES = 16
const END_BYTES = 12

/** Bytes that no member of ours would send; the connection they came by is of no more use. */
export class FrameError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'FrameError'
  }
}

/**
 * Completes a frame of which kind and body have been written.
 *
 * @param start where the frame begins: `FRAME_HEAD_BYTES` before the body
 * @param end where the body ends
 */
export function sealFrame(bytes: Buffer, start: number, end: number, kind: Kind): void {
  bytes[start + 8] = kind
  bytes.writeUInt32BE(end - start - 8, start)
  bytes.writeUInt32BE(crc32(bytes.subarray(start + 8, end)), start + 4)
}

/** The head of a frame whose body is written behind it from where it lies. */
export function frameHead(kind: Kind, body: Uint8Array): Buffer {
  const head = Buffer.allocUnsafe(FRAME_HEAD_BYTES)
  head[8] = kind
  head.writeUInt32BE(body.length + 1, 0)
  head.writeUInt32BE(crc32(body, crc32(head.subarray(8))), 4)
  return head
}

/** A small frame in one piece. */
export function encodeFrame(kind: Kind, body: Uint8Array): Buffer {
  return Buffer.concat([frameHead(kind, body), body])
}

/** @param stamp any number; it comes back */
export function encodePing(stamp: number): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEAD_BYTES + PING_BYTES)
  bytes.writeDoubleBE(stamp, FRAME_HEAD_BYTES)
  sealFrame(bytes, 0, bytes.length, Kind.PING)
  return bytes
}

/** @throws FrameError */
export function decodePing(body: Buffer): number {
  demand(body, PING_BYTES, 'ping')
  return finite(body.readDoubleBE(0), 'ping')
}

/** @param wallClockMs of who answers, since 1970 */
export function encodePong(stamp: number, wallClockMs: number): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEAD_BYTES + PONG_BYTES)
  bytes.writeDoubleBE(stamp, FRAME_HEAD_BYTES)
  bytes.writeDoubleBE(wallClockMs, FRAME_HEAD_BYTES + 8)
  sealFrame(bytes, 0, bytes.length, Kind.PONG)
  return bytes
}

/** @throws FrameError */
export function decodePong(body: Buffer): { stamp: number; wallClockMs: number } {
  demand(body, PONG_BYTES, 'pong')
  return { stamp: finite(body.readDoubleBE(0), 'pong'), wallClockMs: finite(body.readDoubleBE(8), 'pong') }
}

/** The end of a snapshot of so many bytes with that CRC-32C. */
export function encodeEnd(length: number, checksum: number): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEAD_BYTES + END_BYTES)
  bytes.writeDoubleBE(length, FRAME_HEAD_BYTES)
  bytes.writeUInt32BE(checksum, FRAME_HEAD_BYTES + 8)
  sealFrame(bytes, 0, bytes.length, Kind.END)
  return bytes
}

/** @throws FrameError */
export function decodeEnd(body: Buffer): { length: number; checksum: number } {
  demand(body, END_BYTES, 'end of a snapshot')
  return { length: finite(body.readDoubleBE(0), 'end of a snapshot'), checksum: body.readUInt32BE(8) }
}

/** What the receiver of a snapshot says of it. */
export function encodeVerdict(accepted: boolean): Buffer {
  return encodeFrame(Kind.VERDICT, Buffer.of(accepted ? 1 : 0))
}

/** @throws FrameError */
export function decodeVerdict(body: Buffer): boolean {
  demand(body, 1, 'verdict')
  if (body[0]! > 1) throw new FrameError(`the verdict is ${body[0]}`)
  return body[0] === 1
}

function demand(body: Buffer, length: number, what: string): void {
  if (body.length !== length) throw new FrameError(`a ${what} of ${body.length} bytes, not ${length}`)
}

function finite(value: number, what: string): number {
  if (!Number.isFinite(value)) throw new FrameError(`no number in a ${what}`)
  return value
}
