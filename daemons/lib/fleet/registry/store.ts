import type { KeysResponse, ReadOptions, RemoveOptions, WriteOptions } from '../../etcd/types.ts'

/** The part of an etcd's v2 API that the registry stands on. `EtcdClient.keys` is one. */
export interface KeyStore {
  get(key: string, options?: ReadOptions, signal?: AbortSignal): Promise<KeysResponse>
  set(key: string, value: string, options?: WriteOptions, signal?: AbortSignal): Promise<KeysResponse>
  create(key: string, value: string, options?: WriteOptions, signal?: AbortSignal): Promise<KeysResponse>
  refresh(
    key: string,
    ttlSeconds: number,
    options?: WriteOptions,
    signal?: AbortSignal,
  ): Promise<KeysResponse>
  delete(key: string, options?: RemoveOptions, signal?: AbortSignal): Promise<KeysResponse>
  watch(key: string, options?: { afterIndex?: number; recursive?: boolean }): KeyWatcher
}

/** A place in the history of a key. */
export interface KeyWatcher {
  next(signal?: AbortSignal): Promise<KeysResponse>
}
