import {
  BAD_INDEX,
  BAD_TTL,
  INVALID_FIELD,
  PREV_VALUE_REQUIRED,
  REFRESH_TTL_REQUIRED,
  REFRESH_VALUE,
  StoreError,
} from './errors.ts'
import { Form, readForm } from './form.ts'
import { PERMANENT } from './node.ts'
import type { Operation } from './operation.ts'
import { keyPath } from './path.ts'

const UINT64_MAX = 2n ** 64n - 1n
/** Up to here a time to live cannot leave the range of times, whatever the clock says. */
const TTL_PLAIN_MAX_S = 1_000_000_000
const NANOSECONDS = 1_000_000_000n
const NANOSECONDS_PER_MS = 1_000_000n

/** The methods of /v2/keys; any other is answered 405 before it comes here. */
export type Method = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'

/** What a request wants, ready to be done. */
export type KeysRequest = WriteRequest | ReadRequest | WatchRequest

/** Wants a change to be agreed on. */
export interface WriteRequest {
  kind: 'write'
  operation: Operation
  /** Answer with the action alone; never for what deletes. */
  noValueOnSuccess: boolean
}

/** Wants to read, after the whole cluster has confirmed it when `quorum`. */
export interface ReadRequest {
  kind: 'read'
  path: string
  recursive: boolean
  sorted: boolean
  quorum: boolean
}

/** Wants to be told. */
export interface WatchRequest {
  kind: 'watch'
  path: string
  recursive: boolean
  stream: boolean
  /** 0: from now on. */
  waitIndex: number
}

/** The parameters after they were checked. */
interface Parameters {
  prevIndex: number
  waitIndex: number
  recursive: boolean
  sorted: boolean
  wait: boolean
  dir: boolean
  quorum: boolean
  stream: boolean
  prevValue: string
  noValueOnSuccess: boolean
  expiresAtMs: number
  prevExist: boolean | undefined
  refresh: boolean
  value: string
}

/**
 * A request to /v2/keys as what is to be done (specification §2.1, §2.2).
 *
 * @param key the path after /v2/keys, percent-decoded (`decodePath`)
 * @param query the raw query without `?`, one character for each byte
 * @param body the raw body in the same form; empty unless the content type is that of a form and the method PUT or POST
 * @param nowMs the wall clock of this member: from it expiry is fixed
 * @returns the StoreError of the first parameter that is wrong, in the original's order, with index 0
 */
export function readRequest(
  method: Method,
  key: string,
  query: string,
  body: string,
  nowMs: number,
): KeysRequest | StoreError {
  const form = new Form()
  const bad = readForm(form, body) ?? readForm(form, query)
  if (bad !== undefined) return bad
  const parameters = check(form, method, nowMs)
  if (parameters instanceof StoreError) return parameters
  const path = keyPath(key)
  const { recursive, sorted, quorum, stream, waitIndex } = parameters
  if (method === 'HEAD') return { kind: 'read', path, recursive, sorted, quorum: false }
  if (method !== 'GET') {
    const noValueOnSuccess = parameters.noValueOnSuccess && method !== 'DELETE'
    return { kind: 'write', operation: operationOf(method, path, parameters), noValueOnSuccess }
  }
  if (parameters.wait && !quorum) return { kind: 'watch', path, recursive, stream, waitIndex }
  return { kind: 'read', path, recursive, sorted, quorum }
}

/** Which change a method and its parameters mean. */
function operationOf(method: 'PUT' | 'POST' | 'DELETE', path: string, wanted: Parameters): Operation {
  const { dir, value, expiresAtMs, refresh, prevValue, prevIndex, prevExist } = wanted
  const compares = prevValue !== '' || prevIndex > 0
  if (method === 'POST') return { type: 'create', path, dir, value, expiresAtMs, unique: true }
  if (method === 'DELETE') {
    if (compares) return { type: 'compareAndDelete', path, prevValue, prevIndex }
    return { type: 'delete', path, dir, recursive: wanted.recursive }
  }
  if (prevExist === false) return { type: 'create', path, dir, value, expiresAtMs, unique: false }
  if (compares) return { type: 'compareAndSwap', path, value, expiresAtMs, refresh, prevValue, prevIndex }
  if (prevExist === true) return { type: 'update', path, value, expiresAtMs, refresh }
  return { type: 'set', path, dir, value, expiresAtMs, refresh }
}

/** The order of the lines is the order in which the original looks. */
function check(form: Form, method: Method, nowMs: number): Parameters | StoreError {
  const prevIndex = readIndex(form.prevIndex)
  if (prevIndex === undefined) return refuse(BAD_INDEX, 'invalid value for "prevIndex"')
  const waitIndex = readIndex(form.waitIndex)
  if (waitIndex === undefined) return refuse(BAD_INDEX, 'invalid value for "waitIndex"')
  const recursive = readBool(form.recursive)
  if (recursive === undefined) return refuse(INVALID_FIELD, 'invalid value for "recursive"')
  const sorted = readBool(form.sorted)
  if (sorted === undefined) return refuse(INVALID_FIELD, 'invalid value for "sorted"')
  const wait = readBool(form.wait)
  if (wait === undefined) return refuse(INVALID_FIELD, 'invalid value for "wait"')
  const dir = readBool(form.dir)
  if (dir === undefined) return refuse(INVALID_FIELD, 'invalid value for "dir"')
  const quorum = readBool(form.quorum)
  if (quorum === undefined) return refuse(INVALID_FIELD, 'invalid value for "quorum"')
  const stream = readBool(form.stream)
  if (stream === undefined) return refuse(INVALID_FIELD, 'invalid value for "stream"')
  if (wait && method !== 'GET') return refuse(INVALID_FIELD, '"wait" can only be used with GET requests')
  if (form.prevValue === '') return refuse(PREV_VALUE_REQUIRED, '"prevValue" cannot be empty')
  const noValueOnSuccess = readBool(form.noValueOnSuccess)
  if (noValueOnSuccess === undefined) return refuse(INVALID_FIELD, 'invalid value for "noValueOnSuccess"')
  const hasTtl = form.ttl !== undefined && form.ttl !== ''
  const expiresAtMs = hasTtl ? readTtl(form.ttl!, nowMs) : PERMANENT
  if (expiresAtMs === undefined) return refuse(BAD_TTL, 'invalid value for "ttl"')
  const prevExist = form.prevExist === undefined ? false : readBool(form.prevExist)
  if (prevExist === undefined) return refuse(INVALID_FIELD, 'invalid value for prevExist')
  const refresh = readBool(form.refresh)
  if (refresh === undefined) return refuse(INVALID_FIELD, 'invalid value for refresh')
  const value = form.value ?? ''
  if (refresh && value !== '') return refuse(REFRESH_VALUE, 'A value was provided on a refresh')
  if (refresh && !hasTtl) return refuse(REFRESH_TTL_REQUIRED, 'No TTL value set')
  return {
    prevIndex,
    waitIndex,
    recursive,
    sorted,
    wait,
    dir,
    quorum,
    stream,
    prevValue: form.prevValue ?? '',
    noValueOnSuccess,
    expiresAtMs,
    prevExist: form.prevExist === undefined ? undefined : prevExist,
    refresh,
    value,
  }
}

function refuse(code: number, cause: string): StoreError {
  return new StoreError(code, cause, 0)
}

/** False when absent, undefined when wrong. */
function readBool(text: string | undefined): boolean | undefined {
  switch (text) {
    case undefined:
    case 'false':
    case '0':
    case 'f':
    case 'F':
    case 'FALSE':
    case 'False':
      return false
    case 'true':
    case '1':
    case 't':
    case 'T':
    case 'TRUE':
    case 'True':
      return true
    default:
      return undefined
  }
}

/** 0 when absent, undefined when wrong. No index comes near 2^53, so a number above it may as well be that. */
function readIndex(text: string | undefined): number | undefined {
  if (text === undefined) return 0
  const value = readUint64(text)
  return value === undefined ? undefined : Math.min(Number(value), Number.MAX_SAFE_INTEGER)
}

/** Decimal digits only, undefined when wrong. */
function readUint64(text: string): number | bigint | undefined {
  if (text === '') return undefined
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x30 || code > 0x39) return undefined
  }
  const value = Number(text)
  if (Number.isSafeInteger(value)) return value
  // Far too large: not worth being exact about, however long it is.
  if (value > 2 ** 65) return undefined
  const exact = BigInt(text)
  return exact <= UINT64_MAX ? exact : undefined
}

/**
 * When something expires that has so many seconds to live. The original counts in nanoseconds of 64 bits that wrap:
 * with a time to live of centuries it comes to some other time, perhaps long ago.
 */
function readTtl(text: string, nowMs: number): number | undefined {
  const seconds = readUint64(text)
  if (seconds === undefined) return undefined
  const now = Math.floor(nowMs)
  if (typeof seconds === 'number' && seconds <= TTL_PLAIN_MAX_S) return now + seconds * 1000
  const duration = BigInt.asIntN(64, BigInt(seconds) * NANOSECONDS)
  const time = BigInt.asIntN(64, BigInt(now) * NANOSECONDS_PER_MS + duration)
  // Times before 1970 round down like all others.
  const ms = Number(time / NANOSECONDS_PER_MS)
  return time < 0n && time % NANOSECONDS_PER_MS !== 0n ? ms - 1 : ms
}
