import { setTimeout as pause } from 'node:timers/promises'
import type { Perform } from './client.ts'
import { inOrderRequest, readRequest, removeRequest, watchRequest, writeRequest } from './request.ts'
import { decodeKeys, isEmptyAnswer } from './response.ts'
import type { KeysResponse, ReadOptions, RemoveOptions, WriteOptions } from './types.ts'

/** A member that ends watches without events is not asked again at once. */
const EMPTY_ANSWER_PAUSE_MS = 50

/** Operations on keys. Each may throw EtcdError, ProtocolError and what `EtcdClient.perform` throws. */
export class KeysClient {
  readonly #perform: Perform

  constructor(perform: Perform) {
    this.#perform = perform
  }

  /** Reads a file or lists a directory. */
  async get(key: string, options: ReadOptions = {}, signal?: AbortSignal): Promise<KeysResponse> {
    return decodeKeys(await this.#perform(readRequest(key, options), signal))
  }

  /** Writes a file or makes a directory, under the conditions given. */
  async set(
    key: string,
    value: string,
    options: WriteOptions = {},
    signal?: AbortSignal,
  ): Promise<KeysResponse> {
    return decodeKeys(await this.#perform(writeRequest(key, value, options), signal))
  }

  /** Writes what must not exist; code 105 when it does. */
  create(
    key: string,
    value: string,
    options: WriteOptions = {},
    signal?: AbortSignal,
  ): Promise<KeysResponse> {
    return this.set(key, value, { ...options, prevExist: false }, signal)
  }

  /** Writes what must exist; code 100 when it does not. */
  update(
    key: string,
    value: string,
    options: WriteOptions = {},
    signal?: AbortSignal,
  ): Promise<KeysResponse> {
    return this.set(key, value, { ...options, prevExist: true }, signal)
  }

  /** Gives a key a new life time; watchers are not told. */
  refresh(
    key: string,
    ttlSeconds: number,
    options: WriteOptions = {},
    signal?: AbortSignal,
  ): Promise<KeysResponse> {
    return this.set(key, '', { ...options, ttlSeconds, refresh: true, prevExist: true }, signal)
  }

  /** Makes a directory; code 105 when the key exists. */
  makeDirectory(key: string, ttlSeconds = 0, signal?: AbortSignal): Promise<KeysResponse> {
    return this.set(key, '', { dir: true, prevExist: false, ttlSeconds }, signal)
  }

  /** Creates a file under a name that grows with each. */
  async createInOrder(
    directory: string,
    value: string,
    ttlSeconds = 0,
    signal?: AbortSignal,
  ): Promise<KeysResponse> {
    return decodeKeys(await this.#perform(inOrderRequest(directory, value, ttlSeconds), signal))
  }

  /** Deletes a file or directory. */
  async delete(key: string, options: RemoveOptions = {}, signal?: AbortSignal): Promise<KeysResponse> {
    return decodeKeys(await this.#perform(removeRequest(key, options), signal))
  }

  /**
   * Follows a key, or with `recursive` what is below it too.
   *
   * @param options.afterIndex the last index already known; 0 is now. To miss nothing: `get`, then its `index`.
   */
  watch(key: string, options: { afterIndex?: number; recursive?: boolean } = {}): Watcher {
    const { afterIndex = 0, recursive = false } = options
    return new Watcher(this.#perform, key, afterIndex > 0 ? afterIndex + 1 : 0, recursive)
  }
}

/** A place in the history of a key. */
export class Watcher {
  readonly #perform: Perform
  readonly #key: string
  readonly #recursive: boolean
  #waitIndex: number

  /** @param waitIndex first index of interest; 0 is the next event */
  constructor(perform: Perform, key: string, waitIndex: number, recursive: boolean) {
    this.#perform = perform
    this.#key = key
    this.#recursive = recursive
    this.#waitIndex = waitIndex
  }

  /**
   * Waits for the next event.
   *
   * @throws EtcdError with code 401 when the events since the last one are forgotten: read the key anew, then watch
   * from the index of that answer
   */
  async next(signal?: AbortSignal): Promise<KeysResponse> {
    for (;;) {
      const reply = await this.#perform(watchRequest(this.#key, this.#waitIndex, this.#recursive), signal)
      if (isEmptyAnswer(reply)) {
        await pause(EMPTY_ANSWER_PAUSE_MS)
        continue
      }
      const event = decodeKeys(reply)
      this.#waitIndex = event.node.modifiedIndex + 1
      return event
    }
  }
}
