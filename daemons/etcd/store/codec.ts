import assert from 'node:assert'
import { UserError } from '#lib/errors.ts'
import { ByteReader, sizeOfVarint, writeText, writeVarint } from './bytes.ts'
import { PERMANENT } from './node.ts'
import type { Operation } from './operation.ts'

/**
 * An operation as bytes of a log entry:
 *
 *   0      1        2     3      4
 *   kind   version  type  flags  session  sequence  [path]  [value]  [expiry  [clock]]  [prevValue]  [prevIndex]  [now]
 *
 * `kind` tells which store an entry is for: 1 is this one, all others are free. A member that meets a kind or version
 * it does not know must stop and say so: to skip an entry is to differ from the others for ever. Texts are UTF-8 behind
 * their length, counts are varints, times are doubles. The flags say which optional parts follow, so that every
 * operation has exactly one spelling, and the decoder refuses any other.
 *
 * `clock` is that of the member from whose it counted the expiry: the leader moves both to its own (`retimeCommand`).
 */
export const KIND_V2 = 1
export const CODEC_VERSION = 1

/** Flags of byte 3. */
const DIR = 1
const RECURSIVE = 2
const REFRESH = 4
const UNIQUE = 8
const EXPIRES = 16
const PREV_VALUE = 32
const PREV_INDEX = 64
/** Only with EXPIRES. */
const CLOCKED = 128

const TYPES = [
  'set',
  'create',
  'update',
  'compareAndSwap',
  'delete',
  'compareAndDelete',
  'sync',
] as const satisfies readonly Operation['type'][]

/** Flags that may stand with each type, in the order of TYPES. */
const ALLOWED = [
  DIR | REFRESH | EXPIRES | CLOCKED,
  DIR | UNIQUE | EXPIRES | CLOCKED,
  REFRESH | EXPIRES | CLOCKED,
  REFRESH | EXPIRES | CLOCKED | PREV_VALUE | PREV_INDEX,
  DIR | RECURSIVE,
  PREV_VALUE | PREV_INDEX,
  0,
]
const HEADER_BYTES = 4
const TIME_BYTES = 8

/**
 * An operation and who waits for its result: `session` is a number that a member draws when it starts, `sequence` counts
 * its proposals. Both 0: nobody waits.
 */
export interface Command {
  session: number
  sequence: number
  operation: Operation
  /** Wall clock from which the expiry was counted, in milliseconds since 1970; 0 when there is none. */
  clockMs: number
}

/**
 * The bytes of an entry.
 *
 * @param clockMs wall clock of the proposer, which is kept beside an expiry; 0: none is
 */
export function encodeCommand(
  session: number,
  sequence: number,
  operation: Operation,
  clockMs: number = 0,
): Buffer {
  const path = operation.type === 'sync' ? '' : operation.path
  const value = 'value' in operation ? operation.value : ''
  const prevValue = 'prevValue' in operation ? operation.prevValue : ''
  const prevIndex = 'prevIndex' in operation ? operation.prevIndex : 0
  const time = timeOf(operation)
  let flags = flagsOf(operation)
  if (flags & EXPIRES && clockMs !== 0) flags |= CLOCKED
  const pathBytes = Buffer.byteLength(path)
  const valueBytes = Buffer.byteLength(value)
  const prevBytes = Buffer.byteLength(prevValue)

  let size = HEADER_BYTES + sizeOfVarint(session) + sizeOfVarint(sequence)
  if (operation.type !== 'sync') size += sizeOfVarint(pathBytes) + pathBytes
  if ('value' in operation) size += sizeOfVarint(valueBytes) + valueBytes
  if (time !== undefined) size += TIME_BYTES
  if (flags & CLOCKED) size += TIME_BYTES
  if (flags & PREV_VALUE) size += sizeOfVarint(prevBytes) + prevBytes
  if (flags & PREV_INDEX) size += sizeOfVarint(prevIndex)

  const bytes = Buffer.allocUnsafe(size)
  bytes[0] = KIND_V2
  bytes[1] = CODEC_VERSION
  bytes[2] = TYPES.indexOf(operation.type)
  bytes[3] = flags
  let at = writeVarint(bytes, session, HEADER_BYTES)
  at = writeVarint(bytes, sequence, at)
  if (operation.type !== 'sync') at = writeText(bytes, path, pathBytes, at)
  if ('value' in operation) at = writeText(bytes, value, valueBytes, at)
  if (time !== undefined) at = bytes.writeDoubleLE(time, at)
  if (flags & CLOCKED) at = bytes.writeDoubleLE(clockMs, at)
  if (flags & PREV_VALUE) at = writeText(bytes, prevValue, prevBytes, at)
  if (flags & PREV_INDEX) at = writeVarint(bytes, prevIndex, at)
  assert(at === size, 'the bytes are as many as were counted')
  return bytes
}

/** The time an operation carries; undefined when it carries none. */
function timeOf(operation: Operation): number | undefined {
  if (operation.type === 'sync') return operation.nowMs
  if (!('expiresAtMs' in operation) || operation.expiresAtMs === PERMANENT) return undefined
  return operation.expiresAtMs
}

function flagsOf(operation: Operation): number {
  let flags = 0
  if ('dir' in operation && operation.dir) flags |= DIR
  if ('recursive' in operation && operation.recursive) flags |= RECURSIVE
  if ('refresh' in operation && operation.refresh) flags |= REFRESH
  if ('unique' in operation && operation.unique) flags |= UNIQUE
  if ('expiresAtMs' in operation && operation.expiresAtMs !== PERMANENT) flags |= EXPIRES
  if ('prevValue' in operation && operation.prevValue !== '') flags |= PREV_VALUE
  if ('prevIndex' in operation && operation.prevIndex !== 0) flags |= PREV_INDEX
  return flags
}

/**
 * The command of an entry. Its texts share no memory with the bytes.
 *
 * @throws UserError for bytes that are none: damaged, or written by a version that knows more
 */
export function decodeCommand(bytes: Uint8Array): Command {
  const reader: ByteReader = new ByteReader(bytes, 'an entry of the log')
  const kind = reader.byte()
  if (kind !== KIND_V2) reader.fail(`is of kind ${kind}, which this version does not know`)
  const version = reader.byte()
  if (version !== CODEC_VERSION) reader.fail(`has format ${version}, which this version does not know`)
  const type = reader.byte()
  const flags = reader.byte()
  const session = reader.varint()
  const sequence = reader.varint()
  const allowed = ALLOWED[type]
  if (allowed === undefined) reader.fail(`has operation ${type}, which this version does not know`)
  if ((flags & ~allowed) !== 0) reader.fail(`has flags ${flags} that its operation cannot have`)
  if ((flags & (CLOCKED | EXPIRES)) === CLOCKED) reader.fail('has a clock and nothing that expires')
  const command: Command = { session, sequence, operation: NONE, clockMs: 0 }
  command.operation = decodeOperation(reader, TYPES[type]!, flags, command)
  reader.end()
  return command
}

/**
 * Moves the expiry of a command from the clock of its proposer to that of the leader, who expires: else a member whose
 * clock is behind writes keys that are gone at once, and one whose clock is ahead writes keys that stay too long. To be
 * done before the entry is in the log. Bytes without an expiry, or that are no command, come back as they are.
 *
 * @param nowMs wall clock of the leader
 * @returns `bytes` when nothing changes, else a copy
 */
export function retimeCommand(bytes: Uint8Array, nowMs: number): Uint8Array {
  if (bytes[0] !== KIND_V2 || bytes[1] !== CODEC_VERSION || !(bytes[3]! & CLOCKED)) return bytes
  const command = decodeIfAny(bytes)
  if (command === undefined || command.clockMs === nowMs) return bytes
  const { session, sequence, operation, clockMs } = command
  if (!('expiresAtMs' in operation)) return bytes
  const movedMs = operation.expiresAtMs + nowMs - clockMs
  // Times at the edge of what can be counted stay: they are centuries away.
  if (!Number.isSafeInteger(movedMs) || movedMs === PERMANENT) return bytes
  return encodeCommand(session, sequence, { ...operation, expiresAtMs: movedMs }, nowMs)
}

/** Bytes that are no command have to be refused where entries are applied, by all members alike. */
function decodeIfAny(bytes: Uint8Array): Command | undefined {
  try {
    return decodeCommand(bytes)
  } catch (error) {
    if (error instanceof UserError) return undefined
    throw error
  }
}

/** Stands in until the operation is read. */
const NONE: Operation = { type: 'sync', nowMs: 0 }

function decodeOperation(
  reader: ByteReader,
  type: Operation['type'],
  flags: number,
  command: Command,
): Operation {
  if (type === 'sync') return { type, nowMs: reader.integer() }
  const path = reader.text()
  if (path.charCodeAt(0) !== 0x2f) reader.fail('has a path that does not begin with a slash')
  const dir = (flags & DIR) !== 0
  if (type === 'delete') return { type, path, dir, recursive: (flags & RECURSIVE) !== 0 }
  if (type === 'compareAndDelete') {
    return { type, path, prevValue: readPrevValue(reader, flags), prevIndex: readPrevIndex(reader, flags) }
  }
  const value = reader.text()
  const expiresAtMs = flags & EXPIRES ? reader.integer() : PERMANENT
  if (flags & EXPIRES && expiresAtMs === PERMANENT) reader.fail('has an expiry that is none')
  if (flags & CLOCKED) {
    command.clockMs = reader.integer()
    if (command.clockMs === 0) reader.fail('has a clock that is none')
  }
  const refresh = (flags & REFRESH) !== 0
  switch (type) {
    case 'set':
      return { type, path, dir, value, expiresAtMs, refresh }
    case 'create':
      return { type, path, dir, value, expiresAtMs, unique: (flags & UNIQUE) !== 0 }
    case 'update':
      return { type, path, value, expiresAtMs, refresh }
    case 'compareAndSwap': {
      const prevValue = readPrevValue(reader, flags)
      return { type, path, value, expiresAtMs, refresh, prevValue, prevIndex: readPrevIndex(reader, flags) }
    }
  }
}

function readPrevValue(reader: ByteReader, flags: number): string {
  if (!(flags & PREV_VALUE)) return ''
  const value = reader.text()
  if (value === '') reader.fail('compares with no value')
  return value
}

function readPrevIndex(reader: ByteReader, flags: number): number {
  if (!(flags & PREV_INDEX)) return 0
  const index = reader.varint()
  if (index === 0) reader.fail('compares with index 0')
  return index
}
