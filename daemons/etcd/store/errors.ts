import { strip } from './path.ts'
import { quote } from './quote.ts'

/** What a code means: the message on the wire and the HTTP status. */
interface Meaning {
  readonly message: string
  readonly status: number
}

/** Codes that this server sends. The catalogue below also knows those that only old clients still look for. */
export const KEY_NOT_FOUND = 100
export const COMPARE_FAILED = 101
export const NOT_A_FILE = 102
export const NOT_A_DIRECTORY = 104
export const KEY_EXISTS = 105
export const ROOT_READ_ONLY = 107
export const DIRECTORY_NOT_EMPTY = 108
export const UNAUTHORIZED = 110
export const PREV_VALUE_REQUIRED = 201
export const BAD_TTL = 202
export const BAD_INDEX = 203
export const INVALID_FIELD = 209
export const INVALID_FORM = 210
export const REFRESH_VALUE = 211
export const REFRESH_TTL_REQUIRED = 212
export const RAFT_INTERNAL = 300
export const LEADER_ELECTION = 301
export const WATCHER_CLEARED = 400
export const EVENT_INDEX_CLEARED = 401

const MEANINGS = new Map<number, Meaning>([
  [100, { message: 'Key not found', status: 404 }],
  [101, { message: 'Compare failed', status: 412 }],
  [102, { message: 'Not a file', status: 403 }],
  [103, { message: 'Reached the max number of peers in the cluster', status: 400 }],
  [104, { message: 'Not a directory', status: 400 }],
  [105, { message: 'Key already exists', status: 412 }],
  [106, { message: 'The prefix of given key is a keyword in etcd', status: 400 }],
  [107, { message: 'Root is read only', status: 400 }],
  [108, { message: 'Directory not empty', status: 403 }],
  [109, { message: 'Peer address has existed', status: 400 }],
  [110, { message: 'The request requires user authentication', status: 401 }],
  [200, { message: 'Value is Required in POST form', status: 400 }],
  [201, { message: 'PrevValue is Required in POST form', status: 400 }],
  [202, { message: 'The given TTL in POST form is not a number', status: 400 }],
  [203, { message: 'The given index in POST form is not a number', status: 400 }],
  [204, { message: 'Value or TTL is required in POST form', status: 400 }],
  [205, { message: 'The given timeout in POST form is not a number', status: 400 }],
  [206, { message: 'Name is required in POST form', status: 400 }],
  [207, { message: 'Index or value is required', status: 400 }],
  [208, { message: 'Index and value cannot both be specified', status: 400 }],
  [209, { message: 'Invalid field', status: 400 }],
  [210, { message: 'Invalid POST form', status: 400 }],
  [211, { message: 'Value provided on refresh', status: 400 }],
  [212, { message: 'A TTL must be provided on refresh', status: 400 }],
  [300, { message: 'Raft Internal Error', status: 500 }],
  [301, { message: 'During Leader Election', status: 500 }],
  [400, { message: 'watcher is cleared due to etcd recovery', status: 400 }],
  [401, { message: 'The event in requested index is outdated and cleared', status: 400 }],
  [402, { message: 'Standby Internal Error', status: 400 }],
  [403, { message: 'Invalid active size', status: 400 }],
  [404, { message: 'Standby remove delay', status: 400 }],
  [500, { message: 'Client Internal Error', status: 400 }],
])

/**
 * A refusal that belongs to the protocol. It is answered, never thrown, and carries no stack: a client that loses a
 * compare-and-swap again and again is everyday work.
 */
export class StoreError {
  readonly code: number
  /** What it was about; a path of the store with its prefix, or a sentence. Left out on the wire when empty. */
  readonly cause: string
  /** The store's index when it was refused; 0 where the store was not reached. */
  readonly index: number

  constructor(code: number, cause: string, index: number) {
    this.code = code
    this.cause = cause
    this.index = index
  }
}

/** The HTTP status that goes with a code; 400 for one that is not in the catalogue. */
export function statusOfError(error: StoreError): number {
  return MEANINGS.get(error.code)?.status ?? 400
}

/** The message of a code as it stands on the wire; empty for one that is not in the catalogue. */
export function messageOf(code: number): string {
  return MEANINGS.get(code)?.message ?? ''
}

/** The body of the answer, with its line end (specification §2.4). */
export function renderError(error: StoreError): string {
  const cause = strip(error.cause)
  return (
    `{"errorCode":${error.code},"message":${quote(messageOf(error.code))}` +
    `${cause === '' ? '' : `,"cause":${quote(cause)}`},"index":${error.index}}\n`
  )
}
