import {
  COLON,
  COMMA,
  CR,
  equalsFolded,
  LF,
  QUESTION,
  SLASH,
  SPACE,
  TAB,
  TARGET,
  TOKEN,
  VALUE,
  ZERO,
} from './chars.ts'
import type { Limits } from './limits.ts'
import { methodOf } from './method.ts'
import { malformed, Refusal } from './refusal.ts'
import { Request } from './request.ts'

/** `HTTP/1.1`. */
const VERSION_BYTES = 8
/** 2^53 has 16 digits. */
const LENGTH_DIGITS_MAX = 15

// What the headers say about framing and connection, as bits of one number.
const HAS_HOST = 1
const HAS_LENGTH = 2
const IS_CHUNKED = 4
const SAYS_CLOSE = 8
const SAYS_KEEP_ALIVE = 16
const EXPECTS_CONTINUE = 32

/**
 * Looks for the empty line that ends a head.
 *
 * @param from where to go on; bytes from `start` up to there have been looked at before
 * @returns the place after it; -1 when it has not come yet; -2 when a line ends without CR. RFC 9112 §2.2 lets a
 *   server take a bare LF for a line end. We do not: a proxy before us may take it for a part of a value, and then
 *   sees fewer headers than we do. All clients of the original send CR LF.
 */
export function findHeadEnd(bytes: Buffer, start: number, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    if (bytes[at] !== LF) continue
    if (at === start || bytes[at - 1] !== CR) return -2
    if (at - start >= 3 && bytes[at - 2] === LF) return at + 1
  }
  return -1
}

/** Reads a complete head, from its first byte to after its empty line. Source: RFC 9112 §2 to §6. */
export function parseHead(bytes: Buffer, start: number, end: number, limits: Limits): Request | Refusal {
  const lineEnd = bytes.indexOf(CR, start)
  if (lineEnd - start > limits.requestLineBytesMax) return new Refusal(414, 'request line too long')
  if (bytes[lineEnd + 1] !== LF) return malformed('invalid request line')
  const request = parseRequestLine(bytes, start, lineEnd, end - 2)
  if (request instanceof Refusal) return request
  return parseHeaders(request, bytes, lineEnd + 2, end - 2, limits.headerCountMax) ?? request
}

function parseRequestLine(bytes: Buffer, start: number, end: number, headEnd: number): Request | Refusal {
  let at = start
  while (at < end && bytes[at] !== SPACE) at++
  const method = methodOf(bytes, start, at)
  if (method === undefined) return malformed('invalid method')
  const targetEnd = end - VERSION_BYTES - 1
  const targetStart = at + 1
  if (targetEnd <= targetStart || bytes[targetEnd] !== SPACE) return malformed('invalid request line')
  let question = targetEnd
  for (at = targetStart; at < targetEnd; at++) {
    const byte = bytes[at]!
    if (TARGET[byte] === 0) return malformed('invalid request target')
    if (byte === QUESTION && question === targetEnd) question = at
  }
  const minor = minorVersion(bytes, targetEnd + 1)
  if (minor instanceof Refusal) return minor
  const pathStart = startOfPath(bytes, targetStart, question)
  if (pathStart < 0) return malformed('invalid request target')
  // `http://host` without a path means its root.
  const path = pathStart === question ? '/' : bytes.toString('latin1', pathStart, question)
  const query = question < targetEnd ? bytes.toString('latin1', question + 1, targetEnd) : ''
  const request = new Request(method, path, query, bytes, end + 2, headEnd)
  request.minor = minor
  return request
}

function minorVersion(bytes: Buffer, at: number): number | Refusal {
  const isHttp =
    bytes[at] === 0x48 && bytes[at + 1] === 0x54 && bytes[at + 2] === 0x54 && bytes[at + 3] === 0x50
  if (!isHttp || bytes[at + 4] !== SLASH || bytes[at + 6] !== 0x2e)
    return malformed('invalid protocol version')
  const major = bytes[at + 5]! - ZERO
  const minor = bytes[at + 7]! - ZERO
  if (major < 0 || major > 9 || minor < 0 || minor > 9) return malformed('invalid protocol version')
  if (major !== 1) return new Refusal(505, 'only HTTP/1.0 and HTTP/1.1 are spoken here')
  return minor === 0 ? 0 : 1
}

/** Skips scheme and authority of an absolute target, which servers must take (RFC 9112 §3.2.2). -1 for no target. */
function startOfPath(bytes: Buffer, start: number, end: number): number {
  if (bytes[start] === SLASH) return start
  if (bytes[start] === 0x2a && end === start + 1) return start
  const colon = bytes.indexOf(COLON, start)
  if (colon < 0 || colon + 3 > end) return -1
  const scheme = bytes.toString('latin1', start, colon).toLowerCase()
  if ((scheme !== 'http' && scheme !== 'https') || bytes[colon + 1] !== SLASH || bytes[colon + 2] !== SLASH)
    return -1
  let at = colon + 3
  while (at < end && bytes[at] !== SLASH) at++
  return at === colon + 3 ? -1 : at
}

function parseHeaders(
  request: Request,
  bytes: Buffer,
  start: number,
  end: number,
  countMax: number,
): Refusal | undefined {
  let seen = 0
  let count = 0
  for (let at = start; at < end; ) {
    if (++count > countMax) return new Refusal(431, 'too many headers')
    const colon = endOfName(bytes, at)
    if (colon < 0) return malformed('invalid header name')
    const lineEnd = endOfValue(bytes, colon + 1)
    if (lineEnd < 0) return malformed('invalid header value')
    // Of all names only a few lengths matter here.
    const length = colon - at
    if (length === 4 || length === 6 || length === 10 || length === 14 || length === 17) {
      const said = applyHeader(request, seen, bytes, at, colon, lineEnd)
      if (said instanceof Refusal) return said
      seen = said
    }
    at = lineEnd + 2
  }
  return conclude(request, seen)
}

/** Place of the colon; -1 when the name is empty or has what names have not, such as a blank before the colon. */
function endOfName(bytes: Buffer, start: number): number {
  let at = start
  while (TOKEN[bytes[at]!] !== 0) at++
  return at > start && bytes[at] === COLON ? at : -1
}

/** Place of the CR LF; -1 when there is a control character before it, or a CR that ends no line. */
function endOfValue(bytes: Buffer, start: number): number {
  let at = start
  while (VALUE[bytes[at]!] === 1) at++
  return bytes[at] === CR && bytes[at + 1] === LF ? at : -1
}

/** The bits of what was seen, with those of one header more. */
function applyHeader(
  request: Request,
  seen: number,
  bytes: Buffer,
  nameStart: number,
  colon: number,
  lineEnd: number,
): number | Refusal {
  let start = colon + 1
  let end = lineEnd
  while (start < end && isBlank(bytes[start])) start++
  while (end > start && isBlank(bytes[end - 1])) end--
  if (equalsFolded(bytes, nameStart, colon, 'host')) {
    return seen & HAS_HOST ? malformed('more than one Host') : seen | HAS_HOST
  }
  if (equalsFolded(bytes, nameStart, colon, 'connection')) return seen | readConnection(bytes, start, end)
  if (equalsFolded(bytes, nameStart, colon, 'content-length')) {
    const length = readLength(bytes, start, end)
    if (length < 0) return malformed('invalid Content-Length')
    // The same length twice does no harm (RFC 9112 §6.3); two lengths are two opinions of where the next begins.
    if (seen & HAS_LENGTH && length !== request.bodyLength) return malformed('two values of Content-Length')
    request.bodyLength = length
    return seen | HAS_LENGTH
  }
  if (equalsFolded(bytes, nameStart, colon, 'transfer-encoding')) {
    if (seen & IS_CHUNKED) return malformed('more than one Transfer-Encoding')
    if (!equalsFolded(bytes, start, end, 'chunked')) return new Refusal(501, 'unsupported transfer encoding')
    return seen | IS_CHUNKED
  }
  if (equalsFolded(bytes, nameStart, colon, 'expect')) {
    if (!equalsFolded(bytes, start, end, '100-continue')) return new Refusal(417, 'unknown expectation')
    return seen | EXPECTS_CONTINUE
  }
  return seen
}

function conclude(request: Request, seen: number): Refusal | undefined {
  const isOld = request.minor === 0
  if (!isOld && !(seen & HAS_HOST)) return malformed('missing required Host header')
  if (seen & IS_CHUNKED) {
    if (seen & HAS_LENGTH) return malformed('both Content-Length and Transfer-Encoding')
    // RFC 9112 §6.1: a 1.0 client does not know chunks, so somebody between has garbled the framing.
    if (isOld) return malformed('Transfer-Encoding in HTTP/1.0')
    request.bodyLength = -1
  }
  request.keepAlive = isOld
    ? (seen & (SAYS_KEEP_ALIVE | SAYS_CLOSE)) === SAYS_KEEP_ALIVE
    : !(seen & SAYS_CLOSE)
  request.expectsContinue = !isOld && (seen & EXPECTS_CONTINUE) !== 0 && request.bodyLength !== 0
  return undefined
}

/** -1 for anything but decimal digits; a list of lengths too. */
function readLength(bytes: Buffer, start: number, end: number): number {
  if (end === start || end - start > LENGTH_DIGITS_MAX) return -1
  let length = 0
  for (let at = start; at < end; at++) {
    const digit = bytes[at]! - ZERO
    if (digit < 0 || digit > 9) return -1
    length = length * 10 + digit
  }
  return length
}

function readConnection(bytes: Buffer, start: number, end: number): number {
  let said = 0
  for (let at = start; at < end; ) {
    let next = at
    while (next < end && bytes[next] !== COMMA) next++
    let last = next
    while (at < last && isBlank(bytes[at])) at++
    while (last > at && isBlank(bytes[last - 1])) last--
    if (equalsFolded(bytes, at, last, 'close')) said |= SAYS_CLOSE
    else if (equalsFolded(bytes, at, last, 'keep-alive')) said |= SAYS_KEEP_ALIVE
    at = next + 1
  }
  return said
}

/** Whether lines from `start` up to the empty one at `end` could be headers: how trailers are judged. */
export function areHeaders(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; ) {
    const colon = endOfName(bytes, at)
    const lineEnd = colon < 0 ? -1 : endOfValue(bytes, colon + 1)
    if (lineEnd < 0) return false
    at = lineEnd + 2
  }
  return true
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB
}
