/**
 * What is replicated: a change of the store in the form that every member applies. Nothing in it depends on who
 * applies it or when; times are absolute and come from the member that proposed it.
 *
 * Paths are clean and have their prefix. `expiresAtMs` is in milliseconds since 1970, `PERMANENT` (0) for never.
 * `prevIndex` 0 and `prevValue` '' are not tested. Source: specification §2.2, §2.3, §2.5.
 */
export type Operation =
  | SetOperation
  | CreateOperation
  | UpdateOperation
  | SwapOperation
  | DeleteOperation
  | CompareDeleteOperation
  | SyncOperation

/** Puts a file in place of what may be there, or makes a directory. */
export interface SetOperation {
  type: 'set'
  path: string
  dir: boolean
  value: string
  expiresAtMs: number
  /** Keeps the value, tells no watcher. */
  refresh: boolean
}

/** Makes what must not exist; `unique` makes a child of `path` that is named by the index. */
export interface CreateOperation {
  type: 'create'
  path: string
  dir: boolean
  value: string
  expiresAtMs: number
  unique: boolean
}

/** Changes what must exist. */
export interface UpdateOperation {
  type: 'update'
  path: string
  value: string
  expiresAtMs: number
  refresh: boolean
}

/** Changes a file that is still as expected. */
export interface SwapOperation {
  type: 'compareAndSwap'
  path: string
  value: string
  expiresAtMs: number
  refresh: boolean
  prevValue: string
  prevIndex: number
}

/** Removes a file, or a directory where `dir` or `recursive` allows it. */
export interface DeleteOperation {
  type: 'delete'
  path: string
  dir: boolean
  recursive: boolean
}

/** Removes a file that is still as expected. */
export interface CompareDeleteOperation {
  type: 'compareAndDelete'
  path: string
  prevValue: string
  prevIndex: number
}

/** Expires all that is due at the leader's wall clock. */
export interface SyncOperation {
  type: 'sync'
  nowMs: number
}
