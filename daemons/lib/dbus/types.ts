/**
 * A value of D-Bus as it is here: integers up to 32 bits, doubles and file descriptors are numbers, 64 bits are
 * bigint; strings, object paths and signatures are strings; arrays and structures are arrays; a dictionary is an array
 * of pairs; a variant names its signature.
 */
export type DBusValue = number | bigint | boolean | string | Variant | readonly DBusValue[]

/** A value that carries its type. */
export interface Variant {
  signature: string
  value: DBusValue
}

/** Kinds of messages, by their numbers on the wire (D-Bus specification, "Message Format"). */
export const MessageType = { call: 1, reply: 2, error: 3, signal: 4 } as const

/** One of the numbers of `MessageType`. */
export type MessageKind = (typeof MessageType)[keyof typeof MessageType]

/** A message; what it does not have is undefined. */
export interface Message {
  type: MessageKind
  /** 1: no reply is expected; 2: do not start the destination. */
  flags: number
  serial: number
  path?: string | undefined
  interface?: string | undefined
  member?: string | undefined
  errorName?: string | undefined
  replySerial?: number | undefined
  destination?: string | undefined
  sender?: string | undefined
  /** Of the body; `''` for none. */
  signature: string
  body: readonly DBusValue[]
}

/** Of a message, by the specification. */
export const MESSAGE_BYTES_MAX = 128 * 1024 * 1024
/** Of an array, by the specification. */
export const ARRAY_BYTES_MAX = 64 * 1024 * 1024
/** Values within values: 32 arrays and 32 structures by the specification, variants counted among them. */
export const VALUE_DEPTH_MAX = 64

/** Whether a text is an object path such as `/org/freedesktop/DBus`, or `/`. */
export function isObjectPath(text: string): boolean {
  if (text === '/') return true
  return text.startsWith('/') && !text.endsWith('/') && !text.includes('//') && !/[^A-Za-z0-9_/]/.test(text)
}

/** What a called method answered with in place of a result. */
export class DBusError extends Error {
  /** Such as `org.freedesktop.systemd1.NoSuchUnit`. */
  readonly errorName: string

  constructor(errorName: string, message: string) {
    super(message === '' ? errorName : message)
    this.name = 'DBusError'
    this.errorName = errorName
  }
}

/** Bytes that are no D-Bus. */
export class DBusFormatError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'DBusFormatError'
  }
}
