import { Reader } from './reader.ts'
import { parseSignature } from './signature.ts'
import {
  DBusFormatError,
  type DBusValue,
  MESSAGE_BYTES_MAX,
  type Message,
  type MessageKind,
  MessageType,
  type Variant,
} from './types.ts'
import { Writer } from './writer.ts'

/** Byte order, type, flags, version, length of the body, serial, length of the header fields. */
const FIXED_BYTES = 16
const LITTLE = 'l'.charCodeAt(0)
const BIG = 'B'.charCodeAt(0)
const VERSION = 1
const [HEADER_FIELDS] = parseSignature('a(yv)')

/** Header fields by their numbers, with their types. */
const FIELDS = [
  [1, 'path', 'o'],
  [2, 'interface', 's'],
  [3, 'member', 's'],
  [4, 'errorName', 's'],
  [5, 'replySerial', 'u'],
  [6, 'destination', 's'],
  [7, 'sender', 's'],
  [8, 'signature', 'g'],
] as const

/** Header fields that a message of a kind cannot be without. */
const REQUIRED = new Map<number, readonly (keyof Message)[]>([
  [MessageType.call, ['path', 'member']],
  [MessageType.reply, ['replySerial']],
  [MessageType.error, ['errorName', 'replySerial']],
  [MessageType.signal, ['path', 'interface', 'member']],
])

/**
 * A message to bytes, little endian.
 *
 * @throws DBusFormatError for one that a bus would cut the connection for
 */
export function encodeMessage(message: Message): Buffer {
  checkFields(message)
  const body = new Writer()
  body.values(message.signature, message.body)
  const fields: DBusValue[] = []
  for (const [code, name, signature] of FIELDS) {
    const value = message[name]
    if (value !== undefined && value !== '') fields.push([code, { signature, value }])
  }
  const head = new Writer()
  const { type, flags, serial } = message
  head.values('yyyyuu', [LITTLE, type, flags, VERSION, body.bytes.length, serial])
  head.value(HEADER_FIELDS!, fields, 0)
  head.align(8)
  const length = head.bytes.length + body.bytes.length
  if (length > MESSAGE_BYTES_MAX) throw new DBusFormatError(`a message of ${length} bytes`)
  return Buffer.concat([head.bytes, body.bytes])
}

/**
 * How long the message is that begins with these bytes; undefined as long as they do not say.
 *
 * @throws DBusFormatError for what is no message, or one that is too long
 */
export function messageLength(bytes: Buffer): number | undefined {
  if (bytes.length < FIXED_BYTES) return undefined
  const isLittle = byteOrder(bytes)
  const bodyBytes = isLittle ? bytes.readUInt32LE(4) : bytes.readUInt32BE(4)
  const fieldBytes = isLittle ? bytes.readUInt32LE(12) : bytes.readUInt32BE(12)
  const length = Math.ceil((FIXED_BYTES + fieldBytes) / 8) * 8 + bodyBytes
  if (length > MESSAGE_BYTES_MAX) throw new DBusFormatError(`a message of ${length} bytes`)
  return length
}

/**
 * The bytes of one message, no more and no less, to the message.
 *
 * @throws DBusFormatError
 */
export function decodeMessage(bytes: Buffer): Message {
  if (messageLength(bytes) !== bytes.length)
    throw new DBusFormatError('a message of another length than it says')
  const reader = new Reader(bytes, byteOrder(bytes))
  const [, type, flags, version, , serial] = reader.values('yyyyuu') as number[]
  if (version !== VERSION) throw new DBusFormatError(`a message of version ${version}`)
  const message: Message = {
    type: type as MessageKind,
    flags: flags!,
    serial: serial!,
    signature: '',
    body: [],
  }
  for (const field of reader.value(HEADER_FIELDS!, 0) as [number, Variant][]) readField(message, field)
  checkFields(message)
  reader.align(8)
  message.body = reader.values(message.signature)
  if (reader.at !== bytes.length) throw new DBusFormatError('bytes behind the body')
  return message
}

/** Fields that are not known are passed over, as the specification wants. */
function readField(message: Message, [code, { signature, value }]: [number, Variant]): void {
  const field = FIELDS.find(([number]) => number === code)
  if (field === undefined) return
  if (signature !== field[2]) throw new DBusFormatError(`header field ${field[1]} of type ${signature}`)
  Object.assign(message, { [field[1]]: value })
}

/** Kinds that are not known are let through: the specification wants them passed over. */
function checkFields(message: Message): void {
  if (message.type < MessageType.call) throw new DBusFormatError(`a message of type ${message.type}`)
  if (message.serial === 0) throw new DBusFormatError('a message with serial 0')
  for (const name of REQUIRED.get(message.type) ?? []) {
    if (!message[name]) throw new DBusFormatError(`a message of type ${message.type} without its ${name}`)
  }
}

function byteOrder(bytes: Buffer): boolean {
  if (bytes[0] === LITTLE) return true
  if (bytes[0] === BIG) return false
  throw new DBusFormatError('bytes that begin no message')
}
