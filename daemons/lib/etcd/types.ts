/** A file or directory of the v2 tree, as a member shows it. */
export interface EtcdNode {
  /** Full path; `''` for the root. */
  key: string
  dir: boolean
  /** `''` for directories and in the node of a delete. */
  value: string
  /** Children; null where the answer names none. */
  nodes: EtcdNode[] | null
  createdIndex: number
  modifiedIndex: number
  /** RFC 3339 time when the node dies, or undefined for ever. */
  expiration: string | undefined
  /** Seconds left, 0 when the node does not die or is due. */
  ttl: number
}

/** What a member answers to an operation on keys, and what a watch delivers. */
export interface KeysResponse {
  /** `get`, `set`, `create`, `update`, `delete`, `compareAndSwap`, `compareAndDelete` or `expire`. */
  action: string
  node: EtcdNode
  prevNode: EtcdNode | null
  /** X-Etcd-Index: where the store stood; 0 when the member did not say. A watch goes on from one more. */
  index: number
}

/** A member of the cluster. */
export interface Member {
  /** 64 bit in lower-case hex. */
  id: string
  /** `''` until it has started once. */
  name: string
  peerURLs: string[]
  /** Empty until it has started once. */
  clientURLs: string[]
}

/** A role of the auth API: patterns it may read and write; null where the answer has none. */
export interface Role {
  role: string
  read: string[] | null
  write: string[] | null
}

/** A user of the auth API. */
export interface User {
  user: string
  roles: string[]
}

/** Conditions and life time of a write. */
export interface WriteOptions {
  /** Life time in whole seconds; absent or 0 lives for ever. */
  ttlSeconds?: number
  /** Only when the value is this; `''` is no condition. */
  prevValue?: string
  /** Only when the modified index is this; 0 is no condition. */
  prevIndex?: number
  prevExist?: boolean
  dir?: boolean
  /** Keep the value and tell no watcher; needs a life time. */
  refresh?: boolean
}

/** How a key is read. */
export interface ReadOptions {
  recursive?: boolean
  sorted?: boolean
  /** Through the leader's log: never stale, and slower. */
  quorum?: boolean
}

/** Conditions of a delete. */
export interface RemoveOptions {
  prevValue?: string
  prevIndex?: number
  /** An empty directory too. */
  dir?: boolean
  /** A directory with all below it. */
  recursive?: boolean
}
