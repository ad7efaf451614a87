import type { ReadOptions, RemoveOptions, WriteOptions } from './types.ts'
import { canonicalPath, encodeForm, encodePath } from './url.ts'

/** A request to whichever member will serve it. */
export interface EtcdRequest {
  method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** Encoded path, with the query. */
  path: string
  body: string | undefined
  contentType: 'application/x-www-form-urlencoded' | 'application/json' | undefined
  /** Waits for an event: no limit on the time until an answer. */
  wait: boolean
  /**
   * To be sent to one member only: a second execution would be told that the first one's work is there already
   * (delete, create), or do it twice (in-order create).
   */
  oneShot: boolean
}

const KEYS = '/v2/keys'

/** Reads a key or lists a directory. */
export function readRequest(key: string, options: ReadOptions): EtcdRequest {
  const { recursive = false, sorted = false, quorum = false } = options
  return bare('GET', keyPath(key, { recursive, sorted, quorum }))
}

/** Waits for the first event at `waitIndex` or later; 0 means from now on. */
export function watchRequest(key: string, waitIndex: number, recursive: boolean): EtcdRequest {
  return { ...bare('GET', keyPath(key, { recursive, wait: true, waitIndex })), wait: true }
}

/** Sets, creates, updates or swaps, as its conditions say. */
export function writeRequest(key: string, value: string, options: WriteOptions): EtcdRequest {
  const { dir = false, prevValue, prevIndex, prevExist, ttlSeconds = 0, refresh = false } = options
  const query = {
    dir: dir || undefined,
    prevValue: dir ? undefined : prevValue || undefined,
    prevIndex: prevIndex || undefined,
    prevExist,
  }
  const form = {
    // A refresh that names a value is refused.
    value: dir || refresh ? undefined : value,
    ttl: ttlSeconds > 0 ? ttlSeconds : undefined,
    refresh: refresh || undefined,
  }
  return formRequest('PUT', keyPath(key, query), encodeForm(form), prevExist === false)
}

/** Creates a file in a directory under a name that grows with the index. */
export function inOrderRequest(directory: string, value: string, ttlSeconds: number): EtcdRequest {
  const body = encodeForm({ value, ttl: ttlSeconds > 0 ? ttlSeconds : undefined })
  return formRequest('POST', keyPath(directory, {}), body, true)
}

/** Deletes, as its conditions say. */
export function removeRequest(key: string, options: RemoveOptions): EtcdRequest {
  const query = {
    dir: options.dir || undefined,
    recursive: options.recursive || undefined,
    prevValue: options.prevValue || undefined,
    prevIndex: options.prevIndex || undefined,
  }
  return { ...bare('DELETE', keyPath(key, query)), oneShot: true }
}

/**
 * A request to an API that speaks JSON: members, auth.
 *
 * @param path not encoded
 * @param content of the body; none when undefined
 */
export function jsonRequest(method: EtcdRequest['method'], path: string, content?: unknown): EtcdRequest {
  const request = bare(method, encodePath(canonicalPath(path)))
  if (content === undefined) return request
  return { ...request, body: JSON.stringify(content), contentType: 'application/json' }
}

function keyPath(
  key: string,
  query: Readonly<Record<string, string | number | boolean | undefined>>,
): string {
  const path = encodePath(canonicalPath(key === '' || key.startsWith('/') ? KEYS + key : `${KEYS}/${key}`))
  const form = encodeForm(query)
  return form === '' ? path : `${path}?${form}`
}

function bare(method: EtcdRequest['method'], path: string): EtcdRequest {
  return { method, path, body: undefined, contentType: undefined, wait: false, oneShot: false }
}

function formRequest(method: 'PUT' | 'POST', path: string, body: string, oneShot: boolean): EtcdRequest {
  return { method, path, body, contentType: 'application/x-www-form-urlencoded', wait: false, oneShot }
}
